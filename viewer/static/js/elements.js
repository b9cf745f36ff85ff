// Builds the page's nodes. Text goes in as text and only as text: nothing from data is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element. attributes: names as in HTML; `class`, `on` ({event: handler}), `text`; null and false are left out.
 * children: nodes or strings, null is skipped.
 */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (key === "text") node.textContent = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const ICONS = {
  search: "M10.5 4a6.5 6.5 0 1 0 4 11.6l4.5 4.4 1.4-1.4-4.4-4.5A6.5 6.5 0 0 0 10.5 4Zm0 2a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9Z",
  close: "m6.4 5 5.6 5.6L17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4 6.4 5Z",
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6V5Z",
  minus: "M5 11h14v2H5v-2Z",
  north: "M12 3 7 20l5-3.2L17 20 12 3Z",
  home: "M12 4 3 11.5l1.3 1.5L6 11.6V20h5v-5h2v5h5v-8.4l1.7 1.4 1.3-1.5L12 4Z",
  tilt: "M12 4 2 9.5 12 15l10-5.5L12 4Zm0 2.3 5.8 3.2L12 12.7 6.2 9.5 12 6.3ZM4 13.2 2 14.3 12 20l10-5.7-2-1.1-8 4.5-8-4.5Z",
  layers: "M12 3 2 8.5 12 14l10-5.5L12 3Zm0 2.3 5.8 3.2L12 11.7 6.2 8.5 12 5.3ZM4 12.2 2 13.3 12 19l10-5.7-2-1.1-8 4.5-8-4.5Z",
  link: "M10.6 13.4a1 1 0 0 1 0-1.4l3-3 1.4 1.4-3 3a1 1 0 0 1-1.4 0ZM7.8 19a4.8 4.8 0 0 1-3.4-8.2l2.8-2.8 1.4 1.4-2.8 2.8a2.8 2.8 0 1 0 4 4l2.8-2.8 1.4 1.4-2.8 2.8A4.8 4.8 0 0 1 7.8 19Zm9-3-1.4-1.4 2.8-2.8a2.8 2.8 0 0 0-4-4l-2.8 2.8L10 9.2l2.8-2.8a4.8 4.8 0 0 1 6.8 6.8L16.8 16Z",
  ruler: "M3 15.5 15.5 3 21 8.5 8.5 21 3 15.5Zm2.8 0 2.7 2.7 9.7-9.7-2.7-2.7-1.2 1.2 1.4 1.4-1 1-1.4-1.4-1.3 1.3 2 2-1 1-2-2-1.3 1.3 1.4 1.4-1 1-1.4-1.4-.9 1.2Z",
  help: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 2a7 7 0 1 1 0 14 7 7 0 0 1 0-14Zm-1 10h2v2h-2v-2Zm1-8a3.2 3.2 0 0 0-3.2 3h2a1.2 1.2 0 1 1 1.9 1.1c-1 .7-1.7 1.3-1.7 2.9h2c0-1.1.6-1.5 1.3-2A3.2 3.2 0 0 0 12 7Z",
  target: "M11 2h2v3.1A7 7 0 0 1 18.9 11H22v2h-3.1a7 7 0 0 1-5.9 5.9V22h-2v-3.1A7 7 0 0 1 5.1 13H2v-2h3.1A7 7 0 0 1 11 5.1V2Zm1 5a5 5 0 1 0 0 10 5 5 0 0 0 0-10Zm0 3.2a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6Z",
  chevron: "m7.4 9 4.6 4.6L16.6 9 18 10.4l-6 6-6-6L7.4 9Z",
  source: "M6 3h8l5 5v13H6V3Zm2 2v14h9V9h-4V5H8Zm1.5 6.5h6V13h-6v-1.5Zm0 3.5h6v1.5h-6V15Z",
  lock: "M7 10V8a5 5 0 0 1 10 0v2h1.5v10h-13V10H7Zm2 0h6V8a3 3 0 0 0-6 0v2Z",
  eye: "M12 5c5 0 8.6 4.3 10 7-1.4 2.7-5 7-10 7S3.4 14.7 2 12c1.4-2.7 5-7 10-7Zm0 2c-3.5 0-6.2 2.7-7.7 5 1.5 2.3 4.2 5 7.7 5s6.2-2.7 7.7-5C18.2 9.7 15.5 7 12 7Zm0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6Z",
  arrow: "m12 3 6 8h-4.500v10h-3V11H6l6-8Z",
  warning: "M12 3 1.5 21h21L12 3Zm0 4 7 12H5l7-12Zm-1 4v4h2v-4h-2Zm0 5v2h2v-2h-2Z",
};

/** Make one of the page's icons, hidden from screen readers. */
export function icon(name, size = 20) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("width", size);
  svg.setAttribute("height", size);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon icon-${name}`);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Make a button with an icon; label is read aloud and shown on hover. */
export function iconButton(name, label, onClick, attributes = {}) {
  return element(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, on: { click: onClick }, ...attributes },
    icon(name),
  );
}

/** Empty a node and put others in. */
export function refill(node, ...children) {
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}
