// 3D Tiles made from the photos: the textured mesh (unlit, its light is in the photos) and the building blocks (lit).

import { trueToDeckMetres } from "./deck_metres.js";
import { withTrueDepth } from "./true_depth.js";

/** A model layer that shows the colours of a model's vertices, which deck 9.3 leaves out. */
function withVertexColours(Base) {
  class VertexColours extends Base {
    getShaders() {
      const shaders = super.getShaders();
      const inject = {
        ...shaders.inject,
        "vs:#decl": "#ifdef HAS_COLORS\nin vec4 colors;\n#endif",
        "vs:#main-end": "#ifdef HAS_COLORS\nvColor *= colors;\n#endif",
      };
      return { ...shaders, inject };
    }
  }
  VertexColours.layerName = "VertexColours";
  return VertexColours;
}

/**
 * Make the PhotoModelLayer class. deck: the bundle's namespace. services: {onFailure(task, message) is told of tiles
 * that do not load, loading: a Map where each layer leaves a function that says whether it waits for tiles}.
 */
export function makePhotoModelLayer(deck, { onFailure, loading }) {
  const Scenegraph = withTrueDepth(withVertexColours(deck.ScenegraphLayer));
  class PhotoModelLayer extends deck.Tile3DLayer {
    getSubLayerClass(id, usual) {
      return id === "scenegraph" ? Scenegraph : super.getSubLayerClass(id, usual);
    }

    initializeState() {
      super.initializeState();
      loading.set(this.id, () => this.waits());
    }

    finalizeState(context) {
      loading.delete(this.id);
      super.finalizeState(context);
    }

    waits() {
      if (!this.props.visible || !this.state) return false;
      const tileset = this.state.tileset3d;
      return tileset ? tileset.stats.get("Tiles Loading").count > 0 : !this.state.failed;
    }

    _onTileLoad(tile) {
      const { content } = tile;
      if (content?.modelMatrix && content.cartographicOrigin && !content.inDeckMetres) {
        content.modelMatrix = scaled(content.modelMatrix, trueToDeckMetres(content.cartographicOrigin[1]));
        content.inDeckMetres = true;
      }
      super._onTileLoad(tile);
    }

    // deck leaves tiles out of picking whose middle is far from the pointer: a large tile could not be clicked.
    filterSubLayer({ layer, viewport }) {
      const { tile } = layer.props;
      return Boolean(tile.selected && tile.viewportIds.includes(viewport.id));
    }

    async _loadTileset(url) {
      try {
        await super._loadTileset(url);
      } catch (error) {
        this.setState({ failed: true });
        onFailure(this.id, String(error?.message ?? error));
      }
    }
  }
  PhotoModelLayer.layerName = "PhotoModelLayer";
  PhotoModelLayer.defaultProps = {
    onTileError: { type: "function", value: (tile, message) => onFailure("3dtiles", String(message)) },
  };
  return PhotoModelLayer;
}

/** Scale a 4x4 column-major matrix on its outer side by [east, north]. */
function scaled(matrix, [east, north]) {
  const result = matrix.clone ? matrix.clone() : Float64Array.from(matrix);
  for (let column = 0; column < 4; column += 1) {
    result[column * 4] *= east;
    result[column * 4 + 1] *= north;
  }
  return result;
}
