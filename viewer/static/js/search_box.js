// Finds places by address, name or code; also takes "lon, lat". A combobox after the ARIA pattern.

import { search } from "./city_api.js";
import { element, icon, refill } from "./elements.js";

const WAIT_MS = 160;
const KIND_ICONS = { address: "home", building: "layers", asset: "target", entity: "lock", admin_unit: "layers", grid: "layers" };

/** Read "121.6, 37.38" (also with a Chinese comma or a blank) as a place, or null. */
export function readCoordinates(text) {
  const match = /^\s*(-?\d{1,3}(?:\.\d+)?)\s*[,，\s]\s*(-?\d{1,2}(?:\.\d+)?)\s*$/.exec(text);
  if (!match) return null;
  const [lon, lat] = [Number(match[1]), Number(match[2])];
  return Math.abs(lon) <= 180 && Math.abs(lat) <= 85 ? { lon, lat, height: null } : null;
}

export class SearchBox {
  /**
   * node: the form with an input and a list inside. onChoose gets {kind, code, label_zh, lon, lat}. view gives what the
   * map shows, [west, south, east, north], or null.
   */
  constructor(node, { language, onChoose, view = () => null }) {
    this.node = node;
    this.view = view;
    this.language = language;
    this.onChoose = onChoose;
    this.input = node.querySelector("input");
    this.list = node.querySelector("[role=listbox]");
    this.status = node.querySelector(".search-status");
    this.items = [];
    this.active = -1;
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("focus", () => this.items.length && this.open(true));
    node.addEventListener("focusout", (event) => !node.contains(event.relatedTarget) && this.open(false));
    node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.choose(Math.max(0, this.active));
    });
    node.querySelector(".search-clear").addEventListener("click", () => this.clear());
    language.onSwitch(() => this.draw());
  }

  clear() {
    this.input.value = "";
    this.typed();
    this.input.focus();
  }

  typed() {
    const text = this.input.value.trim();
    this.node.classList.toggle("has-text", Boolean(text));
    clearTimeout(this.timer);
    this.request?.abort();
    if (!text) {
      this.result("idle", []);
      return;
    }
    const place = readCoordinates(text);
    if (place) {
      this.result("found", [{ kind: "lonlat", code: "", label_zh: `${place.lon}, ${place.lat}`, ...place }]);
      return;
    }
    this.timer = setTimeout(() => this.ask(text), WAIT_MS);
  }

  async ask(text) {
    this.request = new AbortController();
    this.result("asking", this.items);
    try {
      const items = await search(text, { signal: this.request.signal, view: this.view() });
      this.result(items.length ? "found" : "empty", items.filter((item) => Number.isFinite(item.lon)));
    } catch (problem) {
      if (problem.name !== "AbortError") this.result("failed", [], problem.kind);
    }
  }

  result(state, items, kind = "") {
    this.state = state;
    this.kind = kind;
    this.items = items;
    this.active = state === "found" ? 0 : -1;
    this.draw();
    this.open(state !== "idle");
  }

  draw() {
    const { language } = this;
    refill(this.list, this.items.map((item, i) => this.option(item, i)));
    const messages = {
      idle: "",
      asking: language.text("search.asking"),
      found: language.text("search.found", { count: this.items.length }),
      empty: language.text("search.empty", { text: this.input.value.trim() }),
      failed: language.text(`problem.${this.kind}`),
    };
    this.status.textContent = messages[this.state ?? "idle"];
    this.node.dataset.state = this.state ?? "idle";
    this.mark();
  }

  option(item, i) {
    const { language } = this;
    return element(
      "li",
      {
        role: "option",
        id: `search-option-${i}`,
        class: "search-option",
        on: {
          mousedown: (event) => event.preventDefault(),
          click: () => this.choose(i),
          mousemove: () => { this.active = i; this.mark(); },
        },
      },
      icon(KIND_ICONS[item.kind] ?? "target", 18),
      element(
        "span",
        { class: "row-main" },
        element("span", { class: "row-title", text: item.label_zh }),
        element("span", { class: "row-code", text: [language.text(`search.kind.${item.kind}`), item.code].filter(Boolean).join(" · ") }),
      ),
    );
  }

  mark() {
    [...this.list.children].forEach((node, i) => node.setAttribute("aria-selected", String(i === this.active)));
    const active = this.list.children[this.active];
    if (active) this.input.setAttribute("aria-activedescendant", active.id);
    else this.input.removeAttribute("aria-activedescendant");
    active?.scrollIntoView({ block: "nearest" });
  }

  open(open) {
    this.node.classList.toggle("open", open);
    this.input.setAttribute("aria-expanded", String(open && this.items.length > 0));
  }

  key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!this.items.length) return;
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.active = (this.active + step + this.items.length) % this.items.length;
      this.open(true);
      this.mark();
      event.preventDefault();
    } else if (event.key === "Escape") {
      if (this.node.classList.contains("open")) event.stopPropagation();
      this.open(false);
    }
  }

  choose(i) {
    const item = this.items[i];
    if (!item) return;
    this.open(false);
    this.onChoose(item);
  }
}
