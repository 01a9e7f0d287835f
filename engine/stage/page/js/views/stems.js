// The engineer's screen: a fader and a meter a stem, latency, drop-outs, how much of its time a block takes.

import { on, told } from "../bus.js";
import { DECIBELS, Slider } from "../controls/slider.js";
import { Meter, decibels } from "../controls/meter.js";
import { SUM, does, gain, mayControl, mute, muted, passThrough, running, start, stop, targets } from "../controls/order.js";
import { showMute } from "../controls/parts.js";
import { attribute, h, s, seldom, write } from "../dom.js";
import { icon } from "../icons.js";
import { STATES } from "../state.js";

const TICKS = [6, 0, -10, -20, -40, -60], HISTORY = 240, HOLD_MS = 500;
let root, strips, columns = [], parts = {}, history = [], soloed = null, base = null, since = null, known = "";

/** Build the screen. */
export function stemsView(element) {
  root = element;
  parts = {};
  strips = h("div", { class: "stems" });
  root.append(header(), h("div", { class: "stems-room" }, strips, h("aside", { class: "stems-side" }, latencyCard(), dropsCard(), timeCard(), orders())));
  known = "";
  build();
  showControls();
  if (told.status) showStatus(told.status);
  return () => { root = null; columns = []; };
}

function header() {
  parts.icon = h("span", { class: "strip-icon" });
  parts.word = h("span", { class: "strip-word" });
  parts.input = new Meter({ label: "input" });
  return h("header", { class: "view-head" }, h("div", { class: "view-state", role: "status" }, parts.icon, parts.word), (parts.facts = h("span", { class: "muted" })),
    h("span", { class: "view-input" }, h("span", { class: "muted" }, "input"), parts.input.element, (parts.inputDb = h("span", { class: "part-value" }))), moreButton());
}

/** The button of More on the screens that have no control bar. */
export function moreButton() {
  if (!mayControl()) return null;
  return h("button", { type: "button", class: "round", "aria-label": "more", on: { click: () => document.querySelector(".bar-more").click() } }, icon("more"));
}

function build() {
  if (!root || targets().join("|") === known) return;
  known = targets().join("|");
  columns = [...targets().map((name) => column(name)), ...(does("separate") ? [column(SUM)] : [])];
  strips.replaceChildren(...columns.map((each) => each.element));
}

function column(name) {
  const value = h("span", { class: "stem-value" }), meter = new Meter({ label: name, vertical: true });
  const slider = new Slider({ label: name, scale: DECIBELS, vertical: true, changed: (db) => gain(name, db), shown: value });
  const scale = h("div", { class: "stem-scale", "aria-hidden": "true" }, ...TICKS.map((db) => {
    const tick = h("span", {}, db > 0 ? `+${db}` : String(db).replace("-", "−"));
    tick.style.setProperty("--at", DECIBELS.part(db));
    return tick;
  }));
  const muteButton = h("button", { type: "button", class: "mute", "aria-label": `mute ${name}`, on: { click: () => mute(name, !muted(name)) } }, "Mute");
  const whole = name === SUM, solo = whole ? null : h("button", { type: "button", class: "mute", "aria-label": `solo ${name}`, "aria-pressed": "false", on: { click: () => soloOf(name) } }, "Solo");
  if (!mayControl()) for (const each of [muteButton, solo]) if (each) each.hidden = true;
  if (!mayControl()) attribute(slider.element, "aria-disabled", "true");
  const element = h("section", { class: whole ? "stem stem-sum" : "stem", "aria-label": name }, h("h2", {}, name[0].toUpperCase() + name.slice(1)), value,
    h("div", { class: "stem-body" }, slider.element, whole ? null : meter.element, scale), h("div", { class: "stem-buttons" }, muteButton, solo));
  return { name, slider, meter, mute: muteButton, solo, element };
}

/** Hear one alone: the others are muted, and again what they were. */
function soloOf(name) {
  const others = targets().filter((each) => each !== name);
  if (soloed?.name === name) {
    for (const each of others) mute(each, soloed.muted.includes(each));
    soloed = null;
  } else {
    const before = soloed?.muted ?? targets().filter(muted);
    for (const each of others) mute(each, true);
    mute(name, false);
    soloed = { name, muted: before };
  }
  showControls();
}

function showControls() {
  build();
  const gains = told.controls?.gains ?? {};
  for (const each of columns) {
    each.slider.set(gains[each.name] ?? 0);
    showMute(each.mute, muted(each.name));
    each.element.classList.toggle("silent", muted(each.name));
    if (each.solo) attribute(each.solo, "aria-pressed", String(soloed?.name === each.name));
    each.solo?.classList.toggle("chosen", soloed?.name === each.name);
  }
  showThrough();
}

function card(title, ...children) {
  return h("section", { class: "side-card" }, h("div", { class: "side-head" }, h("h2", {}, title), children.shift()), ...children);
}

function latencyCard() {
  return card("Latency", (parts.latency = h("b", { class: "side-value" }, "–")), (parts.latencyLine = h("p", { class: "muted" }, "from input to output")));
}

const COUNTS = ["input", "output", "device", "events"];
function dropsCard() {
  parts.counts = COUNTS.map((name) => [name, h("b", { class: "side-value" }, "0")]);
  return card("Drop-outs", (parts.since = h("span", { class: "muted" })), h("div", { class: "counts" }, ...parts.counts.map(([name, value]) => h("span", {}, value, h("small", { class: "muted" }, name)))), (parts.dropLine = h("p", { class: "drop-line", role: "status" })));
}

function timeCard() {
  parts.curve = s("polyline", { class: "time-curve" });
  parts.picture = s("svg", { class: "time-picture", viewBox: `0 0 ${HISTORY} 100`, preserveAspectRatio: "none", role: "img" }, s("line", { class: "time-limit", x1: 0, x2: HISTORY, y1: 2, y2: 2 }), parts.curve);
  return card("Processor", (parts.share = h("b", { class: "side-value" }, "–")), parts.picture, (parts.worst = h("p", { class: "muted" })));
}

function orders() {
  if (!mayControl()) return null;
  parts.main = h("button", { type: "button", class: "bar-button bar-main" });
  holdOrPress(parts.main);
  parts.through = does("separate") ? h("button", { type: "button", class: "bar-button" }) : null;
  if (parts.through) hold(parts.through, () => true, () => passThrough(!told.controls?.through));
  return h("div", { class: "side-orders" }, h("button", { type: "button", class: "plain-button", on: { click: reset } }, "Reset counters"), parts.through, parts.main);
}

/** All stems as they are: the input. Half a second's hold, for the faders mean nothing then. */
function showThrough() {
  if (!parts.through) return;
  const on = Boolean(told.controls?.through);
  attribute(parts.through, "aria-pressed", String(on));
  parts.through.classList.toggle("chosen", on);
  parts.through.replaceChildren(h("span", { class: "bar-text" }, on ? "Input passes through" : "Pass the input through", h("small", {}, "hold for half a second")));
}

/** Do something after half a second's hold, or by a key at once; returns what says whether the last touch was a hold. */
function hold(button, may, run) {
  let timer = null, done = false;
  const off = () => { clearTimeout(timer); button.classList.remove("held"); };
  button.addEventListener("pointerdown", () => {
    done = false;
    if (!may()) return;
    button.classList.add("held");
    timer = setTimeout(() => { off(); done = true; run(); }, HOLD_MS);
  });
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) button.addEventListener(name, off);
  button.addEventListener("click", (event) => { if (event.detail === 0 && may()) run(); });
  return () => done;
}

/** Start at a touch; stop by half a second's hold, or by a key. */
function holdOrPress(button) {
  const held = hold(button, running, stop);
  button.addEventListener("click", () => { if (!running() && !held()) start(); });
}

function reset() {
  base = { ...(told.status?.drops ?? {}) };
  since = Date.now();
  write(parts.dropLine, "");
  if (told.status) showStatus(told.status);
}

function showStatus(status) {
  if (!root) return;
  const drops = status.drops ?? {};
  write(parts.facts, [time(status.seconds ?? 0), status.message].filter(Boolean).join(" · "));
  write(parts.latency, Number.isFinite(status.latency_ms) ? `${Math.round(status.latency_ms)} ms` : "–");
  for (const [name, value] of parts.counts) {
    const count = Math.max(0, (drops[name] ?? 0) - (base?.[name] ?? 0));
    write(value, String(count));
    value.classList.toggle("bad", count > 0);
  }
  write(parts.since, since === null ? `in ${time(status.since ?? 0)}` : `since ${new Date(since).toLocaleTimeString()}`);
  showShare(status.cpu ?? 0);
  showMain();
}

function showShare(share) {
  history.push(share);
  history = history.slice(-HISTORY);
  write(parts.share, `${Math.round(100 * share)} %`);
  attribute(parts.curve, "points", history.map((each, k) => `${HISTORY - history.length + k},${(100 - 98 * Math.min(1, each)).toFixed(1)}`).join(" "));
  write(parts.worst, `most in ${Math.round(HISTORY / 120)} min ${Math.round(100 * Math.max(...history))} % · dashed: one core`);
  attribute(parts.picture, "aria-label", parts.worst.textContent);
}

function showMain() {
  if (!parts.main) return;
  const on = running();
  parts.main.replaceChildren(icon(on ? "stop" : "play"), h("span", { class: "bar-main-text" }, on ? "Stop" : "Start", on ? h("small", {}, "hold for half a second") : null));
}

/** 1:12:40. */
export function time(seconds) {
  const whole = Math.max(0, Math.floor(seconds)), two = (n) => String(n).padStart(2, "0");
  return whole >= 3600 ? `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

on("status", (status) => { if (root) showStatus(status); });
on("controls", () => { if (root) showControls(); });
on("levels", seldom(2, build));
on("stage-state", ({ icon: shape, word }) => {
  if (!root) return;
  parts.icon.replaceChildren(icon(shape));
  write(parts.word, word);
  showMain();
});
on("view-shown", (name) => {
  if (name !== "stems") return;
  const state = STATES[document.body.dataset.state] ?? STATES.separating;
  parts.icon.replaceChildren(icon(state.icon));
  write(parts.word, state.word);
  showMain();
});
on("meters", ({ input = 0, targets: levels = {} }) => {
  if (!root) return;
  parts.input.set(input);
  for (const each of columns) each.meter.set(levels[each.name] ?? 0);
});
on("levels", seldom(4, ({ input, targets: levels = {} }) => {
  if (!root) return;
  write(parts.inputDb, input > 0 ? `${decibels(input).toFixed(1)} dB`.replace("-", "−") : "");
  for (const each of columns) each.meter.speak(levels[each.name] ?? 0);
}));
for (const name of ["dropout", "late"]) {
  on(name, ({ where, samples, at_s: at }) => {
    if (root) write(parts.dropLine, `! ${where}, ${samples} samples, at ${time(at ?? 0)}`);
  });
}
