// What the desk's pages send: JSON and files, with the name of the person who acts.

import { CityProblem } from "../city_api.js";

const KIND_OF_STATUS = { 401: "refused", 403: "refused", 404: "missing", 409: "conflict", 413: "large", 429: "busy", 503: "busy" };

/** Send a request for a person. Returns JSON; throws CityProblem (see city_api.js; also `conflict`, `large`). */
export async function send(path, { method = "GET", body = null, person = "", signal = null, keepalive = false } = {}) {
  const headers = { Accept: "application/json", "Twin-Person": encodeURIComponent(person) };
  if (body !== null) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, signal, keepalive, body: body === null ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new CityProblem("offline");
  }
  if (response.ok) return response.status === 204 ? null : response.json();
  throw await problemOf(response);
}

/** Make the problem that an answer tells of. */
export async function problemOf(response) {
  const told = await response.json().catch(() => ({}));
  return new CityProblem(KIND_OF_STATUS[response.status] ?? (response.status < 500 ? "invalid" : "broken"), told);
}

/** The part of a bilingual text, "中文 (English)", that is in the page's language; other texts as they are. */
export function inLanguage(text, language) {
  if (!text || !/[\u4e00-\u9fff]/.test(text)) return text ?? "";
  const pairs = [...text.matchAll(/([^()]*?[\u4e00-\u9fff][^()]*?)\s*\(([^()]*)\)\s*[.。;;]?/g)];
  if (!pairs.length) return text;
  const own = pairs.map(([, chinese, english]) => (language.startsWith("zh") ? chinese : english).replace(/^[\s.。;;]+/, "").trim());
  // What to type on a command line is no help on a page.
  return own.filter((part) => part && !/ ?--\w/.test(part)).join(language.startsWith("zh") ? "。" : ". ");
}
