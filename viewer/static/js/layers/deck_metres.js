// deck.gl's metres: it takes the earth as a sphere of this circumference (deck.gl 9.3, web-mercator utilities).
// Lengths handed to it in METER_OFFSETS must be in these metres, or a model drifts 2.3 m per kilometre from its middle.

export const DECK_CIRCUMFERENCE_M = 40.03e6;
export const WORLD_UNITS = 512;
const WGS84_A_M = 6378137;
const WGS84_E2 = 0.0066943799901413165;
const RADIANS = Math.PI / 180;

/** Common units per deck metre at a latitude, and their change per metre to the north (as the shader uses them). */
export function unitsPerMetre(lat) {
  const cos = Math.cos(lat * RADIANS);
  const first = WORLD_UNITS / DECK_CIRCUMFERENCE_M / cos;
  const perDegreeNorth = WORLD_UNITS / 360 / cos;
  const second = ((WORLD_UNITS / DECK_CIRCUMFERENCE_M) * ((RADIANS * Math.tan(lat * RADIANS)) / cos) * first) / perDegreeNorth;
  return { first, second };
}

/** Factors that turn true metres (east, north on the WGS 84 ellipsoid) into deck's metres at a latitude. */
export function trueToDeckMetres(lat) {
  const root = Math.sqrt(1 - WGS84_E2 * Math.sin(lat * RADIANS) ** 2);
  const primeVertical = WGS84_A_M / root;
  const meridian = (WGS84_A_M * (1 - WGS84_E2)) / root ** 3;
  return [DECK_CIRCUMFERENCE_M / (2 * Math.PI * primeVertical), DECK_CIRCUMFERENCE_M / (2 * Math.PI * meridian)];
}
