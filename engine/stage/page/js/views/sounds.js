// The monitor: every label's guesses on a time line with its threshold, what was told, and a threshold to move.

import { on, told } from "../bus.js";
import { can, listenForSounds, quiet, threshold } from "../controls/order.js";
import { Slider, linear } from "../controls/slider.js";
import { attribute, h, seldom, write } from "../dom.js";
import { icon } from "../icons.js";
import { STATES } from "../state.js";
import { STEPS, SoundLog } from "./sound_log.js";
import { moreButton, time } from "./stems.js";

export const log = new SoundLog();
const SPANS = [["1 min", 60], ["10 min", 600], ["day", 86400]], DEFAULT = 0.5, ROW_PX = 58, PLOT_PX = 44, MOST = 14, BEST = 5, HOUR_S = 3600;
let root = null, parts = {}, span = 60, heard = 0, chosen = null, undo = [], rows = [], hold = null, table = false;

on("guesses", (message) => { heard = performance.now(); log.guesses(message); });
on("sound", (message) => { heard = performance.now(); log.sound(message); });

/** The threshold of a label, as far as it is known. */
const over = (name) => told.controls?.thresholds?.[name] ?? told.controls?.threshold ?? DEFAULT;

/** Build the screen. */
export function soundsView(element) {
  root = element;
  rows = [];
  parts = { icon: h("span", { class: "strip-icon" }), word: h("span", { class: "strip-word" }), facts: h("span", { class: "muted" }), outlets: h("div", { class: "outlets" }),
    list: h("ul", { class: "sound-rows", "aria-label": "labels" }), canvas: h("canvas", { class: "sound-plot", role: "img" }), axis: h("div", { class: "sound-axis", "aria-hidden": "true" }),
    best: h("ul", { class: "sound-best" }), detail: h("section", { class: "side-card sound-detail" }), today: h("ul", { class: "sound-today" }), table: h("div", { class: "sound-table", hidden: true }) };
  const spans = h("div", { class: "segments", role: "group", "aria-label": "time shown" }, ...SPANS.map(([text, seconds]) => h("button", { type: "button", class: "segment", data: { seconds }, on: { click: () => { span = seconds; mark(spans); } } }, text)));
  const holder = h("button", { type: "button", class: "plain-button with-icon", "aria-pressed": "false", on: { click: () => { hold = hold === null ? present() : null; attribute(holder, "aria-pressed", String(hold !== null)); holder.classList.toggle("chosen", hold !== null); } } }, icon("pause"), "Hold");
  parts.ear = can("threshold") ? h("button", { type: "button", class: "plain-button", on: { click: () => listenForSounds(Boolean(told.controls?.deaf)) } }) : null;
  const tabler = h("button", { type: "button", class: "plain-button", "aria-pressed": "false", on: { click: () => { table = !table; attribute(tabler, "aria-pressed", String(table)); showTable(); } } }, "Table");
  mark(spans);
  root.append(
    h("header", { class: "view-head" }, h("div", { class: "view-state", role: "status" }, parts.icon, parts.word), parts.facts, parts.outlets, moreButton()),
    h("div", { class: "sounds-room" }, h("div", { class: "sounds-line" }, h("div", { class: "sounds-plot" }, parts.list, parts.canvas, parts.axis, parts.table),
      h("footer", { class: "sounds-foot" }, h("div", {}, h("p", { class: "muted" }, "Told"), parts.today), ...[spans, holder, tabler, parts.ear].filter(Boolean))),
    h("aside", { class: "sounds-side" }, h("section", { class: "side-card" }, h("div", { class: "side-head" }, h("h2", {}, "What it thinks now"), h("small", { class: "muted" }, "line: told above")), parts.best), parts.detail)));
  showEar();
  showOutlets();
  showState(STATES[document.body.dataset.state] ?? STATES.listening);
  const drawing = setInterval(draw, 80), counting = setInterval(count, 400);
  count();
  return () => { clearInterval(drawing); clearInterval(counting); root = null; };
}

function mark(spans) {
  for (const each of spans.children) attribute(each, "aria-pressed", String(Number(each.dataset.seconds) === span));
}

/** The time of the input now: it goes on between messages. */
function present() {
  return hold ?? log.now + Math.min(1, (performance.now() - heard) / 1000);
}

function count() {
  if (!root) return;
  const labels = [...log.labels.values()].slice(0, MOST);
  if (labels.map((each) => each.name).join() !== rows.map((each) => each.name).join()) buildRows(labels);
  for (const row of rows) write(row.over, until(row.name) ? "quiet" : `over ${over(row.name).toFixed(2)}`);
  write(parts.facts, `${log.labels.size} sound${log.labels.size === 1 ? "" : "s"} · ${time(log.now)}`);
  showBest();
  showToday(labels);
  if (chosen) showCounts();
  if (table) showTable();
}

function buildRows(labels) {
  rows = labels.map(({ name }) => {
    const overText = h("small", { class: "muted" });
    const button = h("button", { type: "button", class: "sound-row", "aria-pressed": "false", on: { click: () => choose(name) } }, h("b", { title: name }, name), overText);
    return { name, button, over: overText };
  });
  parts.list.replaceChildren(...rows.map((row) => h("li", {}, row.button)));
  choose(chosen ?? labels[0]?.name ?? null);
}

function choose(name) {
  chosen = name;
  undo = [];
  for (const row of rows) attribute(row.button, "aria-pressed", String(row.name === name));
  if (name) buildDetail(name);
}

function buildDetail(name) {
  parts.value = h("b", { class: "side-value" });
  parts.bars = h("div", { class: "histogram", role: "img", "aria-label": `how often ${name} was guessed with each probability` }, ...Array.from({ length: STEPS }, () => h("i")));
  parts.slider = new Slider({ label: `threshold of ${name}`, scale: linear({ step: 0.01, page: 0.1, text: (x) => x.toFixed(2) }), shown: parts.value, changed: (p) => { if (undo.at(-1) !== over(name)) undo.push(over(name)); threshold(name, p); } });
  parts.slider.element.classList.add("backwards");
  parts.slider.set(over(name));
  parts.counts = h("ul", { class: "would-tell" });
  const back = h("button", { type: "button", class: "plain-button", on: { click: () => { const value = undo.pop(); if (value !== undefined) threshold(name, value); } } }, "Undo");
  parts.detail.replaceChildren(h("div", { class: "side-head" }, h("h2", {}, name), parts.value), h("p", { class: "muted" }, "Tell it when the guess is over this"), parts.bars,
    ...(can("threshold") ? [parts.slider.element, h("div", { class: "ends muted" }, h("small", {}, "0 tells all"), h("small", {}, "1 tells nothing"))] : []), parts.counts, ...(can("threshold") ? [h("div", { class: "side-orders side-pair" }, back, (parts.quiet = h("button", { type: "button", class: "plain-button with-icon", on: { click: () => quiet(name, until(name) ? 0 : HOUR_S) } })))] : []));
  showQuiet();
  showCounts();
}

on("controls", () => { if (root) showEar(); });
on("controls", () => { if (root && chosen && parts.slider) { parts.slider.set(over(chosen)); showCounts(); showQuiet(); } });

function showEar() {
  const deaf = Boolean(told.controls?.deaf);
  if (!parts.ear) return;
  write(parts.ear, deaf ? "Listen" : "Don't listen");
  parts.ear.classList.toggle("chosen", deaf);
}

/** Until when nothing is told of a sound, seconds since 1970; 0 if it is told. */
const until = (name) => told.controls?.quiet?.[name] ?? 0;

function showQuiet() {
  if (!parts.quiet) return;
  const end = until(chosen);
  attribute(parts.quiet, "aria-pressed", String(end > 0));
  parts.quiet.classList.toggle("chosen", end > 0);
  parts.quiet.replaceChildren(icon("bell"), end ? `Quiet until ${new Date(1000 * end).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}` : "Quiet 1 h");
}

function showCounts() {
  const label = log.label(chosen), at = over(chosen), most = Math.max(1, ...label.histogram.map((n) => Math.sqrt(n)));
  [...parts.bars.children].forEach((bar, k) => {
    bar.style.setProperty("--part", (Math.sqrt(label.histogram[k]) / most).toFixed(3));
    bar.classList.toggle("told", (k + 0.5) / STEPS >= at);
  });
  const others = [Math.max(0.05, at - 0.2), at, Math.min(0.95, at + 0.2)];
  parts.counts.replaceChildren(...others.map((p, k) => h("li", { class: k === 1 ? "here" : "" }, h("span", {}, `at ${p.toFixed(2)}, until now`), h("b", {}, String(label.wouldTell(p))))));
}

function showBest() {
  parts.best.replaceChildren(...log.best(BEST).map((label) => {
    const bar = h("div", { class: "guess-bar", role: "img", "aria-label": `${label.name}: ${label.last.toFixed(2)}, told above ${over(label.name).toFixed(2)}` }, h("i"), h("b"));
    bar.style.setProperty("--part", label.last);
    bar.style.setProperty("--line", over(label.name));
    return h("li", { class: label.last >= over(label.name) ? "guess told" : "guess" }, h("span", {}, label.name), bar, h("span", { class: "part-value" }, label.last.toFixed(2)));
  }));
}

function showToday(labels) {
  const known = labels.filter((each) => each.told.length).sort((a, b) => b.told.length - a.told.length);
  const rest = known.slice(4).reduce((sum, each) => sum + each.told.length, 0);
  parts.today.replaceChildren(...known.slice(0, 4).map((each) => h("li", { class: "chip" }, `${each.name} `, h("b", {}, String(each.told.length)))), rest ? h("li", { class: "chip" }, "others ", h("b", {}, String(rest))) : "");
}

function showTable() {
  parts.table.hidden = !table;
  parts.canvas.hidden = table;
  if (!table) return;
  const events = [...log.labels.values()].flatMap((each) => each.told.map((event) => ({ name: each.name, ...event }))).sort((a, b) => b.from - a.from).slice(0, 200);
  parts.table.replaceChildren(h("table", {}, h("caption", { class: "unseen" }, "sounds that were told"), h("thead", {}, h("tr", {}, ...["sound", "from", "for", "probability"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, ...events.map((event) => h("tr", {}, h("th", { scope: "row" }, event.name), h("td", {}, time(event.from)), h("td", {}, event.to === null ? "still" : `${(event.to - event.from).toFixed(1)} s`), h("td", {}, event.p.toFixed(2)))))));
}

function showState({ icon: shape, word, tone }) {
  parts.icon.replaceChildren(icon(shape));
  write(parts.word, word);
  attribute(parts.word.parentElement, "data-tone", tone);
}
on("stage-state", (state) => { if (root) showState(state); });
on("outlets", () => { if (root) showOutlets(); });

function showOutlets() {
  parts.outlets.replaceChildren(...outletChips());
}

/** Which other programs are told, and whether that works. */
export function outletChips() {
  return (told.outlets?.rows ?? []).map(({ name, ok, line }) => h("span", { class: ok ? "chip" : "chip bad" }, ok ? `✓ ${name}` : `! ${name}: ${line || "no answer"}`));
}

const draw = seldom(15, () => {
  if (!root || table || !rows.length) return;
  const canvas = parts.canvas, width = canvas.clientWidth, height = rows.length * ROW_PX, sharp = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * sharp) || canvas.height !== Math.round(height * sharp)) {
    canvas.style.height = `${height}px`;
    [canvas.width, canvas.height] = [Math.round(width * sharp), Math.round(height * sharp)];
  }
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(`--${name}`).trim();
  pen.setTransform(sharp, 0, 0, sharp, 0, 0);
  pen.clearRect(0, 0, width, height);
  const now = present(), x = (at) => width - ((now - at) * width) / span;
  pen.strokeStyle = colour("hair");
  pen.lineWidth = 1;
  for (let k = 1; k <= 6; k++) line(pen, width - (k * width) / 6, 0, width - (k * width) / 6, height);
  rows.forEach((row, k) => drawRow(pen, log.label(row.name), k * ROW_PX + 7, x, width, colour));
  pen.strokeStyle = colour("ink");
  pen.lineWidth = 2;
  line(pen, width - 1, 0, width - 1, height);
  attribute(canvas, "aria-label", `guesses of the last ${SPANS.find((each) => each[1] === span)[0]}; the same as a table behind the button Table`);
  drawAxis();
});

function line(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

function drawAxis() {
  const unit = span <= 60 ? [1, "s"] : span <= 600 ? [60, "min"] : [3600, "h"];
  const texts = Array.from({ length: 7 }, (_, k) => (k === 6 ? "now" : `−${Math.round(((6 - k) * span) / 6 / unit[0])} ${unit[1]}`));
  if (parts.axis.textContent !== texts.join("")) parts.axis.replaceChildren(...texts.map((text) => h("span", {}, text)));
}

function drawRow(pen, label, top, x, width, colour) {
  const bottom = top + PLOT_PX, y = (p) => bottom - p * PLOT_PX;
  const points = label.guesses.filter(([at]) => x(at) >= -4);
  if (points.length) {
    pen.beginPath();
    pen.moveTo(x(points[0][0]), bottom);
    for (const [at, p] of points) pen.lineTo(x(at), y(p));
    pen.lineTo(x(points.at(-1)[0]), bottom);
    pen.fillStyle = colour("edge");
    pen.globalAlpha = 0.3;
    pen.fill();
    pen.globalAlpha = 1;
    pen.beginPath();
    points.forEach(([at, p], k) => (k ? pen.lineTo(x(at), y(p)) : pen.moveTo(x(at), y(p))));
    pen.strokeStyle = colour("muted");
    pen.lineWidth = 1;
    pen.stroke();
  }
  pen.setLineDash([6, 5]);
  pen.strokeStyle = label.name === chosen ? colour("accent") : colour("edge");
  pen.lineWidth = label.name === chosen ? 2 : 1;
  line(pen, 0, y(over(label.name)), width, y(over(label.name)));
  pen.setLineDash([]);
  for (const event of label.told) block(pen, event, top, x, width, colour);
}

/** A told event: a filled block with a thick left edge, its onset, and its probability. */
function block(pen, { from, to, p }, top, x, width, colour) {
  const left = Math.max(0, x(from)), right = Math.min(width, to === null ? width : x(to));
  if (right < 0 || right - left < 1) return;
  pen.fillStyle = colour("accent");
  pen.globalAlpha = 0.28;
  pen.fillRect(left, top - 5, right - left, PLOT_PX + 5);
  pen.globalAlpha = 1;
  pen.strokeStyle = colour("accent");
  pen.lineWidth = 1.5;
  pen.strokeRect(left, top - 5, right - left, PLOT_PX + 5);
  pen.fillRect(left, top - 5, 5, PLOT_PX + 5);
  if (right - left < 54) return;
  pen.font = `600 17px ${getComputedStyle(document.body).fontFamily}`;
  pen.lineWidth = 4;
  pen.strokeStyle = colour("paper");
  pen.strokeText(p.toFixed(2), left + 12, top + 24);
  pen.fillStyle = colour("ink");
  pen.fillText(p.toFixed(2), left + 12, top + 24);
}
