// Names of buildings over their roofs. Text comes from data, so it never passes through the deck JSON, where a string
// beginning with "@@=" would be read as an expression.

import { placeLabels } from "./label_placement.js";

const FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Source Han Sans SC", sans-serif';

/** Make the PlaceLabelLayer class. services: {tasks: TileTasks, heights: HeightField}. */
export function makePlaceLabelLayer(deck, { tasks, heights }) {
  class PlaceLabelLayer extends deck.CompositeLayer {
    initializeState() {
      this.setState({ tiles: new Map(), chosen: [], seen: "" });
    }

    shouldUpdateState({ changeFlags }) {
      return changeFlags.somethingChanged;
    }

    updateState({ changeFlags }) {
      if (changeFlags.viewportChanged || changeFlags.propsOrDataChanged) this.look();
    }

    look() {
      const { viewport } = this.context;
      if (!this.props.visible || viewport.zoom < this.props.minZoom) {
        if (this.state.chosen.length) this.setState({ chosen: [], seen: "" });
        return;
      }
      for (const index of this.tilesInView(viewport)) this.load(index);
      this.choose(viewport);
    }

    tilesInView(viewport) {
      const z = this.props.tileZoom;
      const n = 2 ** z;
      const [west, south, east, north] = viewport.getBounds();
      const row = (lat) => ((1 - Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / Math.PI) / 2) * n;
      const [left, right] = [west, east].map((lon) => Math.floor(((lon + 180) / 360) * n));
      const [top, bottom] = [north, south].map((lat) => Math.floor(row(lat)));
      const tiles = [];
      for (let x = left; x <= right; x += 1) for (let y = top; y <= bottom; y += 1) tiles.push({ x, y, z });
      return tiles.length > 30 ? [] : tiles;
    }

    async load(index) {
      const key = `${index.z}/${index.x}/${index.y}`;
      if (this.state.tiles.has(key)) return;
      this.state.tiles.set(key, []);
      const features = await tasks.order("vector", { tiles: this.props.tiles, index });
      if (!this.state) return;
      const named = (features ?? []).filter((feature) => feature.properties.name_zh);
      this.state.tiles.set(key, named.map(labelOf));
      this.setState({ seen: "" });
      this.setNeedsUpdate();
      this.choose(this.context.viewport);
    }

    choose(viewport) {
      const view = [viewport.longitude, viewport.latitude, viewport.zoom, viewport.pitch, viewport.bearing];
      const seen = `${view.map((value) => value.toFixed(6)).join()}|${this.state.tiles.size}`;
      if (seen === this.state.seen) return;
      const known = new Map();
      for (const labels of this.state.tiles.values()) for (const label of labels) known.set(label.code, label);
      const candidates = [];
      for (const label of known.values()) {
        const [lon, lat] = label.place;
        const position = [lon, lat, (label.roof ?? heights.at(lon, lat)) + 1.5];
        const [x, y] = viewport.project(position);
        candidates.push({ ...label, x, y, position });
      }
      const { sizePx, maxLabels } = this.props;
      const chosen = placeLabels(candidates, { sizePx, most: maxLabels, width: viewport.width, height: viewport.height });
      this.setState({ chosen, seen });
    }

    renderLayers() {
      if (!this.state.chosen.length) return null;
      return new deck.TextLayer(
        this.getSubLayerProps({ id: "names" }),
        {
          data: this.state.chosen,
          characterSet: "auto",
          fontFamily: FONT,
          fontWeight: 700,
          fontSettings: { sdf: true, fontSize: 48, buffer: 6, radius: 10 },
          getText: (label) => label.text,
          getPosition: (label) => label.position,
          getSize: this.props.sizePx,
          getColor: [30, 46, 58, 255],
          outlineColor: [255, 255, 255, 235],
          outlineWidth: 5,
          getTextAnchor: "middle",
          getAlignmentBaseline: "bottom",
          billboard: true,
          pickable: false,
          parameters: { depthCompare: "always" },
        },
      );
    }
  }
  PlaceLabelLayer.layerName = "PlaceLabelLayer";
  PlaceLabelLayer.defaultProps = { tiles: "", tileZoom: 16, minZoom: 16, maxLabels: 80, sizePx: 13 };
  return PlaceLabelLayer;
}

function labelOf(feature) {
  const ring = feature.parts[0] ?? [];
  const inner = feature.kind === "polygon" ? ring.slice(0, -1) : ring;
  const mean = (k) => inner.reduce((sum, place) => sum + place[k], 0) / Math.max(1, inner.length);
  const { code, name_zh: text, roof_h_m: roof = null, ground_h_m: ground = null } = feature.properties;
  return { code: code ?? feature.id, text, roof, place: [mean(0), mean(1)], weight: (roof ?? 0) - (ground ?? 0) };
}
