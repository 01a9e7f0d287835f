// The control bar: comes at a touch, goes by itself; at the bottom, or at the top where the music sounds at the bottom.

import { on, tell, told } from "../bus.js";
import { attribute, h, write } from "../dom.js";
import { icon } from "../icons.js";
import { score } from "../score/score.js";
import { can, countIn, does, from, loop, loopBars, mayControl, place, ratio, running, start, stop, targets, tempoRatio } from "./order.js";

const GONE_MS = 6000, LONG_MS = 500;
const STAYS = ["paused", "stopped", "ended"]; // states in which nothing sounds, and the next touch is one of these
const STEP = 0.05, FINE = 0.01;

let root, bar, sheet = null, timer = null, pinned = false, picking = null;
const parts = {};

/** Build the bar; `panels` are what its buttons open: name -> function that returns an element. */
export function startBar(parent, panels) {
  root = parent;
  bar = h("nav", { class: "bar", "aria-label": "controls", hidden: true }, ...buttons(panels));
  sheet = h("section", { class: "card", hidden: true, tabindex: -1 });
  root.append(sheet, bar);
  for (const name of ["hello", "controls", "stage-state", "opened", "levels"]) on(name, name === "levels" ? onceTargets : update);
  on("stage-state", ({ name }) => (STAYS.includes(name) && mayControl() ? openBar() : arm()));
  for (const event of ["pointerdown", "keydown", "focusin"]) root.addEventListener(event, arm);
  root.addEventListener("pointerup", arm);
  on("tap-nothing", () => (bar.hidden ? openBar() : closeAll()));
  on("frame", follow);
  update();
}

let known = "";
function onceTargets() {
  const names = targets().join("|");
  if (names !== known) { known = names; update(); }
}

function button(name, attributes, ...children) {
  parts[name] = h("button", { type: "button", class: `bar-button bar-${name}`, ...attributes }, ...children);
  return parts[name];
}

function two(name, shape, text, line = null) {
  return [h("span", { class: "bar-top" }, icon(shape), line === null ? null : (parts[`${name}Text`] = h("span", { class: "bar-text" }, text))),
    (parts[`${name}Line`] = h("span", { class: line === null ? "bar-text" : "bar-line" }, line ?? text))];
}

function buttons(panels) {
  return [
    button("first", { on: { click: firstButton } }, (parts.firstIcon = h("span", { class: "bar-top" })), (parts.firstText = h("span", { class: "bar-text" }))),
    button("loop", { on: { click: toggleLoop } }, ...two("loop", "loop", "Loop", "off")),
    (parts.tempo = h("div", { class: "bar-button bar-tempo", role: "group", "aria-label": "tempo" },
      stepper("slower", "minus", -1), h("span", { class: "bar-middle" }, (parts.ratio = h("span", { class: "bar-value", role: "status" })), h("span", { class: "bar-line" }, "tempo")), stepper("faster", "plus", 1))),
    button("parts", { "aria-expanded": "false", on: { click: () => toggleCard("parts", panels.parts) } }, ...two("parts", "parts", "Parts")),
    button("more", { "aria-expanded": "false", on: { click: () => toggleCard("more", panels.more) } }, ...two("more", "more", "More")),
    button("main", { on: { click: mainButton } }, (parts.mainIcon = h("span", { class: "bar-icon" })), (parts.mainText = h("span", { class: "bar-main-text" }))),
  ];
}

/** A step at a touch; held, fine steps as long as it is held. */
function stepper(name, shape, sign) {
  let long = null, fine = false;
  const done = () => { clearTimeout(long); clearInterval(long); };
  return h("button", {
    type: "button", class: "bar-step", "aria-label": name, on: {
      pointerdown: () => { fine = false; long = setTimeout(() => { fine = true; long = setInterval(() => ratio(tempoRatio() + sign * FINE), 250); ratio(tempoRatio() + sign * FINE); }, LONG_MS); },
      pointerup: done, pointercancel: done, pointerleave: done, click: () => { if (!fine) changeTempo(sign); fine = false; },
    },
  }, icon(shape));
}

/** Five per cent faster (1) or slower (-1). */
export function changeTempo(sign) {
  ratio(Math.round((tempoRatio() + sign * STEP) / STEP) * STEP);
}

/** Start, or stop. */
export function mainButton() {
  if (running() && score.state !== "paused") stop();
  else {
    place.start = score.quarter;
    start();
  }
}

function firstButton() {
  if (score.state === "paused" || !can("countin")) from(place.start);
  else countIn();
}

/** Loop: the bars that follow are taken from the next two choices: this bar, to a bar that is tapped. */
export function toggleLoop() {
  if (!can("loop")) return;
  if (loopBars() || picking) {
    if (loopBars()) loop(null);
    pick(null);
  } else pick(score.bars.number(score.quarter));
}

/** From this bar, to the bar where the music is when the key is pressed again. */
export function loopByKey() {
  if (picking && !loopBars()) pickTo(score.bars.number(score.quarter));
  else toggleLoop();
}

function pick(first) {
  picking = first;
  tell("loop-picking", first);
  update();
}

/** The bar in which the loop that is being chosen ends. */
export function pickTo(number) {
  if (picking === null) return false;
  loop([Math.min(picking, number), Math.max(picking, number)]);
  pick(null);
  return true;
}
export const loopPicking = () => picking;

function update() {
  if (!bar) return;
  document.body.classList.toggle("viewer", told.hello?.role === "viewer");
  if (!mayControl()) return closeAll();
  const paused = score.state === "paused", countable = can("countin") && !paused, stopped = !running();
  parts.first.hidden = !countable && !(can("from") && does("follow") && (paused || !can("countin")));
  parts.firstIcon.replaceChildren(icon(countable ? "metronome" : "back"));
  write(parts.firstText, countable ? "Count-in" : `Bar ${score.bars.number(place.start)}`);
  parts.loop.hidden = !can("loop") || !does("follow");
  const bars = loopBars();
  parts.loop.classList.toggle("chosen", Boolean(bars) || picking !== null);
  attribute(parts.loop, "aria-pressed", String(Boolean(bars)));
  write(parts.loopText, bars ? `${bars[0]}–${bars[1]}` : "Loop");
  write(parts.loopLine, bars ? "loop on" : picking !== null ? `${picking} to …` : "off");
  parts.tempo.hidden = !can("ratio") || !does("accompany");
  write(parts.ratio, `${Math.round(100 * tempoRatio())} %`);
  parts.parts.hidden = !targets().length;
  parts.mainIcon.replaceChildren(icon(stopped || paused ? "play" : "stop"));
  write(parts.mainText, paused ? "Go on" : stopped ? "Start" : "Stop");
}
on("setting", update);
on("view-shown", (name) => { if (bar) name === "score" && STAYS.includes(document.body.dataset.state) ? openBar() : closeAll(); });

/** Show the bar. */
export function openBar() {
  if (!mayControl() || document.body.dataset.view !== "score" || document.body.classList.contains("phone")) return;
  pinned = false;
  const was = bar.hidden;
  update();
  bar.hidden = false;
  if (was) settle();
  arm();
}

/** At the bottom edge, unless the system that sounds lies there. The page does not move. */
function settle() {
  const seen = score.layout?.place, room = root.clientHeight, taken = (sheet.hidden ? 0 : sheet.offsetHeight + 10) + bar.offsetHeight;
  const low = seen && (seen.bottom + 16) * (score.factor ?? 1) > room - taken && (seen.top - 16) * (score.factor ?? 1) > bar.offsetHeight;
  attribute(root, "data-edge", low ? "top" : "bottom");
}

function follow() {
  if (!bar.hidden && score.layout?.place?.system !== follow.system && !root.matches(":has(:active)")) {
    follow.system = score.layout?.place?.system;
    if (sheet.hidden && !pinned) settle();
  }
}

/** Put everything away that a touch has opened; return whether there was anything. */
export function closeAll() {
  const was = !sheet.hidden || !bar.hidden;
  closeCard();
  bar.hidden = true;
  return was;
}

function arm(event) {
  clearTimeout(timer);
  pinned = event?.type === "pointerdown";
  timer = setTimeout(() => {
    const busy = STAYS.includes(document.body.dataset.state) || pinned || !sheet.hidden || root.contains(document.activeElement) && document.activeElement.matches(":focus-visible");
    if (busy) arm();
    else closeAll();
  }, GONE_MS);
}

let opened = null;
/** Open a card over the bar, or close it. */
export function toggleCard(name, make) {
  if (opened === name) return closeCard();
  closeCard();
  if (!mayControl()) return;
  openBar();
  const { title, extra = [], body } = make();
  sheet.replaceChildren(h("header", { class: "card-head" }, h("h2", { class: "card-title" }, title), ...extra,
    h("button", { type: "button", class: "round", "aria-label": "close", on: { click: closeCard } }, icon("close"))), body);
  attribute(sheet, "aria-label", title);
  attribute(sheet, "data-name", name);
  sheet.hidden = false;
  opened = name;
  attribute(parts[name] ?? sheet, "aria-expanded", "true");
  parts[name]?.classList.add("chosen");
  settle();
  sheet.focus({ preventScroll: true });
}

function closeCard() {
  if (!opened) return;
  attribute(parts[opened] ?? sheet, "aria-expanded", "false");
  parts[opened]?.classList.remove("chosen");
  if (sheet.contains(document.activeElement)) parts[opened]?.focus({ preventScroll: true });
  opened = null;
  sheet.hidden = true;
  sheet.replaceChildren();
  tell("card-closed");
}
export const cardOpen = () => opened;
