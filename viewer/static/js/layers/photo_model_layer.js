// 3D Tiles made from the photos: the textured mesh (its light is in the photos) and the building blocks (lit).

import { trueToDeckMetres } from "./deck_metres.js";
import { withTrueDepth } from "./true_depth.js";

/** Make the PhotoModelLayer class. deck: the bundle's namespace. onFailure: told of tiles that do not load. */
export function makePhotoModelLayer(deck, onFailure) {
  const Scenegraph = withTrueDepth(deck.ScenegraphLayer);
  class PhotoModelLayer extends deck.Tile3DLayer {
    getSubLayerClass(id, usual) {
      return id === "scenegraph" ? Scenegraph : super.getSubLayerClass(id, usual);
    }

    _onTileLoad(tile) {
      const { content } = tile;
      if (content?.modelMatrix && content.cartographicOrigin && !content.inDeckMetres) {
        content.modelMatrix = scaled(content.modelMatrix, trueToDeckMetres(content.cartographicOrigin[1]));
        content.inDeckMetres = true;
      }
      super._onTileLoad(tile);
    }

    _make3DModelLayer(tile) {
      const layer = super._make3DModelLayer(tile);
      return this.props.lit ? layer : layer.clone({ _lighting: "flat" });
    }

    async _loadTileset(url) {
      try {
        await super._loadTileset(url);
      } catch (error) {
        onFailure(this.id, String(error?.message ?? error));
      }
    }
  }
  PhotoModelLayer.layerName = "PhotoModelLayer";
  PhotoModelLayer.defaultProps = {
    lit: false,
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
