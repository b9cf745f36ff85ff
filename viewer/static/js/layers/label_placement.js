// Which names are written: the important ones first, none over another.

const LINE_HEIGHT = 1.5;

/** Width of a text in pixels at a size: a Chinese character is as wide as it is high, a Latin one about half. */
export function textWidth(text, sizePx) {
  let units = 0;
  for (const character of text) units += character.codePointAt(0) > 0x2e7f ? 1 : 0.56;
  return units * sizePx;
}

/**
 * Choose labels that do not overlap. labels: [{text, x, y, weight}] in pixels, y downwards.
 * Returns those to write, at most `most`, in order of weight.
 */
export function placeLabels(labels, { sizePx, most, width, height }) {
  const cell = sizePx * 4;
  const taken = new Map();
  const chosen = [];
  const byWeight = [...labels].sort((a, b) => b.weight - a.weight);
  for (const label of byWeight) {
    if (chosen.length >= most) break;
    const half = textWidth(label.text, sizePx) / 2 + 4;
    const box = [label.x - half, label.y - sizePx * LINE_HEIGHT, label.x + half, label.y + sizePx * 0.4];
    if (box[2] < 0 || box[0] > width || box[3] < 0 || box[1] > height) continue;
    const cells = cellsOf(box, cell);
    if (cells.some((key) => taken.get(key)?.some((other) => overlap(box, other)))) continue;
    for (const key of cells) taken.set(key, [...(taken.get(key) ?? []), box]);
    chosen.push(label);
  }
  return chosen;
}

function cellsOf(box, cell) {
  const keys = [];
  for (let x = Math.floor(box[0] / cell); x <= Math.floor(box[2] / cell); x += 1) {
    for (let y = Math.floor(box[1] / cell); y <= Math.floor(box[3] / cell); y += 1) keys.push(`${x}:${y}`);
  }
  return keys;
}

function overlap(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}
