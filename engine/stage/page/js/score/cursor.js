// The band that shows where the music is, and the heads that sound.

import { h, attribute } from "../dom.js";

const REACH = 16; // pixels above and below the staves

/** A band in the coordinates of the sheet; it lies behind the music and moves by `transform` alone. */
export class Cursor {
  constructor() {
    this.element = h("div", { class: "band", "aria-hidden": "true", data: { mode: "none" } });
    this.x = null;
    this.#height = 0;
    this.#lit = [];
    this.#onset = -1;
  }

  #height; #lit; #onset;

  /** none, following, waiting, lost, paused or offline. */
  mode(name) {
    attribute(this.element, "data-mode", name);
  }

  /** Stand at x between these heights, pixels of the sheet; null: nowhere to be seen. */
  stand(place) {
    this.element.classList.toggle("away", place === null);
    if (place === null) {
      this.x = null;
      return;
    }
    const height = Math.round(place.bottom - place.top + 2 * REACH);
    if (height !== this.#height) {
      this.#height = height;
      this.element.style.height = `${height}px`;
    }
    this.x = place.x;
    this.element.style.transform = `translate3d(${place.x.toFixed(2)}px, ${(place.top - REACH).toFixed(1)}px, 0)`;
  }

  /** Light the heads of an onset, of as many pages as show it. */
  light(onset, heads) {
    if (onset === this.#onset && this.#lit.every((note) => note.isConnected) && this.#lit.length) return;
    this.#onset = onset;
    for (const note of this.#lit) note.classList.remove("lit");
    this.#lit = heads();
    for (const note of this.#lit) note.classList.add("lit");
  }

  /** Put out all heads. */
  dark() {
    if (this.#lit.length) this.light(-1, () => []);
    this.#onset = -1;
  }
}
