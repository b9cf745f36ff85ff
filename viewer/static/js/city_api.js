// Asks the API. Every failure becomes a CityProblem with a kind the page has words for.

export class CityProblem extends Error {
  /**
   * kind: offline, slow, missing, refused, busy, invalid or broken. told: what the server said, as problem+json:
   * {title, title_zh, detail, request_id}.
   */
  constructor(kind, told = {}) {
    super(told.detail || kind);
    this.kind = kind;
    this.told = told;
  }
}

const KIND_OF_STATUS = { 401: "refused", 403: "refused", 404: "missing", 429: "busy", 503: "busy" };

/** Fetch JSON from this host. body is posted; signal cancels; after timeoutMs it is too slow. Throws CityProblem, or AbortError. */
export async function fetchJson(path, { signal, timeoutMs = 15000, body = null } = {}) {
  const limit = AbortSignal.timeout(timeoutMs);
  const posted = body === null ? {} : { method: "POST", body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, {
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      headers: { Accept: "application/json", ...(body === null ? {} : { "Content-Type": "application/json" }) },
      ...posted,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new CityProblem(limit.aborted ? "slow" : "offline");
  }
  if (response.ok) return response.json();
  const told = await response.json().catch(() => ({}));
  const kind = KIND_OF_STATUS[response.status] ?? (response.status < 500 ? "invalid" : "broken");
  throw new CityProblem(kind, told);
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
}

/** Everything known at a place. place: {lon, lat, height}. */
export function lookup({ lon, lat, height }, options) {
  const values = { lon: lon.toFixed(8), lat: lat.toFixed(8), height_m: height === null ? null : height?.toFixed(2) };
  return fetchJson(`/lookup?${query(values)}`, options);
}

/**
 * Places by name, address, code or pinyin initials. view: [west, south, east, north] of what the map shows, to put what
 * lies there first where several fit as well; to a hundred metres, that is enough.
 */
export async function search(text, { view = null, ...options } = {}) {
  const shown = view?.map((degrees) => degrees.toFixed(3)).join();
  const answer = await fetchJson(`/search?${query({ q: text, view: shown ?? null })}`, options);
  return answer.items ?? [];
}

/** What there is in an area. asked: {polygon: GeoJSON} or {code} of a division or unit grid. */
export function summary(asked, options) {
  return fetchJson("/summary", { ...options, body: asked, timeoutMs: 30000 });
}

/** The surveys that have something to show, newest first: [{name, kind, takenAt, gsdM, bounds, products}]. */
export async function surveys(options) {
  const answer = await fetchJson("/surveys", options);
  return (answer.items ?? [])
    .filter((item) => item.bounds?.length === 4)
    .map((item) => ({
      name: item.name,
      kind: item.kind,
      takenAt: item.taken_from,
      gsdM: item.gsd_m,
      verticalDatum: item.vertical_datum,
      bounds: item.bounds,
      products: (item.products ?? []).map((product) => product.kind),
    }));
}

/** A raster's value at a place (its first band), or null where it has none. */
export async function rasterValue(survey, product, lon, lat, options) {
  const path = `/rasters/${encodeURIComponent(survey)}/${product}/point?${query({ lon, lat })}`;
  const { values } = await fetchJson(path, options);
  return Number.isFinite(values?.[0]) ? values[0] : null;
}

/**
 * What of a survey can be drawn: {products: [{kind, version}], bounds}, kinds as viewer/deck_spec.py knows them. The
 * bounds are those of its first raster: photos see further than what was made of them.
 */
export async function drawable(survey) {
  const rasters = ["orthophoto", "dtm", "dsm"].filter((kind) => survey.products.includes(kind));
  const [facts, tilesets] = await Promise.all([
    Promise.all(rasters.map((kind) => rasterFacts(survey.name, kind))),
    survey.products.includes("tileset") ? tilesetsOf(survey.name) : [],
  ]);
  const products = [
    ...rasters.map((kind, i) => ({ kind, version: facts[i]?.version ?? null })).filter((_, i) => facts[i]),
    ...tilesets.map((kind) => ({ kind, version: null })),
  ];
  return { products, bounds: facts.find((item) => item?.bounds)?.bounds ?? survey.bounds };
}

function rasterFacts(name, kind) {
  return fetchJson(`/rasters/${encodeURIComponent(name)}/${kind}`).catch(() => null);
}

/** Which of the two tilesets stand below a survey's own; "tileset" when it is all in one. */
async function tilesetsOf(name) {
  const whole = await fetchJson(`/3dtiles/${encodeURIComponent(name)}/tileset.json`).catch(() => null);
  if (!whole) return [];
  const uris = (whole.root?.children ?? []).map((child) => child.content?.uri ?? "");
  const own = ["mesh", "buildings"].filter((kind) => uris.includes(`${kind}/tileset.json`));
  return own.length ? own : ["tileset"];
}

/** The deck JSON of a survey with what of it can be drawn, or of the city without one. purpose: "review" or null. */
export function deckSpec(survey, { products, bounds } = {}, groundHeight = 0, purpose = null) {
  if (!survey) return fetchJson(`/deck.json?${query({ purpose })}`);
  const values = {
    purpose,
    survey: survey.name,
    products: products.map(({ kind, version }) => (version ? `${kind}:${version}` : kind)).join(),
    bbox: bounds.join(),
    gsd_m: survey.gsdM,
    ground_h_m: groundHeight,
  };
  return fetchJson(`/deck.json?${query(values)}`);
}

/** The classes of assets: {names: Map code -> {name_zh, name_en}, counts: {category: number} or null}. */
export async function assetClasses(options) {
  const { items = [] } = await fetchJson("/classes", options);
  const names = new Map(items.map((item) => [String(item.code), item]));
  if (!items.some((item) => Number.isFinite(item.count))) return { names, counts: null };
  const counts = {};
  for (const item of items) {
    const category = String(item.code).slice(0, 2);
    counts[category] = (counts[category] ?? 0) + (item.count ?? 0);
  }
  return { names, counts };
}
