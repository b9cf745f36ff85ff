// Small geodesy for what stands under the pointer and for measuring; degrees in, metres out.

const RADIANS = Math.PI / 180;
const WGS84_A_M = 6378137;
const WGS84_E2 = 0.0066943799901413165;

/**
 * Project lon, lat to a transverse Mercator grid (Gauss-Krueger), metres {east, north}.
 * projection: as in the page settings. Krueger's series to the fourth order: below 0.1 mm within 4 degrees.
 * Source: Karney 2011, Transverse Mercator with an accuracy of a few nanometers, equations 7 to 11 and 35.
 */
export function project(projection, lon, lat) {
  const f = 1 / projection.inverse_flattening;
  const n = f / (2 - f);
  const e = Math.sqrt(f * (2 - f));
  const radius = (projection.semi_major_m / (1 + n)) * (1 + n ** 2 / 4 + n ** 4 / 64);
  const alpha = [
    n / 2 - (2 * n ** 2) / 3 + (5 * n ** 3) / 16 + (41 * n ** 4) / 180,
    (13 * n ** 2) / 48 - (3 * n ** 3) / 5 + (557 * n ** 4) / 1440,
    (61 * n ** 3) / 240 - (103 * n ** 4) / 140,
    (49561 * n ** 4) / 161280,
  ];
  const northing = (phi, lambda) => {
    const tau = Math.tan(phi);
    const sigma = Math.sinh(e * Math.atanh((e * tau) / Math.hypot(1, tau)));
    const conformal = tau * Math.hypot(1, sigma) - sigma * Math.hypot(1, tau);
    const xi = Math.atan2(conformal, Math.cos(lambda));
    const eta = Math.asinh(Math.sin(lambda) / Math.hypot(conformal, Math.cos(lambda)));
    let [y, x] = [xi, eta];
    alpha.forEach((factor, i) => {
      const k = 2 * (i + 1);
      y += factor * Math.sin(k * xi) * Math.cosh(k * eta);
      x += factor * Math.cos(k * xi) * Math.sinh(k * eta);
    });
    return [y * radius, x * radius];
  };
  const [y, x] = northing(lat * RADIANS, (lon - projection.central_meridian_deg) * RADIANS);
  const [origin] = northing(projection.origin_lat_deg * RADIANS, 0);
  return {
    east: projection.false_east_m + projection.scale * x,
    north: projection.false_north_m + projection.scale * (y - origin),
  };
}

/** Metres per degree of longitude and latitude on the ellipsoid at a latitude. */
export function metresPerDegree(lat) {
  const root = Math.sqrt(1 - WGS84_E2 * Math.sin(lat * RADIANS) ** 2);
  return [
    (WGS84_A_M / root) * Math.cos(lat * RADIANS) * RADIANS,
    ((WGS84_A_M * (1 - WGS84_E2)) / root ** 3) * RADIANS,
  ];
}

/** Horizontal distance in metres between two places [lon, lat], for lengths within a district. */
export function distance(a, b) {
  const [east, north] = metresPerDegree((a[1] + b[1]) / 2);
  return Math.hypot((b[0] - a[0]) * east, (b[1] - a[1]) * north);
}

/** Horizontal area in square metres of a ring [[lon, lat], ...], open or closed. */
export function area(ring) {
  if (ring.length < 3) return 0;
  const [lon0, lat0] = ring[0];
  const [east, north] = metresPerDegree(lat0);
  const flat = ring.map(([lon, lat]) => [(lon - lon0) * east, (lat - lat0) * north]);
  let twice = 0;
  flat.forEach(([x, y], i) => {
    const [nextX, nextY] = flat[(i + 1) % flat.length];
    twice += x * nextY - nextX * y;
  });
  return Math.abs(twice) / 2;
}
