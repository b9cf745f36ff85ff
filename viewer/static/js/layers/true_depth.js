// deck.gl 9.3 picks a height from z/w taken at the corners of a triangle and blended as if the triangle were flat in
// depth: on a wall of 50 m the place it gives is up to 0.65 m before the wall (measured). The fragment's own depth is
// exact, so the layers whose surfaces people click write that instead.

const WRITE_DEPTH =
  "if (bool(picking.isActive) && bool(picking.isAttribute)) fragColor = vec4(gl_FragCoord.z * 2.0 - 1.0, 0.0, 0.0, 1.0);";

/** Give a class like Base (SimpleMeshLayer, ScenegraphLayer) whose picked heights are exact. */
export function withTrueDepth(Base) {
  class TrueDepth extends Base {
    getShaders() {
      const shaders = super.getShaders();
      return { ...shaders, inject: { ...shaders.inject, "fs:#main-end": WRITE_DEPTH } };
    }
  }
  TrueDepth.layerName = `${Base.layerName}WithTrueDepth`;
  return TrueDepth;
}
