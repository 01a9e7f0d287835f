// The phone beside the stand: one system of music, the bar in large digits, and what a hand needs without looking.

import { on, told } from "../bus.js";
import { closeAll, loopPicking, mainButton, changeTempo, toggleCard, toggleLoop } from "../controls/bar.js";
import { can, countIn, does, from, gain, loopBars, mayControl, place, running, stop, targets, tempoRatio } from "../controls/order.js";
import { partsCard } from "../controls/parts.js";
import { moreCard } from "../controls/more.js";
import { Meter } from "../controls/meter.js";
import { DECIBELS, Slider } from "../controls/slider.js";
import { tell } from "../bus.js";
import { attribute, h, write } from "../dom.js";
import { icon } from "../icons.js";
import { score, turn } from "../score/score.js";

const HOLD_MS = 500;
const narrow = matchMedia("(max-width: 599px) and (orientation: portrait)");
let top, bottom, parts = {}, fader = null;

/** Whether this screen is a phone that controls. */
export const isPhone = () => document.body.classList.contains("phone");

/** Build the phone's screen; it is shown on narrow screens of those who control. */
export function startPhone(body) {
  top = h("header", { class: "phone-top" }, button("round", "back", "scores", () => tell("view", "chooser")), (parts.title = h("h1", {}, "")), (parts.role = h("span", { class: "phone-role muted" })), button("round", "more", "more", () => toggleCard("more", () => moreCard())));
  bottom = h("section", { class: "phone-bottom", "aria-label": "controls" }, (parts.fader = h("div", { class: "phone-fader" })),
    h("div", { class: "phone-row" },
      (parts.tempo = h("div", { class: "bar-button bar-tempo", role: "group", "aria-label": "tempo" }, button("bar-step", "minus", "slower", () => changeTempo(-1)), h("span", { class: "bar-middle" }, (parts.ratio = h("span", { class: "bar-value" })), h("span", { class: "bar-line" }, "tempo")), button("bar-step", "plus", "faster", () => changeTempo(1)))),
      (parts.loop = h("button", { type: "button", class: "bar-button", on: { click: toggleLoop } }, h("span", { class: "bar-top" }, icon("loop"), (parts.loopText = h("span", { class: "bar-text" }))))),
      (parts.parts = h("button", { type: "button", class: "bar-button", on: { click: () => toggleCard("parts", partsCard) } }, icon("parts"), h("span", { class: "bar-text" }, "Parts")))),
    h("div", { class: "phone-row phone-pages" }, page("back", -1), page("on", 1)),
    h("div", { class: "phone-row" }, (parts.from = h("button", { type: "button", class: "bar-button phone-from", on: { click: fromHere } }, (parts.fromIcon = h("span", { class: "bar-top" })), (parts.fromText = h("span", { class: "bar-text" })))), (parts.main = main())));
  body.append(top, bottom);
  narrow.addEventListener("change", update);
  for (const name of ["hello", "controls", "stage-state", "opened", "view-shown", "loop-picking"]) on(name, update);
  on("frame", showFrom);
  on("meters", ({ targets: levels = {} }) => { if (isPhone() && fader) fader.meter.set(levels[fader.name] ?? 0); });
  fit();
}

function button(kind, shape, label, run) {
  return h("button", { type: "button", class: kind, "aria-label": label, on: { click: run } }, icon(shape));
}

function page(shape, sign) {
  return h("button", { type: "button", class: "bar-button phone-page", "aria-label": sign > 0 ? "page on" : "page back", on: { click: () => turn(sign) } }, icon(shape), h("span", { class: "bar-text" }, "page"));
}

/** Start at a touch; a phone lies in a pocket: stop takes half a second's hold, with the fill running round. */
function main() {
  let timer = null;
  const element = h("button", { type: "button", class: "bar-button bar-main" });
  const off = () => { clearTimeout(timer); element.classList.remove("held"); };
  element.addEventListener("pointerdown", () => {
    if (!running() || score.state === "paused") return;
    element.classList.add("held");
    timer = setTimeout(() => { off(); stop(); }, HOLD_MS);
  });
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) element.addEventListener(name, off);
  element.addEventListener("click", (event) => { if (!running() || score.state === "paused" || event.detail === 0) mainButton(); });
  return element;
}

function fromHere() {
  if (can("countin")) countIn();
  else from(place.start);
}

function fit() {
  const phone = narrow.matches && mayControl() && document.body.dataset.view === "score";
  const was = isPhone();
  document.body.classList.toggle("phone", phone);
  top.hidden = bottom.hidden = !phone;
  if (phone && !was) closeAll(); // the bar that a wider screen would have
}

function update() {
  fit();
  if (!isPhone()) return;
  write(parts.title, score.info?.title ?? "");
  write(parts.role, told.hello?.master ? "turns for all" : "controls the stand");
  const bars = loopBars(), picking = loopPicking(), stopped = !running();
  parts.tempo.hidden = !can("ratio") || !does("accompany");
  write(parts.ratio, `${Math.round(100 * tempoRatio())} %`);
  parts.loop.hidden = !can("loop");
  parts.loop.classList.toggle("chosen", Boolean(bars) || picking !== null);
  attribute(parts.loop, "aria-label", bars ? `loop ${bars[0]} to ${bars[1]}` : "loop");
  write(parts.loopText, bars ? `${bars[0]}–${bars[1]}` : picking !== null ? `${picking}–…` : "Loop");
  parts.parts.hidden = !targets().length;
  const resume = stopped || score.state === "paused";
  parts.main.replaceChildren(icon(resume ? "play" : "stop"), h("span", { class: "bar-main-text" }, score.state === "paused" ? "Go on" : stopped ? "Start" : "Stop", resume ? null : h("small", {}, "hold")));
  parts.fromIcon.replaceChildren(icon(can("countin") ? "metronome" : "back"));
  showFrom();
  showFader();
}

function showFrom() {
  if (isPhone()) write(parts.fromText, can("countin") ? "Count-in" : `from ${score.bars.number(place.start)}`);
}

function showFader() {
  const name = targets()[0] ?? null;
  if (name !== (fader?.name ?? null)) {
    parts.fader.replaceChildren();
    fader = null;
    if (name) {
      const value = h("span", { class: "part-value" }), meter = new Meter({ label: name });
      fader = { name, meter, slider: new Slider({ label: name, scale: DECIBELS, marks: [0], shown: value, changed: (db) => gain(name, db) }) };
      parts.fader.append(h("b", {}, name), h("span", { class: "part-fader" }, fader.slider.element, meter.element), value);
    }
  }
  fader?.slider.set(told.controls?.gains?.[name] ?? 0);
}
