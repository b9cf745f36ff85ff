// What the city keeps, from vector tiles, stood on the ground: assets as points, lines and areas, and outlines.

const DAMAGED = new Set(["破损", "丢失"]);

/** A point layer whose circles are drawn a little nearer, so that the ground before them does not cut them in half. */
function makeStandingPoints(deck) {
  class StandingPoints extends deck.ScatterplotLayer {
    getShaders() {
      const shaders = super.getShaders();
      const nearer = "position.z -= 0.004 * position.w * clamp(1.0 - position.z / position.w, 0.0, 1.0);";
      return { ...shaders, inject: { ...shaders.inject, "vs:DECKGL_FILTER_GL_POSITION": nearer } };
    }
  }
  StandingPoints.layerName = "StandingPoints";
  return StandingPoints;
}

/** Far away the API counts assets in cells: a bubble for each, with its number. */
function countBubbles(deck, props, counts) {
  const shared = { visible: props.visible, opacity: props.opacity, pickable: false, parameters: { depthCompare: "always" } };
  return [
    new deck.ScatterplotLayer({
      ...shared,
      id: `${props.id}-bubbles`,
      data: counts,
      getPosition: (cell) => cell.position,
      getRadius: (cell) => 9 + 4 * Math.log10(cell.properties.count),
      radiusUnits: "pixels",
      getFillColor: [11, 94, 99, 215],
      getLineColor: [255, 255, 255],
      stroked: true,
      getLineWidth: 1.5,
      lineWidthUnits: "pixels",
      billboard: true,
    }),
    new deck.TextLayer({
      ...shared,
      id: `${props.id}-numbers`,
      data: counts,
      getPosition: (cell) => cell.position,
      getText: (cell) => String(cell.properties.count),
      getSize: 11,
      getColor: [255, 255, 255],
      fontFamily: "sans-serif",
      fontWeight: 600,
    }),
  ];
}

/** Make the CityTileLayer class. services: {tasks: TileTasks, heights: HeightField}. */
export function makeCityTileLayer(deck, { tasks, heights }) {
  const StandingPoints = makeStandingPoints(deck);
  class CityTileLayer extends deck.TileLayer {
    async getTileData({ index, bbox, signal }) {
      const [features] = await Promise.all([
        tasks.order("vector", { tiles: this.props.tiles, index }, signal),
        heights.cover([bbox.west, bbox.south, bbox.east, bbox.north]),
      ]);
      return sorted(features ?? [], (place) => heights.at(...place) + this.props.liftM);
    }

    shown(features) {
      const hidden = this.props.hiddenCategories;
      if (!hidden?.length) return features;
      return features.filter((feature) => !hidden.includes(categoryOf(feature)));
    }

    colourOf(feature) {
      return this.props.colours?.[categoryOf(feature)] ?? this.props.lineColour ?? this.props.otherColour;
    }

    renderSubLayers(props) {
      if (!props.data) return null;
      const { points, lines, areas, counts } = props.data;
      if (counts.length) return countBubbles(deck, props, counts);
      const hidden = this.props.hiddenCategories?.join() ?? "";
      const colour = (feature) => this.colourOf(feature);
      const shared = { pickable: this.props.pickable, opacity: this.props.opacity, visible: this.props.visible };
      return [
        new deck.PathLayer({
          ...shared,
          id: `${props.id}-lines-${hidden}`,
          data: this.shown([...areas, ...lines]),
          getPath: (feature) => feature.path,
          getColor: (feature) => [...colour(feature), 235],
          getWidth: this.props.lineWidthPx,
          widthUnits: "pixels",
          widthMinPixels: 1,
          jointRounded: true,
          capRounded: true,
          parameters: { depthCompare: "always" },
        }),
        new StandingPoints({
          ...shared,
          id: `${props.id}-points-${hidden}`,
          data: this.shown(points),
          getPosition: (feature) => feature.position,
          getFillColor: (feature) => [...colour(feature), 245],
          getLineColor: (feature) => (DAMAGED.has(feature.properties.state) ? this.props.damagedColour : [255, 255, 255]),
          getLineWidth: (feature) => (DAMAGED.has(feature.properties.state) ? 0.45 : 0.22),
          lineWidthMinPixels: 0.7,
          lineWidthMaxPixels: 3,
          getRadius: (feature) => (DAMAGED.has(feature.properties.state) ? 0.95 : 0.75),
          radiusMinPixels: 2.3,
          radiusMaxPixels: 8,
          stroked: true,
          billboard: true,
          antialiasing: true,
        }),
      ];
    }
  }
  CityTileLayer.layerName = "CityTileLayer";
  CityTileLayer.defaultProps = {
    tiles: "",
    tileSize: 512,
    maxRequests: 6,
    liftM: 0.3,
    lineWidthPx: 2,
    colours: { type: "object", value: null, optional: true, compare: 2 },
    lineColour: { type: "array", value: null, optional: true, compare: true },
    otherColour: { type: "array", value: [92, 112, 128], compare: true },
    damagedColour: { type: "array", value: [200, 40, 40], compare: true },
    hiddenCategories: { type: "array", value: [], optional: true, compare: true },
    zRange: { type: "array", value: [-20, 400], optional: true, compare: true },
  };
  return CityTileLayer;
}

/** The category of an asset: the first two digits of its class code. */
export function categoryOf(feature) {
  return String(feature.properties.class_code ?? "").slice(0, 2);
}

function sorted(features, heightAt) {
  const lift = (place) => [place[0], place[1], heightAt(place)];
  const tile = { points: [], lines: [], areas: [], counts: [] };
  for (const feature of features) {
    for (const part of feature.parts) {
      const common = { id: feature.id, kind: feature.kind, properties: feature.properties, layer: feature.layer };
      if (feature.kind === "point" && feature.properties.count) {
        tile.counts.push({ ...common, position: lift(part[0]) });
      } else if (feature.kind === "point") {
        for (const place of part) tile.points.push({ ...common, position: lift(place) });
      } else if (feature.kind === "line") tile.lines.push({ ...common, path: part.map(lift) });
      else if (feature.kind === "polygon") tile.areas.push({ ...common, path: part.map(lift) });
    }
  }
  return tile;
}
