// The take again: the recording plays, the cursor goes with it; tempo and losses below.

import { on, tell } from "../bus.js";
import { getJson } from "../connection.js";
import { Slider, linear } from "../controls/slider.js";
import { attribute, clamp, h, s, seldom, write } from "../dom.js";
import { icon } from "../icons.js";
import { hideCursor, score } from "../score/score.js";
import { moreButton, time } from "./stems.js";
import { Take } from "./review_curve.js";

const CURVE = { left: 56, right: 24, top: 12, bottom: 24 };
const APART = 24; // least distance of two numbers on the axis
let root = null, take = null, sound = null, parts = {}, loaded = null, table = false;

/** Build the screen. */
export function reviewView(element) {
  root = element;
  parts = {};
  const curve = h("section", { class: "review-curve", "aria-label": "tempo of the take" }, (parts.picture = s("svg", { class: "curve", role: "img" })), (parts.legend = legend()), (parts.table = h("div", { class: "review-table", hidden: true })));
  root.append(h("header", { class: "review-head" }, (parts.title = h("h1", {}, "")), h("span", { class: "muted" }, "review"), (parts.facts = h("span", { class: "muted review-facts" })), moreButton()), curve, transport());
  parts.picture.addEventListener("pointerdown", drag);
  parts.picture.addEventListener("pointermove", (event) => { if (event.buttons) drag(event); });
  const watch = new ResizeObserver(seldom(4, draw));
  watch.observe(parts.picture);
  load();
  return () => { sound?.pause(); score.lookAt = null; root = null; watch.disconnect(); };
}

function transport() {
  parts.at = h("span", { class: "review-time" }, "0:00");
  parts.end = h("span", { class: "review-time muted" }, "0:00");
  parts.line = new Slider({ label: "time in the recording", scale: linear({ max: 1, step: 0.05, text: time, spoken: (x) => `${Math.floor(x / 60)} minutes ${Math.floor(x % 60)} seconds` }), changed: seek });
  parts.bar = h("span", { class: "strip-bar" }, "–");
  parts.dots = h("span", { class: "strip-dots", "aria-hidden": "true" });
  parts.play = h("button", { type: "button", class: "bar-button bar-main", on: { click: toggle } });
  parts.half = button("½ speed", () => { sound.playbackRate = sound.playbackRate === 1 ? 0.5 : 1; attribute(parts.half, "aria-pressed", String(sound.playbackRate !== 1)); parts.half.classList.toggle("chosen", sound.playbackRate !== 1); });
  parts.tabler = button("Table", () => { table = !table; attribute(parts.tabler, "aria-pressed", String(table)); showTable(); });
  return h("footer", { class: "review-foot" }, h("div", { class: "review-line" }, parts.at, parts.line.element, parts.end),
    h("div", { class: "review-buttons" }, parts.bar, parts.dots, button([icon("back"), "bar"], () => step(-1), "back a bar"), parts.play, button(["bar", icon("on")], () => step(1), "on a bar"), h("span", { class: "gap" }), parts.half, parts.tabler));
}

function button(children, run, label = null) {
  return h("button", { type: "button", class: "plain-button with-icon", "aria-label": label, on: { click: run } }, ...[children].flat());
}

function legend() {
  return h("p", { class: "legend muted" }, h("i", { class: "swatch faster" }), icon("up", "tone-accent"), h("span", {}, "faster than around it"), h("i", { class: "swatch slower" }), icon("fall", "tone-slower"), h("span", {}, "slower"), h("span", {}, "±3.5 % is left white"));
}

async function load() {
  try {
    loaded ??= await getJson("/api/review");
    if (!root) return;
    sound ??= new Audio(loaded.audio);
    sound.preload = "auto";
    for (const name of ["play", "pause", "ended"]) sound.addEventListener(name, showPlay);
    ready();
  } catch (error) { write(parts.facts, String(error.message)); }
}
on("opened", () => { if (root) ready(); });

function ready() {
  if (!loaded || !score.info || !root) return;
  take = new Take(loaded, score.bars);
  hideCursor(false);
  write(parts.title, score.info.title);
  write(parts.facts, `${score.bars.rows.length} bars · found ${Math.round(100 * take.found)} % of the time`);
  parts.line.scale.max = take.duration;
  parts.line.scale.part = (x) => x / take.duration;
  parts.line.scale.value = (part) => part * take.duration;
  attribute(parts.line.element, "aria-valuemax", take.duration);
  write(parts.end, time(take.duration));
  score.lookAt = take.quarterAt(sound.currentTime);
  showPlay();
  draw();
}

function showPlay() {
  if (!root) return;
  const playing = sound && !sound.paused && !sound.ended;
  parts.play.replaceChildren(icon(playing ? "pause" : "play"), h("span", { class: "bar-main-text" }, playing ? "Pause" : "Play"));
}

/** Play, or pause. */
export function toggle() {
  if (!sound) return;
  if (sound.paused) sound.play().catch((error) => write(parts.facts, String(error.message)));
  else sound.pause();
}

function seek(at) {
  if (!sound || !take) return;
  const goal = clamp(at, 0, take.duration);
  if (sound.readyState === 0) sound.addEventListener("loadedmetadata", () => { sound.currentTime = goal; }, { once: true });
  sound.currentTime = goal;
  score.lookAt = take.quarterAt(sound.currentTime);
}

/** A bar on or back. */
export function step(sign) {
  if (!take) return;
  const index = clamp(score.bars.index(score.quarter) + sign, 0, score.bars.rows.length - 1);
  const at = take.timeOf(score.bars.start(index) + 0.01, sound.currentTime + sign);
  if (at !== null) seek(at);
}

/** Listen from a quarter. */
on("listen-from", (quarter) => {
  const at = take?.timeOf(quarter + 0.01, sound.currentTime);
  if (at === null || at === undefined) return tell("note-line", "this was not played");
  seek(at);
  return sound.paused ? toggle() : undefined;
});

on("frame", () => {
  if (!root || !take || !sound) return;
  score.lookAt = take.quarterAt(sound.currentTime);
  parts.needle?.setAttribute("transform", `translate(${curveX(score.lookAt).toFixed(1)} 0)`);
  parts.knob?.setAttribute("cy", curveY(tempoAt(score.lookAt)).toFixed(1));
  showTime();
});
const showTime = seldom(10, () => {
  if (!root || !take) return;
  const { bar, beat, beats } = score.bars.beat(score.lookAt ?? 0);
  parts.line.set(sound.currentTime);
  write(parts.at, time(sound.currentTime));
  write(parts.bar, String(bar));
  if (parts.dots.childElementCount !== beats) parts.dots.replaceChildren(...Array.from({ length: beats }, () => h("i", { class: "dot" })));
  [...parts.dots.children].forEach((dot, k) => dot.classList.toggle("now", k === beat - 1));
});

let frame = { width: 1, height: 1, low: 0, high: 1 };
const curveX = (quarter) => CURVE.left + (clamp(quarter, 0, score.bars.end) / score.bars.end) * (frame.width - CURVE.left - CURVE.right);
const curveY = (bpm) => CURVE.top + ((frame.high - clamp(bpm, frame.low, frame.high)) / (frame.high - frame.low)) * (frame.height - CURVE.top - CURVE.bottom - 38);
const tempoAt = (quarter) => take.tempi[score.bars.index(quarter)] ?? (frame.low + frame.high) / 2;

function draw() {
  if (!root || !take || !parts.picture.clientWidth) return;
  const known = take.tempi.filter((each) => each !== null), picture = parts.picture;
  if (!known.length) return;
  const spread = Math.max(...known) - Math.min(...known), tick = [2, 4, 8, 10, 20, 40].find((each) => spread / each <= 4) ?? 80;
  frame = { width: picture.clientWidth, height: picture.clientHeight, low: Math.floor(Math.min(...known) / tick) * tick, high: Math.ceil(Math.max(...known) / tick + 0.1) * tick };
  attribute(picture, "viewBox", `0 0 ${frame.width} ${frame.height}`);
  picture.replaceChildren(...grid(tick), ...tints(), tempoLine(), ...lossRow(), needle());
  attribute(picture, "aria-label", `tempo from ${Math.round(Math.min(...known))} to ${Math.round(Math.max(...known))}; the same as a table behind the button Table`);
  tintMusic();
}

function text(x, y, words, attributes = {}) {
  const element = s("text", { x, y, ...attributes });
  element.textContent = words;
  return element;
}

function grid(tick) {
  const found = [s("defs", {}, s("pattern", { id: "hatch", width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, s("rect", { width: 7, height: 7, class: "hatch-ground" }), s("rect", { width: 2.5, height: 7, class: "hatch-line" })))];
  for (let bpm = frame.low; bpm <= frame.high; bpm += tick) {
    found.push(s("line", { class: "curve-grid", x1: CURVE.left, x2: frame.width - CURVE.right, y1: curveY(bpm), y2: curveY(bpm) }), text(CURVE.left - 8, curveY(bpm) + 5, String(bpm), { "text-anchor": "end" }));
  }
  return [...found, ...barAxis()];
}

/** Numbers of bars, counted anew from each place where the music goes to another bar than the next; a line there. */
function barAxis() {
  const rows = score.bars.rows, x = (k) => curveX(score.bars.start(k)), low = curveY(frame.low), found = [];
  const sections = rows.map((row, k) => k).filter((k) => k === 0 || rows[k][1] < rows[k - 1][1] || rows[k][1] > rows[k - 1][1] + 1);
  const every = Math.max(1, Math.round(rows.length / 8));
  sections.forEach((first, i) => {
    const end = sections[i + 1] ?? rows.length, stop = end < rows.length ? x(end) - APART : Infinity;
    if (first > 0) found.push(s("line", { class: "curve-jump", x1: x(first), x2: x(first), y1: CURVE.top, y2: low + 6 }));
    for (let k = first; k < end; k += every) {
      if (k === first || x(k) < stop) found.push(text(x(k), low + 20, String(rows[k][1]), { class: "curve-bar", "text-anchor": "middle" }));
    }
  });
  return found;
}

function tints() {
  return take.deviations.map((part, k) => part === null ? null : s("rect", {
    class: part > 0 ? "tint-faster" : "tint-slower", x: curveX(score.bars.start(k)), width: curveX(score.bars.quarters[k] + score.bars.length(k)) - curveX(score.bars.start(k)), y: CURVE.top, height: curveY(frame.low) - CURVE.top,
    fill: part > 0 ? null : "url(#hatch)",
  })).filter(Boolean);
}

function tempoLine() {
  const points = [];
  let smooth = null, last = null;
  for (const [, quarter, bpm] of take.positions) {
    if (last !== null && quarter > last && quarter - last < 0.12) continue;
    smooth = smooth === null ? bpm : smooth + (bpm - smooth) * 0.2;
    points.push(`${last !== null && quarter < last ? "M" : points.length ? "L" : "M"}${curveX(quarter).toFixed(1)} ${curveY(smooth).toFixed(1)}`);
    last = quarter;
  }
  return s("path", { class: "curve-line", d: points.join("") });
}

function lossRow() {
  const y = curveY(frame.low) + 34, found = [text(CURVE.left, y + 13, "place lost", { "text-anchor": "start" }), s("rect", { class: "loss-ground", x: CURVE.left + 84, y, width: frame.width - CURVE.left - CURVE.right - 84, height: 16, rx: 4 })];
  for (const { from, to, quarter } of take.losses) {
    const x = Math.max(CURVE.left + 84, curveX(quarter));
    found.push(s("rect", { class: "loss", x, y, width: Math.max(9, curveX(take.quarterAt(to)) - x), height: 16, rx: 2 }), text(Math.min(x + 15, frame.width - 130), y + 13, `bar ${score.bars.number(quarter)}, ${(to - from).toFixed(1)} s`, { class: "loss-text" }));
  }
  if (!take.losses.length) found.push(text(CURVE.left + 92, y + 13, "never", {}));
  return found;
}

function needle() {
  parts.knob = s("circle", { class: "needle-knob", cx: 0, cy: 0, r: 7 });
  parts.needle = s("g", { class: "needle" }, s("line", { x1: 0, x2: 0, y1: CURVE.top - 4, y2: curveY(frame.low) + 4 }), parts.knob);
  return parts.needle;
}

function drag(event) {
  if (!take) return;
  const box = parts.picture.getBoundingClientRect();
  const quarter = clamp((event.clientX - box.left - CURVE.left) / (box.width - CURVE.left - CURVE.right), 0, 1) * score.bars.end;
  const at = take.timeOf(quarter, sound.currentTime);
  if (at !== null) seek(at);
}

/** Tint the bars on the page that were faster or slower. */
function tintMusic() {
  const layout = score.layout;
  if (!root || !take || !layout) return;
  const near = score.bars.index(score.quarter);
  layout.tints.replaceChildren(...layout.allBoxes().flatMap((box) => {
    const passes = score.bars.rows.map((row, k) => (row[1] === box.bar ? k : -1)).filter((k) => k >= 0);
    const k = passes.sort((a, b) => Math.abs(a - near) - Math.abs(b - near))[0], part = take.deviations[k];
    if (part === null || part === undefined) return [];
    const tint = h("div", { class: part > 0 ? "tint faster" : "tint slower" }, h("span", { class: "tint-text" }, `${part > 0 ? "▲ +" : "▼ −"}${Math.abs(Math.round(100 * part))} %`));
    Object.assign(tint.style, { left: `${box.left}px`, top: `${box.top - 12}px`, width: `${box.right - box.left}px`, height: `${box.bottom - box.top + 24}px` });
    return [tint];
  }));
}
on("shown", tintMusic);

function showTable() {
  parts.table.hidden = !table;
  parts.picture.style.visibility = table ? "hidden" : "";
  parts.legend.hidden = table;
  if (!table || !take) return;
  const rows = score.bars.rows.map((row, k) => {
    const part = take.deviations[k], at = take.timeOf(score.bars.start(k) + 0.01, 0), from = score.bars.start(k), to = from + score.bars.length(k);
    const lost = take.losses.some((each) => each.quarter >= from && each.quarter < to);
    return h("tr", {}, h("th", { scope: "row" }, String(row[1])), h("td", {}, at === null ? "–" : time(at)), h("td", {}, take.tempi[k] === null ? "–" : String(Math.round(take.tempi[k]))), h("td", {}, part === null ? "" : `${part > 0 ? "faster, +" : "slower, −"}${Math.abs(Math.round(100 * part))} %`), h("td", {}, lost ? "lost" : ""));
  });
  parts.table.replaceChildren(h("table", {}, h("caption", { class: "unseen" }, "bars of the take"), h("thead", {}, h("tr", {}, ...["bar", "time", "tempo", "around it", "place"].map((words) => h("th", { scope: "col" }, words)))), h("tbody", {}, ...rows)));
}
