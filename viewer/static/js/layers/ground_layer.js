// The ground: terrain tiles with the orthophoto on them, or shaded in one calm colour.

import { tileMiddle } from "./ground_mesh.js";
import { withTrueDepth } from "./true_depth.js";

const DUMMY = [0];

/** Make the GroundLayer class. deck: the bundle's namespace. tasks: TileTasks. */
export function makeGroundLayer(deck, tasks) {
  const Surface = withTrueDepth(deck.SimpleMeshLayer);
  class GroundLayer extends deck.TileLayer {
    getTileData({ index, signal }) {
      const { heights, texture } = this.props;
      return tasks.order("ground", { heights, texture, index }, signal).then((tile) => tile && { ...tile, index });
    }

    renderSubLayers(props) {
      const tile = props.data;
      if (!tile) return null;
      const { positions, normals, texCoords, indices } = tile.mesh;
      const image = this.props.showTexture ? tile.image : null;
      tile.geometry ??= {
        attributes: {
          positions: { value: positions, size: 3 },
          normals: { value: normals, size: 3 },
          texCoords: { value: texCoords, size: 2 },
        },
        indices: { value: indices, size: 1 },
      };
      return new Surface(props, {
        id: `${props.id}-${image ? "photo" : "plain"}`,
        data: DUMMY,
        mesh: tile.geometry,
        texture: image,
        textureParameters: { minFilter: "linear", magFilter: "linear", mipmapFilter: "linear", maxAnisotropy: 4 },
        _instanced: false,
        coordinateSystem: deck.COORDINATE_SYSTEM.METER_OFFSETS,
        coordinateOrigin: [...tileMiddle(tile.index), 0],
        getPosition: [0, 0, 0],
        getColor: image ? [255, 255, 255] : this.props.plainColour,
        // The light of the day is already in the photo.
        material: image ? { unlit: true } : { ambient: 0.42, diffuse: 0.32, shininess: 1, specularColor: [0, 0, 0] },
      });
    }
  }
  GroundLayer.layerName = "GroundLayer";
  GroundLayer.defaultProps = {
    heights: "",
    texture: null,
    showTexture: true,
    plainColour: { type: "array", value: [226, 224, 214], compare: true },
    maxRequests: 8,
    refinementStrategy: "best-available",
    zRange: { type: "array", value: [-20, 400], optional: true, compare: true },
  };
  return GroundLayer;
}
