// The mixer: a row a part, with what the microphone hears first.

import { on, told } from "../bus.js";
import { attribute, h, seldom, write } from "../dom.js";
import { icon } from "../icons.js";
import { score } from "../score/score.js";
import { Meter, decibels } from "./meter.js";
import { can, does, dynamics, gain, mute, muted, targets } from "./order.js";
import { DECIBELS, Slider, linear } from "./slider.js";

let rows = [], microphone = null, loudness = null, silence = null;

/** The card of the parts. */
export function partsCard() {
  rows = targets().map(row);
  microphone = heard();
  silence = h("button", { type: "button", class: "plain-button", on: { click: silenceAll } });
  loudness = can("dynamics") && does("accompany") ? loudnessRow() : null;
  const body = h("div", { class: "card-body" }, microphone.element, ...rows.map((each) => each.element), loudness?.element);
  show();
  speak(told.levels ?? {});
  return { title: "Parts", extra: rows.length > 1 || does("accompany") ? [silence] : [], body };
}

function heard() {
  const solo = (score.info?.parts ?? []).filter((part) => part.solo).map((part) => part.name).join(", ");
  const meter = new Meter({ label: "microphone" }), value = h("span", { class: "part-value muted" }, "");
  const element = h("div", { class: "part" }, h("span", { class: "part-name" }, h("b", {}, solo || "You"), h("small", {}, solo ? "you" : "")),
    h("span", { class: "part-mic" }, icon("mic")), h("span", { class: "part-fader" }, h("small", {}, "what the microphone hears"), meter.element), value);
  return { element, meter, value };
}

function row(name) {
  const value = h("span", { class: "part-value" });
  const slider = new Slider({ label: name, scale: DECIBELS, changed: (db) => gain(name, db), marks: [0], shown: value });
  const meter = new Meter({ label: name });
  const button = h("button", { type: "button", class: "mute", "aria-label": `mute ${name}`, on: { click: () => mute(name, !muted(name)) } }, "Mute");
  const element = h("div", { class: "part" }, h("span", { class: "part-name" }, h("b", {}, name)), button, h("span", { class: "part-fader" }, slider.element, meter.element), value);
  return { name, element, slider, meter, button };
}

function loudnessRow() {
  const value = h("span", { class: "part-value" });
  const slider = new Slider({ label: "follow my loudness", scale: linear({ step: 0.05, text: (x) => `${Math.round(100 * x)} %`, spoken: (x) => `${Math.round(100 * x)} per cent` }), changed: dynamics, shown: value });
  return { slider, element: h("div", { class: "part part-last" }, h("span", { class: "part-name part-wide" }, h("b", {}, "Follow my loudness")), h("span", { class: "part-fader" }, slider.element), value) };
}

/** Show what the server says of gains and mutes. */
function show() {
  const controls = told.controls ?? {};
  for (const each of rows) {
    each.slider.set(controls.gains?.[each.name] ?? 0);
    showMute(each.button, muted(each.name));
    each.element.classList.toggle("silent", muted(each.name));
  }
  loudness?.slider.set(controls.dynamics ?? 1);
  if (silence) write(silence, allMuted() ? "Let them sound" : does("accompany") ? "Silence accompaniment" : "Silence all");
}

/** A mute button says in words whether it is on. */
export function showMute(button, on) {
  button.classList.toggle("chosen", on);
  attribute(button, "aria-pressed", String(on));
  write(button, on ? "Muted" : "Mute");
}

const allMuted = () => targets().length > 0 && targets().every(muted);

function silenceAll() {
  const on = !allMuted();
  for (const name of targets()) mute(name, on);
}

on("controls", show);
on("meters", ({ input = 0, targets: levels = {} }) => {
  if (!microphone?.element.isConnected) return;
  microphone.meter.set(input);
  for (const each of rows) each.meter.set(muted(each.name) ? 0 : levels[each.name] ?? 0);
});
on("levels", seldom(4, speak));

function speak({ input = 0, targets: levels = {} }) {
  if (!microphone) return;
  microphone.meter.speak(input);
  for (const each of rows) each.meter.speak(levels[each.name] ?? 0);
  write(microphone.value, input > 0 ? `${Math.round(decibels(input))} dB`.replace("-", "−") : "");
}
