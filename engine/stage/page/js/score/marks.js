// What lies on the music besides the cursor: looped bars, places where it may be, the loop that is being drawn.

import { on, told } from "../bus.js";
import { h } from "../dom.js";
import { score } from "./score.js";

const MOST_GUESSES = 2;
let drawing = null;

/** Draw the marks whenever other pages are shown or something is to be marked. */
export function startMarks() {
  for (const name of ["shown", "controls", "stage-state", "state", "loop-picking"]) on(name, draw);
  on("loop-drawing", (bars) => { drawing = bars; draw(); });
}

function draw() {
  const layout = score.layout;
  if (!layout) return;
  const bars = drawing ?? told.controls?.loop;
  layout.marks.replaceChildren(...(bars ? brackets(layout, ...bars, "loop", `loop ${bars[0]}–${bars[1]}`) : []), ...guesses(layout));
}

/** A bracket over each system's part of a range of bars, the label on the first. */
function brackets(layout, first, last, kind, label) {
  const rows = new Map();
  for (const box of layout.boxes(first, last)) {
    const key = `${box.page} ${box.system}`, row = rows.get(key);
    if (row) row.right = box.right;
    else rows.set(key, { ...box });
  }
  return [...rows.values()].map((row, k) => {
    const mark = h("div", { class: `bracket bracket-${kind}` }, k === 0 ? h("span", { class: "bracket-label" }, label) : null);
    const above = kind === "loop" || row.bottom + 60 > layout.height;
    mark.classList.toggle("above", above);
    const y = above ? row.top - 34 : row.bottom + 22;
    mark.style.transform = `translate(${row.left.toFixed(0)}px, ${Math.max(above ? 20 : 0, y).toFixed(0)}px)`;
    mark.style.width = `${(row.right - row.left).toFixed(0)}px`;
    if (row.bar === first || k > 0) mark.classList.toggle("open-left", row.bar !== first);
    return mark;
  });
}

function guesses(layout) {
  if (document.body.dataset.state !== "lost") return [];
  return (told.state?.perhaps ?? []).slice(0, MOST_GUESSES).flatMap((quarter) => {
    const number = score.bars.number(quarter);
    return brackets(layout, number, number, "guess", "perhaps here");
  });
}
