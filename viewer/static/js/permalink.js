// The view in the address after "#", so that a link shows a colleague the same thing.

const DECIMALS = { lon: 6, lat: 6, zoom: 2, pitch: 1, bearing: 1 };
const ORDER = ["lon", "lat", "zoom", "pitch", "bearing"];

/** Read the address: {view, place, asset, survey, language, style, hidden}; parts that are absent or wrong are null. */
export function readLink(hash = location.hash) {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const view = numbers(values.get("view"), 5);
  const place = numbers(values.get("at"), 2);
  return {
    view: view ? Object.fromEntries(ORDER.map((key, i) => [key, view[i]])) : null,
    place: place && Math.abs(place[1]) < 90 ? { lon: place[0], lat: place[1], height: place[2] ?? null } : null,
    asset: values.get("asset"),
    survey: values.get("survey"),
    language: values.get("lang"),
    layers: values.get("layers"),
  };
}

function numbers(text, least) {
  if (!text) return null;
  const parts = text.split(",").map(Number);
  return parts.length >= least && parts.every(Number.isFinite) ? parts : null;
}

/** Write the address from the page's state; push makes a step that the Back button undoes. */
export function writeLink({ view, place, asset, survey, language, layers }, { push = false } = {}) {
  const values = new URLSearchParams();
  if (view) values.set("view", ORDER.map((key) => Number(view[key].toFixed(DECIMALS[key]))).join());
  if (place) {
    const parts = [place.lon.toFixed(7), place.lat.toFixed(7)];
    if (Number.isFinite(place.height)) parts.push(place.height.toFixed(2));
    values.set("at", parts.join());
  }
  if (asset) values.set("asset", asset);
  if (survey) values.set("survey", survey);
  if (layers) values.set("layers", layers);
  values.set("lang", language);
  const hash = `#${values.toString().replaceAll("%2C", ",")}`;
  if (hash === location.hash) return;
  if (push) history.pushState(null, "", hash);
  else history.replaceState(null, "", hash);
}
