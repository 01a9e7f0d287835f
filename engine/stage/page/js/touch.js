// What gestures on the music mean.

import { on, tell } from "./bus.js";
import { loopPicking, pickTo } from "./controls/bar.js";
import { zoomTo } from "./controls/more.js";
import { can, loop, mayControl } from "./controls/order.js";
import { hide, offerFrom, offering, takesNotes } from "./controls/pill.js";
import { listen } from "./gestures.js";
import { choose, settings } from "./settings.js";
import { score, turn } from "./score/score.js";

const NEAR_PX = 24, NEAR_AT_EDGE_PX = 12, EDGE = 0.12;
let beforePit = "light", from = null;

/** Listen to the fingers on the stage. */
export function startTouch(stage) {
  listen(stage);
  on("tap", tap);
  on("swipe", turn);
  on("two-fingers", () => {
    if (settings.theme !== "pit") beforePit = settings.theme;
    choose("theme", settings.theme === "pit" ? beforePit : "pit");
  });
  on("pinch", ({ factor, done }) => {
    const sheet = score.layout?.element;
    if (!sheet) return;
    sheet.style.transform = done ? "" : `scale(${((score.factor ?? 1) * factor).toFixed(3)})`;
    if (done) zoomTo(settings.zoom * factor);
  });
  on("hold", hold);
}

function tap({ x, y, width, twice }) {
  const layout = score.layout, factor = score.factor ?? 1, atEdge = x < EDGE * width || x > (1 - EDGE) * width;
  const bar = loopPicking() !== null ? barAt(x, y) : null;
  if (bar !== null) return pickTo(bar);
  const head = layout && takesNotes() ? layout.headAt(x / factor, y / factor, atEdge ? NEAR_AT_EDGE_PX : NEAR_PX, score.quarter) : null;
  if (head) return offerFrom(head);
  if (hide("from") && !twice) return undefined;
  if (atEdge) return turn(x < width / 2 ? -1 : 1);
  if (offering() === "line") hide("line");
  return mayControl() ? tell("tap-nothing") : undefined;
}

/** The number of the bar under a point, or the nearest of its system; null if there is none. */
export function barAt(x, y) {
  const factor = score.factor ?? 1;
  let best = null;
  for (const box of score.layout?.allBoxes() ?? []) {
    const dx = Math.max(box.left - x / factor, 0, x / factor - box.right), dy = Math.max(box.top - y / factor, 0, y / factor - box.bottom);
    const distance = dx + 4 * dy;
    if (distance < (best?.distance ?? 400)) best = { bar: box.bar, distance };
  }
  return best?.bar ?? null;
}

/** A long press on a bar, drawn to another: a loop. */
function hold({ x, y, first, done, cancelled }) {
  if (!can("loop")) return;
  const bar = barAt(x, y);
  if (first) from = bar;
  if (from === null || bar === null) return;
  const bars = [Math.min(from, bar), Math.max(from, bar)];
  tell("loop-drawing", done ? null : bars);
  if (done && !cancelled) loop(bars);
  if (done) from = null;
}
