// The page's two languages. Switching keeps everything else: the view, the open panel, the layers.

const STORED = "twin.language";

export class Language {
  constructor(languages, baseUrl, fetchJson) {
    this.languages = languages;
    this.baseUrl = baseUrl;
    this.fetchJson = fetchJson;
    this.texts = {};
    this.current = languages[0];
    this.listeners = [];
    this.utcOffsetH = 8;
  }

  /** The language to start with: asked for in the address, chosen before, or the browser's own. */
  preferred(asked) {
    const wanted = [asked, stored(), ...(navigator.languages ?? [])].filter(Boolean);
    for (const tag of wanted) {
      const found = this.languages.find((own) => own.slice(0, 2).toLowerCase() === tag.slice(0, 2).toLowerCase());
      if (found) return found;
    }
    return this.languages[0];
  }

  /** Load a language's texts and tell everyone. */
  async use(language) {
    this.texts = await this.fetchJson(`${this.baseUrl}/i18n/${language}.json`);
    this.current = language;
    document.documentElement.lang = language;
    store(language);
    translatePage(this);
    for (const listener of this.listeners) listener(language);
  }

  /** Call listener after each switch. */
  onSwitch(listener) {
    this.listeners.push(listener);
  }

  /** Text of a key with {names} filled in; the key itself when there is none. */
  text(key, values = {}) {
    const pattern = this.texts[key] ?? key;
    return pattern.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  }

  /** Text of a code from data, such as a state: the translation if there is one, else the code as it came. */
  word(group, code) {
    if (code === null || code === undefined || code === "") return "";
    return this.texts[`${group}.${code}`] ?? String(code);
  }

  /** A field kept in both languages (name_zh, name_en): ours, or the other where ours is missing. */
  pick(object, field) {
    if (!object) return "";
    const [own, other] = this.current.startsWith("zh") ? ["zh", "en"] : ["en", "zh"];
    return object[`${field}_${own}`] ?? object[`${field}_${other}`] ?? object[field] ?? "";
  }

  /** A number with a fixed count of decimals, in the language's digits and separators. */
  number(value, decimals = 0) {
    if (value === null || value === undefined || Number.isNaN(Number(value))) return "–";
    return new Intl.NumberFormat(this.current, {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    }).format(value);
  }

  /** A length in metres, in kilometres from 1000 m. */
  metres(value, decimals = 1) {
    if (value === null || value === undefined) return "–";
    return Math.abs(value) >= 1000 ? `${this.number(value / 1000, 2)} km` : `${this.number(value, decimals)} m`;
  }

  /** A date, with the time of day when wanted, in the city's time zone. */
  time(text, withClock = true) {
    const date = text ? new Date(text) : null;
    if (!date || Number.isNaN(date.getTime())) return text ? String(text) : "–";
    const sign = this.utcOffsetH >= 0 ? "-" : "+"; // POSIX zones count the other way round
    const options = { timeZone: `Etc/GMT${sign}${Math.abs(this.utcOffsetH)}`, year: "numeric", month: "short", day: "numeric" };
    if (withClock) Object.assign(options, { hour: "2-digit", minute: "2-digit", hour12: false });
    return new Intl.DateTimeFormat(this.current, options).format(date);
  }
}

function translatePage(language) {
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = language.text(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", language.text(node.dataset.label));
    if (node.matches("button, a")) node.title = language.text(node.dataset.label);
  }
  for (const node of document.querySelectorAll("[data-placeholder]")) {
    node.placeholder = language.text(node.dataset.placeholder);
  }
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

function store(language) {
  try {
    localStorage.setItem(STORED, language);
  } catch {
    // private browsing: the choice lasts as long as the page
  }
}
