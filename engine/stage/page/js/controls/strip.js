// The strip: bar, beats, state, tempo, confidence, level. Its columns are fixed: nothing moves when 9 becomes 10.

import { on, told } from "../bus.js";
import { attribute, clamp, h, s, seldom, write } from "../dom.js";
import { icon, noteValue } from "../icons.js";
import { score } from "../score/score.js";

const ARC = 270, RADIUS = 14, AROUND = 2 * Math.PI * RADIUS;
const SURE = [[0.85, "high"], [0.5, "fair"], [0, "low"]];
const HOLD_MS = 1500, FLOOR_DB = -60;
const NUMBERS = 4; // changes a second

const SOUNDING = ["following", "paused", "playing"];

const parts = {};
let tempo = null, tempoAt = null, word = "";

/** Build the strip. */
export function startStrip(root) {
  parts.bar = h("div", { class: "strip-bar", id: "strip-bar" }, "–");
  parts.dots = h("div", { class: "strip-dots", "aria-hidden": "true" });
  parts.state = h("div", { class: "strip-state", role: "status" },
    parts.icon = h("span", { class: "strip-icon" }),
    h("span", { class: "strip-words" }, parts.word = h("span", { class: "strip-word" }), parts.line = h("span", { class: "strip-line" })));
  parts.tempo = h("div", { class: "strip-tempo" }, parts.unit = h("span", { class: "strip-unit" }), parts.bpm = h("span", { class: "strip-bpm" }, "–"));
  parts.arc = arc();
  parts.level = h("div", { class: "strip-level", role: "img", "aria-label": "input level" }, parts.fill = h("i", { class: "level-fill" }), parts.peak = h("i", { class: "level-peak" }));
  root.append(parts.bar, parts.dots, parts.state, parts.tempo, parts.arc, parts.level);
  root.setAttribute("aria-label", "where the music is");
  on("frame", showBeat);
  on("stage-state", showState);
  on("stage-detail", ({ line }) => showLine(line));
  on("pos", hearTempo);
  on("pos", seldom(NUMBERS, showPosition));
  on("meters", showLevel);
  on("opened", () => { tempo = null; lastBeat = ""; });
}

function arc() {
  const length = (ARC / 360) * AROUND;
  const ring = (name) => s("circle", { class: name, cx: 18, cy: 18, r: RADIUS, "stroke-dasharray": `${length} ${AROUND}`, transform: "rotate(135 18 18)" });
  parts.arcFill = ring("arc-fill");
  return s("svg", { class: "strip-arc", viewBox: "0 0 36 36", role: "img", "aria-label": "confidence unknown" }, ring("arc-ground"), parts.arcFill);
}

let lastBeat = "";
function showBeat(quarter) {
  const { bar, beat, beats } = score.bars.beat(quarter), sounding = SOUNDING.includes(score.state);
  const key = `${bar} ${sounding ? beat : 0} ${beats}`;
  if (key === lastBeat || !(score.info || told.plan)) return;
  lastBeat = key;
  write(parts.bar, String(bar));
  attribute(parts.bar, "aria-label", `bar ${bar}`);
  attribute(parts.bar, "data-digits", String(bar).length);
  while (parts.dots.childElementCount > beats) parts.dots.lastChild.remove();
  while (parts.dots.childElementCount < beats) parts.dots.append(h("i", { class: "dot" }));
  [...parts.dots.children].forEach((dot, k) => dot.classList.toggle("now", sounding && k === beat - 1));
  attribute(parts.dots, "data-many", beats > 6 ? "lots" : beats > 4 ? "some" : "");
}

function showState({ name, icon: shape, word: text, tone }) {
  attribute(parts.state, "data-tone", tone);
  attribute(document.body, "data-state", name);
  parts.icon.replaceChildren(icon(shape));
  if (word) parts.word.animate([{ opacity: 0 }, { opacity: 1 }], { duration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120 });
  write(parts.word, (word = text));
  if (name === "offline") {
    parts.unit.replaceChildren();
    write(parts.bpm, "trying again");
  } else showTempo();
  if (name === "waiting") confidence(null);
}

function showLine(line) {
  write(parts.line, line);
  parts.line.hidden = !line;
}

function hearTempo({ bpm, q }) {
  if (!(bpm > 0)) return;
  const bars = 2 * score.bars.lengthAt(q), passed = tempoAt === null ? 0 : q - tempoAt;
  tempo = tempo === null || passed < 0 || passed > bars ? bpm : tempo + (bpm - tempo) * (1 - Math.exp(-passed / bars));
  tempoAt = q;
}

let shownUnit = null;
function showTempo() {
  const unit = Math.max(1, score.bars.unit(score.quarter)); // tempi of eighths are no tempi
  if (unit !== shownUnit || !parts.unit.firstChild) parts.unit.replaceChildren(noteValue((shownUnit = unit)));
  const bpm = tempo ?? ownTempo();
  write(parts.bpm, bpm === null ? "–" : String(Math.round(bpm / unit)));
}

/** The score's own tempo where the music is: what stands there until somebody plays. */
function ownTempo() {
  const rows = score.info?.tempo;
  if (!rows || rows.length < 2) return null;
  const k = clamp(rows.findLastIndex((row) => row[0] <= score.quarter), 0, rows.length - 2);
  return (60 * (rows[k + 1][0] - rows[k][0])) / (rows[k + 1][1] - rows[k][1]);
}
on("opened", () => queueMicrotask(() => parts.bpm && showTempo()));

function showPosition({ conf }) {
  if (score.state !== "offline") showTempo();
  confidence(conf);
}

function confidence(value) {
  const part = value === null ? 0 : clamp(value, 0, 1);
  parts.arcFill.style.strokeDashoffset = String(((ARC / 360) * AROUND) * (1 - part));
  attribute(parts.arc, "aria-label", `confidence ${value === null ? "unknown" : SURE.find(([from]) => part >= from)[1]}`);
}

/** 0 to 1 of a meter that begins at -60 dB. */
export function height(peak) {
  return peak > 0 ? clamp(1 - (20 * Math.log10(peak)) / FLOOR_DB, 0, 1) : 0;
}

let held = 0, heldAt = 0;
function showLevel({ input = 0 }) {
  if (told.link?.up === false) input = 0;
  const value = height(input), now = performance.now();
  if (value >= held || now - heldAt > HOLD_MS) [held, heldAt] = [value, now];
  parts.fill.style.transform = `scaleY(${value.toFixed(3)})`;
  parts.peak.style.transform = `translateY(${(-34 * held).toFixed(1)}px)`;
  parts.level.classList.toggle("clip", input >= 1);
}
