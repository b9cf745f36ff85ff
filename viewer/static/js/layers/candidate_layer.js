// The places a record may belong to, numbered as in the list beside the map, and the point the record came with.

const OVER = { depthCompare: "always" };

/** Make the CandidateLayer class. */
export function makeCandidateLayer(deck) {
  class CandidateLayer extends deck.CompositeLayer {
    renderLayers() {
      const { places, subject } = this.props;
      if (!places.length && !subject) return null;
      return [this.fills(), this.outlines(), this.ties(), this.point(), this.numbers()];
    }

    colourOf(place) {
      return place.current ? this.props.currentColour : this.props.colour;
    }

    fills() {
      const data = this.props.places.flatMap((place) => place.polygons.map((rings) => ({ place, rings })));
      return new deck.SolidPolygonLayer(this.getSubLayerProps({ id: "fills" }), {
        data,
        getPolygon: (item) => item.rings,
        getFillColor: ({ place }) => [...this.colourOf(place), place.current ? 120 : 55],
        material: { unlit: true },
        parameters: OVER,
      });
    }

    outlines() {
      const data = this.props.places.flatMap((place) => place.lines.map((path) => ({ place, path })));
      return new deck.PathLayer(this.getSubLayerProps({ id: "outlines" }), {
        data,
        getPath: (item) => item.path,
        getColor: ({ place }) => [...this.colourOf(place), 255],
        getWidth: ({ place }) => (place.current ? 3.5 : 2),
        widthUnits: "pixels",
        jointRounded: true,
        parameters: OVER,
      });
    }

    /** A line from the record's point to each place: how far apart they are is seen at a glance. */
    ties() {
      const { places, subject, subjectColour } = this.props;
      return new deck.LineLayer(this.getSubLayerProps({ id: "ties" }), {
        data: subject ? places : [],
        getSourcePosition: subject ?? [0, 0, 0],
        getTargetPosition: (place) => place.position,
        getColor: (place) => [...subjectColour, place.current ? 230 : 90],
        getWidth: (place) => (place.current ? 2.5 : 1.2),
        widthUnits: "pixels",
        parameters: OVER,
      });
    }

    /** The number below the middle, so that a building's name above it stays readable. */
    numbers() {
      return new deck.TextLayer(this.getSubLayerProps({ id: "numbers" }), {
        data: this.props.places,
        getPosition: (place) => place.position,
        getText: (place) => String(place.number),
        getSize: 15,
        getColor: (place) => (place.current ? [21, 36, 46] : [255, 255, 255]),
        getPixelOffset: [0, 16],
        fontFamily: "sans-serif",
        fontWeight: 700,
        background: true,
        getBackgroundColor: (place) => [...this.colourOf(place), 255],
        getBorderColor: [255, 255, 255],
        getBorderWidth: 2,
        backgroundPadding: [8, 3],
        backgroundBorderRadius: 12,
        parameters: OVER,
      });
    }

    point() {
      const { subject, subjectColour } = this.props;
      return new deck.ScatterplotLayer(this.getSubLayerProps({ id: "subject" }), {
        data: subject ? [subject] : [],
        getPosition: (position) => position,
        getRadius: 7,
        radiusUnits: "pixels",
        billboard: true,
        stroked: true,
        getLineWidth: 2.5,
        lineWidthUnits: "pixels",
        getFillColor: [...subjectColour, 255],
        getLineColor: [255, 255, 255],
        parameters: OVER,
      });
    }
  }
  CandidateLayer.layerName = "CandidateLayer";
  CandidateLayer.defaultProps = {
    places: { type: "array", value: [], compare: 4 },
    subject: { type: "array", value: null, optional: true, compare: true },
    colour: { type: "array", value: [11, 94, 99], compare: true },
    currentColour: { type: "array", value: [255, 170, 20], compare: true },
    subjectColour: { type: "array", value: [214, 40, 90], compare: true },
  };
  return CandidateLayer;
}
