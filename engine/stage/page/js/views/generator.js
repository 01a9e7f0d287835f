// What plays now and what comes: a roll in bars, and the parameters of the generator.

import { on, told } from "../bus.js";
import { send } from "../connection.js";
import { mayControl, running, start, stop } from "../controls/order.js";
import { Slider, linear } from "../controls/slider.js";
import { attribute, h, s, seldom, write } from "../dom.js";
import { icon } from "../icons.js";
import { Bars } from "../score/bars.js";
import { score } from "../score/score.js";
import { moreButton } from "./stems.js";

const BARS = 6, BEFORE = 2, MARGIN = { left: 64, top: 34, bottom: 8 }, LETTERS = "SATB";
let root = null, parts = {}, notes = [], sliders = {};

/** Build the screen. */
export function generatorView(element) {
  root = element;
  parts = { picture: s("svg", { class: "generated", role: "img", "aria-label": "what plays and what is written" }), voices: h("ul", { class: "voices" }), side: h("section", { class: "side-card" }) };
  const orders = mayControl() ? h("div", { class: "side-orders" }, (parts.main = h("button", { type: "button", class: "bar-button bar-main", on: { click: () => (running() ? stop() : start()) } }))) : null;
  root.append(h("div", { class: "generator-room" }, h("div", { class: "generator-roll" }, parts.picture, parts.voices), h("aside", { class: "generator-side" }, h("div", { class: "side-head" }, h("h2", {}, "Generator"), moreButton()), parts.side, orders)));
  showParameters();
  showMain();
  return () => { root = null; };
}

/** `plan {notes: [[quarter, duration, pitch, voice]...], voices: [name...], written: quarter, bar: quarters a bar, first: number of the first bar}` */
on("plan", (plan) => {
  const bar = plan.bar ?? 4, bars = Math.ceil(Math.max(plan.written ?? 0, score.quarter) / bar) + BARS;
  if (!score.info) score.bars = new Bars({ bars: Array.from({ length: bars }, (_, k) => [k * bar, k + (plan.first ?? 1), k]), end_quarter: bars * bar });
  const from = plan.notes.length ? Math.min(...plan.notes.map((note) => note[0])) : Infinity;
  notes = [...notes.filter((note) => note[0] < from && note[0] > score.quarter - 4 * (plan.bar ?? 4)), ...plan.notes];
  if (root) draw();
});
on("frame", seldom(20, () => { if (root) draw(); }));
on("parameters", () => { if (root) showParameters(); });
on("stage-state", () => { if (root) showMain(); });

function showMain() {
  if (parts.main) parts.main.replaceChildren(icon(running() ? "stop" : "play"), h("span", { class: "bar-main-text" }, running() ? "Stop" : "Start"));
}

/** `parameters {system, rows: [{name, label, value, min, max, step, low, high}...], heard_from: bar}` */
function showParameters() {
  const { system = "", rows = [], heard_from: bar = null } = told.parameters ?? {};
  if (parts.side.dataset.system !== system || rows.length !== Object.keys(sliders).length) {
    sliders = {};
    parts.side.dataset.system = system;
    parts.side.replaceChildren(...[system ? h("h2", {}, system) : null, ...rows.map((row) => {
      const value = h("b", { class: "side-value" }), slider = new Slider({ label: row.label, scale: linear({ min: row.min, max: row.max, step: row.step, text: (x) => x.toFixed(row.step < 0.1 ? 2 : row.step < 1 ? 1 : 0) }), shown: value, changed: (x) => send("parameter", { name: row.name, value: x }) });
      sliders[row.name] = slider;
      return h("div", { class: "parameter" }, h("div", { class: "side-head" }, h("h3", {}, row.label), value), slider.element, h("div", { class: "ends muted" }, h("small", {}, row.low ?? ""), h("small", {}, row.high ?? "")));
    }), (parts.note = h("p", { class: "muted" }))].filter(Boolean));
  }
  for (const row of rows) sliders[row.name].set(row.value);
  if (parts.note) write(parts.note, bar === null ? "" : `What you change is heard from bar ${bar}, the next that is not written.`);
}

function draw() {
  const plan = told.plan, picture = parts.picture, width = picture.clientWidth, height = picture.clientHeight;
  if (!plan || width < 50) return;
  const bar = plan.bar ?? 4, now = score.quarter, from = bar * Math.max(0, Math.floor(now / bar) - BEFORE), to = from + BARS * bar;
  const pitches = notes.map((note) => note[2]), low = Math.min(...pitches, 60) - 3, high = Math.max(...pitches, 72) + 3;
  const unit = (height - MARGIN.top - MARGIN.bottom) / (high - low + 1), x = (q) => MARGIN.left + ((q - from) * (width - MARGIN.left - 4)) / (to - from), y = (pitch) => MARGIN.top + (high - pitch) * unit;
  attribute(picture, "viewBox", `0 0 ${width} ${height}`);
  picture.replaceChildren(hatch(), ...octaves(low, high, unit, y, x(from), x(to)), ...barLines(plan, bar, from, to, now, x, height), ...notes.filter((note) => note[0] < to && note[0] + note[1] > from).map((note) => drawn(note, now, x, y, unit)), s("line", { class: "playhead", x1: x(now), x2: x(now), y1: MARGIN.top - 4, y2: height - MARGIN.bottom }));
  if (parts.voices.childElementCount !== (plan.voices ?? []).length) parts.voices.replaceChildren(...(plan.voices ?? []).map((name, k) => h("li", { class: `voice voice-${(k % 4) + 1}` }, h("b", {}, letter(k)), name)));
}

const letter = (voice) => told.plan?.voices?.[voice]?.[0]?.toUpperCase() ?? LETTERS[voice] ?? String(voice + 1);

function hatch() {
  return s("defs", {}, s("pattern", { id: "unwritten", width: 10, height: 10, patternUnits: "userSpaceOnUse", patternTransform: "rotate(-45)" }, s("rect", { width: 2, height: 10, class: "hatch-line-plain" })));
}

/** A line at every C, with its name. */
function octaves(low, high, unit, y, left, right) {
  const found = [];
  for (let pitch = 12 * Math.ceil(low / 12); pitch <= high; pitch += 12) {
    const name = s("text", { class: "pitch-name", x: left - 10, y: y(pitch) + unit / 2 + 5, "text-anchor": "end" });
    name.textContent = `C${pitch / 12 - 1}`;
    found.push(s("line", { class: "octave", x1: left, x2: right, y1: y(pitch) + unit, y2: y(pitch) + unit }), name);
  }
  return found;
}

function barLines(plan, bar, from, to, now, x, height) {
  const found = [];
  for (let q = from; q < to - 1e-6; q += bar) {
    const number = Math.round(q / bar) + (plan.first ?? 1), playing = q <= now && now < q + bar, written = q + bar <= (plan.written ?? 0) + 1e-6;
    if (playing) found.push(s("rect", { class: "bar-now", x: x(q), y: 0, width: x(q + bar) - x(q), height }));
    if (!written && !playing && q >= now) found.push(s("rect", { fill: "url(#unwritten)", x: x(q), y: MARGIN.top, width: x(q + bar) - x(q), height: height - MARGIN.top }));
    const words = s("text", { class: playing ? "bar-words now" : "bar-words", x: x(q) + 8, y: 24 });
    const writing = !written && q <= (plan.written ?? 0) + 1e-6; // the bars behind it are only to come
    words.textContent = `${number}${playing ? " playing" : q < now ? "" : written ? " written" : writing ? " writing …" : ""}`;
    found.push(s("line", { class: "bar-edge", x1: x(q), x2: x(q), y1: 8, y2: height }), words);
  }
  return found;
}

/** Past dim and filled; now filled, with an outline and its letter; written an outline. */
function drawn([quarter, duration, pitch, voice], now, x, y, unit) {
  const state = quarter + duration <= now ? "past" : quarter <= now ? "now" : "written", left = Math.max(x(quarter), MARGIN.left), width = Math.max(6, x(quarter + duration) - left - 2);
  const group = s("g", { class: `generated-note ${state} voice-${(voice % 4) + 1}` }, s("rect", { x: left, y: y(pitch) + 1, width, height: Math.max(4, unit - 2), rx: 4 }));
  if (state === "now") {
    const words = s("text", { x: left + 12, y: y(pitch) + unit / 2 + 5, "text-anchor": "middle" });
    words.textContent = letter(voice);
    group.append(s("rect", { class: "letter", x: left, y: y(pitch) + unit / 2 - 12, width: 24, height: 24, rx: 5 }), words);
  }
  return group;
}
