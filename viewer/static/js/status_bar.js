// The strip at the bottom: a scale bar and the coordinates under the pointer or the crosshair.

import { project } from "./geodesy.js";

const WIDEST_PX = 110;

/** The roundest length not longer than limit metres: 1, 2 or 5 times a power of ten. */
export function roundLength(limitM) {
  const power = 10 ** Math.floor(Math.log10(limitM));
  const factor = [5, 2, 1].find((value) => value * power <= limitM) ?? 1;
  return factor * power;
}

export class StatusBar {
  /** node: the strip with .scale-bar, .scale-text, .lonlat, .projected and .height inside. */
  constructor(node, { language, city }) {
    this.node = node;
    this.language = language;
    this.city = city;
    language.onSwitch(() => this.draw());
  }

  scale(metresPerPixel) {
    this.metresPerPixel = metresPerPixel;
    this.draw();
  }

  point(place) {
    this.place = place;
    this.draw();
  }

  draw() {
    const { language, node } = this;
    if (this.metresPerPixel) {
      const length = roundLength(this.metresPerPixel * WIDEST_PX);
      node.querySelector(".scale-bar").style.width = `${length / this.metresPerPixel}px`;
      node.querySelector(".scale-text").textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
    }
    const { place } = this;
    node.querySelector(".lonlat").textContent = place ? `${place.lon.toFixed(6)}°, ${place.lat.toFixed(6)}°` : "";
    const grid = place && this.city.projection ? project(this.city.projection, place.lon, place.lat) : null;
    node.querySelector(".projected").textContent = grid
      ? `E ${grid.east.toFixed(1)}  N ${grid.north.toFixed(1)} m`
      : "";
    node.querySelector(".height").textContent =
      place && Number.isFinite(place.height) ? `${language.text("status.height")} ${language.number(place.height, 1)} m` : "";
  }
}
