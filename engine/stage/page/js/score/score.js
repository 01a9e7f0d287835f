// The score on the stage: opens it, lays it out for the screen, moves the cursor, turns.

import { on, tell, told } from "../bus.js";
import { getJson, send } from "../connection.js";
import { h, seldom } from "../dom.js";
import { settings } from "../settings.js";
import { Bars } from "./bars.js";
import { Layout } from "./layout.js";
import { Motion } from "./motion.js";
import { rollBundle } from "./roll.js";

const PORTRAIT = { scale: 40 }, SPREAD = { scale: 30, width: 590 };
const SPREAD_FROM_PX = 960, SPREAD_HEIGHT_PX = 560;
const LARGER = 1.3; // music of one page that has two to itself
const PHONE_PX = 600, PHONE_SCALE = 32, REMOTE_SCALE = 30;
const MOVING = ["following", "playing"], LIT = ["following", "paused"];

export const motion = new Motion();
export const score = {
  info: null, bars: new Bars({}), layout: null, quarter: 0, state: "waiting", linked: true, own: false, frames: 0, lookAt: null, room: 1,
};

let stage, opening = null, laying = null, lastFollowed = -1, hidden = false;

/** Put the score on its stage. */
export function startScore(element) {
  stage = element;
  on("score", ({ id }) => open(id, true));
  on("pos", (message) => motion.hear(message, message.heard / 1000));
  on("stage-state", ({ name }) => setState(name));
  for (const name of ["controls", "opened"]) on(name, () => { motion.loop = score.bars.span(told.controls?.loop); });
  on("link", ({ up }) => { score.linked = up; update(); });
  on("setting", ({ name, value }) => {
    if (name === "zoom") lay();
    if (name === "turning") score.layout?.halves(value === "half" && !score.layout.near);
  });
  on("turn", ({ page, q, by }) => { if (!score.own && by !== told.hello?.client) turnedByMaster(page, q); });
  new ResizeObserver(seldom(4, resized)).observe(stage);
  requestAnimationFrame(frame);
}

/** Open a score by its id, null for none; `again` even if it is open, for its bars may be others now. */
export async function open(id, again = false) {
  if (id === null || id === undefined) return;
  if (opening?.id === id && !again) return;
  opening = { id };
  const mine = opening;
  try {
    const info = await getJson(`/api/score/${encodeURIComponent(id)}`, { progress: (p) => tell("progress", p) });
    if (mine !== opening) return;
    score.info = info;
    score.room = 1;
    score.bars = new Bars(info);
    motion.jump((again ? null : placeInAddress(id)) ?? 0);
    score.quarter = motion.q;
    tell("opened", info);
    await lay();
  } catch (error) {
    if (mine === opening) opening = null;
    tell("progress", { line: String(error.message ?? error) });
  }
}

/** Size and number of the pages for this screen. On a phone that controls a page is one system. */
export function plan(width, height, zoom) {
  if (document.body.classList.contains("phone")) return { w: Math.floor(width), h: Math.floor(height * score.room), scale: Math.round(REMOTE_SCALE * zoom), spread: false, close: true };
  const spread = width >= SPREAD_FROM_PX && height >= SPREAD_HEIGHT_PX && width > 1.2 * height && zoom <= 1.25;
  if (spread) {
    const w = Math.floor(width / 2);
    return { w, h: Math.floor(height), scale: Math.round(Math.min(40, Math.max(26, (SPREAD.scale * w) / SPREAD.width)) * zoom), spread };
  }
  const scale = width < PHONE_PX ? PHONE_SCALE : PORTRAIT.scale;
  return { w: Math.floor(width), h: Math.floor(height), scale: Math.round(scale * zoom), spread };
}

/** Lay the score out for the screen as it is now; what is shown stays until the new pages are built. */
export async function lay() {
  if (!score.info || stage.clientWidth < 50 || stage.clientHeight < 50) return;
  laying?.abort();
  const mine = (laying = new AbortController());
  const planned = plan(stage.clientWidth, stage.clientHeight, settings.zoom), { close } = planned;
  try {
    const { bundle, spread } = await pagesFor(planned, mine.signal);
    if (mine.signal.aborted) return;
    const layout = new Layout({ bundle, planned, bars: score.bars, spread, close, halves: settings.turning === "half" && !close, loop: () => motion.loop, changed: () => tell("shown", layout) });
    layout.element.classList.add("coming");
    stage.append(layout.element);
    mine.signal.addEventListener("abort", () => { if (score.layout !== layout) layout.close(); });
    await layout.prepare(score.quarter);
    if (mine.signal.aborted) return;
    if (close && !roomy(layout)) {
      layout.close();
      return lay();
    }
    const old = score.layout;
    score.layout = layout;
    layout.element.classList.remove("coming");
    old?.close();
    tell("progress", null);
    fit();
    update();
    tell("laid", layout);
    tell("shown", layout);
  } catch (error) {
    if (!mine.signal.aborted) tell("progress", { line: String(error.message ?? error) });
  }
}

/** The pages of a plan. A piece that fills one page of two has the whole screen, larger if it stays one page. */
async function pagesFor({ w, h: height, scale, spread }, signal) {
  if (score.info.kind === "roll") return { bundle: rollBundle(score.info, score.bars, { w, h: height, spread, zoom: settings.zoom }), spread };
  const ask = (width, size) => getJson(`/api/score/${encodeURIComponent(score.info.id)}/pages?w=${width}&h=${height}&scale=${size}&spread=1`,
    { signal, progress: (p) => tell("progress", p) });
  const bundle = await ask(w, scale);
  if (!spread || bundle.n_pages > 1) return { bundle, spread };
  const large = await ask(2 * w, Math.round(LARGER * scale));
  return { bundle: large.n_pages === 1 ? large : await ask(2 * w, scale), spread: false };
}

/** Whether the systems fit into pages of one; else the next layout has more room, and is shown smaller. */
function roomy(layout) {
  const tallest = Math.max(0, ...[...layout.book.pages.values()].flatMap((page) => page.systems.map((system) => system.inkBottom - system.inkTop + 24)));
  if (tallest <= layout.height || score.room > 4) return true;
  score.room *= (1.08 * tallest) / layout.height;
  return false;
}

function resized() {
  fit();
  const layout = score.layout, next = plan(stage.clientWidth, stage.clientHeight, settings.zoom);
  if (layout && ["w", "h", "scale", "spread"].every((name) => layout.planned[name] === next[name])) return;
  lay();
}

/** Scale the sheet into the stage: by 1, unless the screen has just changed. */
function fit() {
  const layout = score.layout;
  if (!layout) return;
  const factor = Math.min(stage.clientWidth / layout.width, stage.clientHeight / layout.height);
  score.factor = Math.abs(factor - 1) < 0.004 ? 1 : factor;
  layout.element.style.transform = (layout.near ? `translateY(${middle(layout)}px) ` : "") + (score.factor === 1 ? "" : `scale(${score.factor})`);
}

/** On a phone the one system stands in the middle of its window. */
function middle(layout) {
  const system = layout.book.page(layout.turner.numbers[0])?.systems[0];
  return system ? Math.round((stage.clientHeight - score.factor * (system.inkTop + system.inkBottom)) / 2) : 0;
}
on("shown", (layout) => { if (layout.near && layout === score.layout) fit(); });

function setState(name) {
  score.state = name;
  update();
}

/** Let cursor and motion fit the state. */
function update() {
  motion.move(MOVING.includes(score.state) && score.linked);
  const mode = !score.linked ? "offline" : { stopped: "waiting", starting: "waiting", device: "waiting", engraving: "waiting", ended: "following" }[score.state] ?? score.state;
  score.layout?.cursor.mode(hidden ? "none" : mode);
  lastFollowed = -1;
}

/** Hide the cursor, as where nothing is to be followed. */
export function hideCursor(on) {
  hidden = on;
  update();
}

function frame(now) {
  requestAnimationFrame(frame);
  score.frames += 1;
  const quarter = (score.lookAt ?? motion.at(now / 1000));
  if (quarter === null) return;
  score.quarter = quarter;
  const layout = score.layout;
  if (layout) moveTo(layout, quarter);
  tell("frame", quarter);
}

function moveTo(layout, quarter) {
  const turning = !score.own && score.linked && score.state !== "lost";
  if (layout.stale || Math.abs(quarter - lastFollowed) > 0.05) {
    lastFollowed = quarter;
    layout.stale = false;
    const byHand = layout.turner.byHand;
    layout.follow(quarter, turning);
    if (byHand && !layout.turner.byHand) tell("by-hand", false);
    layout.expect();
  }
  if (score.state === "ended" && quarter >= score.bars.end - 0.01) layout.mark(Infinity, false);
  else layout.mark(quarter, LIT.includes(score.state) && score.linked);
}

/** Turn by hand: on (1) or back (-1). A master takes the others along. */
export function turn(step) {
  const layout = score.layout;
  if (!layout) return;
  layout.turn(step);
  share();
  tell("by-hand", layout.turner.byHand || score.own);
}

/** Show the first or the last page. */
export function turnTo(end) {
  const layout = score.layout;
  if (!layout) return;
  layout.open(end < 0 ? 1 : layout.bundle.n_pages);
  share();
  tell("by-hand", layout.turner.byHand || score.own);
}

function share() {
  if (!told.hello?.master || score.own) return;
  const page = Math.min(...score.layout.turner.numbers);
  send("turn", { page, q: score.layout.anchors.quarters[Math.max(0, score.layout.anchors.pages.indexOf(page))] });
}

/** Go where the music is, and stay with it. */
export function backToMusic() {
  if (score.own) own(false);
  const layout = score.layout;
  if (!layout) return;
  layout.turner.byHand = false;
  layout.follow(score.quarter, true);
  layout.render();
  if (told.hello?.master) send("turn", { page: 0, q: -1 });
  tell("by-hand", false);
}

/** Keep one's own page (true) or go with the master's. */
export function own(on) {
  score.own = on;
  send("own", { on });
  tell("by-hand", on);
}

function turnedByMaster(page, quarter) {
  const layout = score.layout;
  if (!layout) return;
  if (!page) {
    layout.turner.byHand = false;
    layout.follow(score.quarter, true);
    layout.render();
  } else {
    layout.open(quarter === undefined ? Math.min(page, layout.bundle.n_pages) : layout.anchors.pages[layout.anchors.at(quarter)]);
  }
  tell("by-hand", layout.turner.byHand);
}

/** The cursor goes to a quarter before the server says so: it does, as soon as it has heard. */
export function jumpTo(quarter) {
  motion.jump(quarter);
  lastFollowed = -1;
  if (score.layout) score.layout.turner.byHand = false;
  tell("by-hand", false);
}

const remember = seldom(0.5, (id, quarter) => {
  history.replaceState(null, "", `#${new URLSearchParams({ s: id, q: quarter.toFixed(2) })}`);
});
on("frame", (quarter) => {
  if (score.info && Math.abs(quarter - (score.kept ?? -9)) > 1) {
    score.kept = quarter;
    remember(score.info.id, quarter);
  }
});

function placeInAddress(id) {
  const values = new URLSearchParams(location.hash.slice(1));
  const quarter = Number(values.get("q"));
  return values.get("s") === String(id) && Number.isFinite(quarter) ? quarter : null;
}
