/** Names that never cover one another: the more important come first, and what finds no room is left out. */

const pen = document.createElement("canvas").getContext("2d");
/** Size in pixels and weight of each kind of name, as in style.css. */
const LETTERS = { borough: [15, 600], airport: [12.5, 600], water: [12.5, 400], park: [12, 400], beyond: [13, 400], zone: [12, 400] };
const SPACED = { borough: 0.09, beyond: 0.09 };
const TALL = 1.4; // height of a line
const APART = 3;
const widths = new Map();

/** How wide a name is, in pixels. */
export function wide(kind, text) {
  const key = `${kind} ${text}`;
  if (!widths.has(key)) {
    const [size, weight] = LETTERS[kind];
    pen.font = `${kind === "water" ? "italic " : ""}${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
    widths.set(key, pen.measureText(text).width + text.length * size * (SPACED[kind] ?? 0));
  }
  return widths.get(key);
}

/**
 * Names with the place that they get. `names` are [kind, text, [x, y], turn] in the order of their importance, `taken` are
 * boxes [left, top, right, bottom] in which none may stand. The name of a borough moves up or down where another is in its way.
 */
export function arrange(names, taken, [width, height]) {
  const boxes = [...taken];
  return names.flatMap(([kind, text, [x, y], turn = 0]) => {
    const [length, line] = [wide(kind, text) + 2 * APART, LETTERS[kind][0] * TALL];
    const [cos, sin] = [Math.cos((turn * Math.PI) / 180), Math.sin((turn * Math.PI) / 180)].map(Math.abs);
    const [across, down] = [(length * cos + line * sin) / 2, (length * sin + line * cos) / 2];
    for (const move of kind === "borough" ? [0, line, -line, 2 * line, -2 * line] : [0]) {
      const box = [x - across, y + move - down, x + across, y + move + down];
      const outside = box[0] < 0 || box[1] < 0 || box[2] > width || box[3] > height;
      if (outside || boxes.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
      boxes.push(box);
      return [{ kind, text, x, y: y + move, turn }];
    }
    return [];
  });
}
