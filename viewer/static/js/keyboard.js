// The map by keyboard: arrows move, Enter asks at the crosshair, Escape closes, "/" searches.

const PAN = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const TURN = { ArrowLeft: [-15, 0], ArrowRight: [15, 0], ArrowUp: [0, 8], ArrowDown: [0, -8] };

/** Listen on the map and on the page. actions: {pan, turn, zoom, ask, escape, search, home, measure, area, help}. */
export function listenToKeys(map, actions) {
  map.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== map) return;
    const run = mapKey(event, actions);
    if (!run) return;
    event.preventDefault();
    run();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") actions.escape();
    else if (!isTyping(event.target) && event.key === "/") {
      event.preventDefault();
      actions.search();
    } else if (!isTyping(event.target) && event.key === "?") actions.help();
  });
}

function mapKey(event, actions) {
  const table = event.shiftKey ? TURN : PAN;
  const move = table[event.key];
  if (move) return () => (event.shiftKey ? actions.turn(...move) : actions.pan(...move));
  if (event.key === "+" || event.key === "=") return () => actions.zoom(0.5);
  if (event.key === "-" || event.key === "_") return () => actions.zoom(-0.5);
  if (event.key === "Enter" || event.key === " ") return actions.ask;
  if (event.key === "Home") return actions.home;
  if (event.key.toLowerCase() === "m") return actions.measure;
  if (event.key.toLowerCase() === "a") return actions.area;
  return null;
}

function isTyping(node) {
  return node instanceof HTMLElement && (node.matches("input:not([type=checkbox]):not([type=range]), textarea, select") || node.isContentEditable);
}
