// What is open in the panel, marked on the map: a building's body and roof outline, an asset, or the bare point;
// and what is being measured.

/** Make the SelectionLayer class. */
export function makeSelectionLayer(deck) {
  class SelectionLayer extends deck.CompositeLayer {
    renderLayers() {
      const { mark, colour, outlineColour } = this.props;
      if (!mark) return null;
      return [...this.body(mark, colour), ...this.pin(mark, colour, outlineColour), ...this.measured(mark, colour, outlineColour)];
    }

    body(mark, colour) {
      if (!mark.rings?.length) return [];
      const { ground, roof } = mark;
      const at = (height) => mark.rings.map((rings) => rings.map((ring) => ring.map(([lon, lat]) => [lon, lat, height])));
      const rings = (height) => at(height).flat();
      return [
        new deck.SolidPolygonLayer(
          this.getSubLayerProps({ id: "body" }),
          {
            data: at(ground),
            getPolygon: (polygon) => polygon,
            extruded: roof > ground,
            getElevation: roof - ground + 0.15,
            getFillColor: [...colour, 105],
            material: { unlit: true },
            parameters: { depthCompare: "less-equal", depthBias: -2 },
            getPolygonOffset: () => [0, -1200],
          },
        ),
        new deck.PathLayer(
          this.getSubLayerProps({ id: "outline" }),
          {
            data: [...rings(roof + 0.2), ...rings(ground + 0.2)],
            getPath: (path) => path,
            getColor: [...colour, 255],
            getWidth: 2.5,
            widthUnits: "pixels",
            jointRounded: true,
            parameters: { depthCompare: "always" },
          },
        ),
      ];
    }

    pin(mark, colour, outlineColour) {
      if (!mark.point) return [];
      return [
        new deck.ScatterplotLayer(
          this.getSubLayerProps({ id: "pin" }),
          {
            data: [mark.point],
            getPosition: (point) => point,
            getRadius: 7,
            radiusUnits: "pixels",
            billboard: true,
            stroked: true,
            lineWidthUnits: "pixels",
            getLineWidth: 2.5,
            getFillColor: [...colour, 255],
            getLineColor: outlineColour,
            parameters: { depthCompare: "always" },
          },
        ),
      ];
    }

    measured(mark, colour, outlineColour) {
      if (!mark.path?.length) return [];
      return [
        new deck.PathLayer(
          this.getSubLayerProps({ id: "line" }),
          {
            data: mark.path.length > 1 ? [mark.path] : [],
            getPath: (path) => path,
            getColor: [...colour, 255],
            getWidth: 3,
            widthUnits: "pixels",
            parameters: { depthCompare: "always" },
          },
        ),
        new deck.ScatterplotLayer(
          this.getSubLayerProps({ id: "corners" }),
          {
            data: mark.path,
            getPosition: (point) => point,
            getRadius: 5,
            radiusUnits: "pixels",
            billboard: true,
            stroked: true,
            lineWidthUnits: "pixels",
            getLineWidth: 2,
            getFillColor: [...outlineColour, 255],
            getLineColor: [...colour, 255],
            parameters: { depthCompare: "always" },
          },
        ),
      ];
    }
  }
  SelectionLayer.layerName = "SelectionLayer";
  SelectionLayer.defaultProps = {
    mark: { type: "object", value: null, optional: true, compare: 3 },
    colour: { type: "array", value: [255, 176, 32], compare: true },
    outlineColour: { type: "array", value: [255, 255, 255], compare: true },
  };
  return SelectionLayer;
}
