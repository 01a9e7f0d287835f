// Faders: dragged relative to the touch, so that none jumps to it; arrows, double tap, spoken values.

import { attribute, clamp, h, seldom, write } from "../dom.js";

const SENT = 30; // changes a second that are sent
const MINE_MS = 400; // after a touch the value is ours: what the server says of the moment before is old
const TWICE_MS = 350, STILL_PX = 6, THUMB_PX = 36;

const CORNERS = [[-80, 0], [-60, 0.06], [-40, 0.22], [-20, 0.46], [-10, 0.64], [0, 0.84], [6, 1]]; // dB, part of the way

function along(rows, from, to, x) {
  const k = clamp(rows.findLastIndex((row) => row[from] <= x), 0, rows.length - 2), a = rows[k], b = rows[k + 1];
  return a[to] + ((clamp(x, rows[0][from], rows.at(-1)[from]) - a[from]) * (b[to] - a[to])) / (b[from] - a[from]);
}

/** The scale of decibels: lowest is silence, 0 dB at 84 % of the way. */
export const DECIBELS = {
  min: -80, max: 6, step: 0.5, page: 3, home: 0,
  part: (db) => along(CORNERS, 0, 1, db), value: (part) => along(CORNERS, 1, 0, part),
  text: (db) => (db <= -80 ? "off" : db > 0 ? `+${db.toFixed(1)}` : db < 0 ? `−${(-db).toFixed(1)}` : "0.0"),
  spoken: (db) => (db <= -80 ? "silent" : `${db < 0 ? "minus " : db > 0 ? "plus " : ""}${Math.abs(db).toFixed(1).replace(".0", "")} decibels`),
};

/** A linear scale. */
export function linear({ min = 0, max = 1, step = 0.01, page = 10 * step, home = null, text, spoken = text }) {
  return { min, max, step, page, home, text, spoken, part: (x) => (x - min) / (max - min), value: (part) => min + part * (max - min) };
}

/** A slider. `changed` gets each value that somebody chooses, at most 30 a second; `set` shows what the server says. */
export class Slider {
  constructor({ label, scale, vertical = false, changed, marks = [], shown = null }) {
    this.scale = scale;
    this.vertical = vertical;
    this.value = scale.home ?? scale.min;
    this.#send = seldom(SENT, (value) => changed(value));
    this.#text = shown;
    this.element = h("div", {
      class: vertical ? "slider upright" : "slider", role: "slider", tabindex: 0, "aria-label": label, "aria-orientation": vertical ? "vertical" : "horizontal",
      "aria-valuemin": scale.min, "aria-valuemax": scale.max, on: {
        pointerdown: (event) => this.#down(event), pointermove: (event) => this.#move(event), keydown: (event) => this.#key(event),
        pointerup: (event) => this.#up(event), pointercancel: (event) => this.#up(event),
      },
    }, h("span", { class: "slider-track" }, h("span", { class: "slider-fill" })), ...marks.map((value) => this.#mark(value)), h("span", { class: "slider-thumb" }));
    this.#show();
  }

  #send; #text; #grip = null; #touched = -Infinity; #tapped = -Infinity;

  #mark(value) {
    const mark = h("span", { class: "slider-mark" });
    mark.style.setProperty("--at", this.scale.part(value));
    return mark;
  }

  /** Show a value that comes from the server, unless a finger is on it. */
  set(value) {
    if (this.#grip || performance.now() - this.#touched < MINE_MS || !Number.isFinite(value)) return;
    this.value = value;
    this.#show();
  }

  /** Choose a value, as a finger does. */
  pick(value) {
    const { min, max, step } = this.scale;
    const next = clamp(Number((Math.round(value / step) * step).toFixed(6)), min, max);
    this.#touched = performance.now();
    if (next === this.value) return;
    this.value = next;
    this.#show();
    this.#send(next);
  }

  #show() {
    this.element.style.setProperty("--part", clamp(this.scale.part(this.value), 0, 1).toFixed(4));
    attribute(this.element, "aria-valuenow", this.value);
    attribute(this.element, "aria-valuetext", this.scale.spoken(this.value));
    if (this.#text) write(this.#text, this.scale.text(this.value));
  }

  #at(event) { return this.vertical ? -event.clientY : event.clientX; }

  #down(event) {
    if (event.button > 0 || this.element.getAttribute("aria-disabled") === "true") return;
    this.element.setPointerCapture(event.pointerId);
    const length = (this.vertical ? this.element.clientHeight : this.element.clientWidth) - THUMB_PX;
    this.#grip = { at: this.#at(event), part: this.scale.part(this.value), length: Math.max(20, length), moved: false };
    event.stopPropagation();
  }

  #move(event) {
    const grip = this.#grip;
    if (!grip) return;
    const way = this.#at(event) - grip.at;
    grip.moved ||= Math.abs(way) > STILL_PX;
    if (grip.moved) this.pick(this.scale.value(clamp(grip.part + way / grip.length, 0, 1)));
  }

  #up() {
    const grip = this.#grip, now = performance.now();
    this.#grip = null;
    if (!grip || grip.moved) return;
    if (now - this.#tapped < TWICE_MS && this.scale.home !== null) this.pick(this.scale.home);
    this.#tapped = now;
  }

  #key(event) {
    const { step, page, min, max, home } = this.scale;
    const moves = { ArrowUp: step, ArrowRight: step, ArrowDown: -step, ArrowLeft: -step, PageUp: page, PageDown: -page };
    if (event.key in moves) this.pick(this.value + moves[event.key]);
    else if (event.key === "Home") this.pick(min);
    else if (event.key === "End") this.pick(max);
    else if ((event.key === "0" || event.key === "Delete") && home !== null) this.pick(home);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
