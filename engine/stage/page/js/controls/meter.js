// Meters: a bar for the peak of the moment, a line for the highest of the last second and a half.

import { tell, told } from "../bus.js";
import { attribute, h } from "../dom.js";
import { DECIBELS } from "./slider.js";

const HOLD_MS = 1500;
const FALL = 0.12; // of the way a step
const STEP_MS = 33;

/** Tell the levels 30 times a second, so that meters fall when nothing more is said. */
export function startMeters() {
  setInterval(() => { if (document.visibilityState === "visible") tell("meters", told.levels ?? {}); }, STEP_MS);
}

/** 20 log10 of a peak, -80 for nothing. */
export function decibels(peak) {
  return peak > 0 ? Math.max(-80, 20 * Math.log10(peak)) : -80;
}

/** A meter on the scale of the faders beside it. */
export class Meter {
  constructor({ label, vertical = false }) {
    this.element = h("div", { class: vertical ? "meter upright" : "meter", role: "img", "aria-label": `${label}: level` },
      (this.fill = h("i", { class: "meter-fill" })), (this.line = h("i", { class: "meter-line" })));
    this.label = label;
    this.#level = this.#held = this.#heldAt = 0;
  }

  #level; #held; #heldAt;

  /** Show a peak, 0 to 1; more is clipping. */
  set(peak) {
    if (peak === 0 && this.#level === 0 && this.#held === 0) return;
    const part = peak > 0 ? DECIBELS.part(decibels(peak)) : 0, now = performance.now();
    this.#level = Math.max(part, this.#level - FALL);
    if (part >= this.#held || now - this.#heldAt > HOLD_MS) [this.#held, this.#heldAt] = [part, now];
    this.element.style.setProperty("--level", this.#level.toFixed(3));
    this.element.style.setProperty("--held", this.#held.toFixed(3));
    this.element.classList.toggle("clip", peak >= 1);
  }

  /** Say in words where it stands, for whoever asks. */
  speak(peak) {
    const db = decibels(peak);
    attribute(this.element, "aria-label", `${this.label}: ${db <= -80 ? "silent" : `${Math.round(db)} decibels`.replace("-", "minus ")}`);
  }
}
