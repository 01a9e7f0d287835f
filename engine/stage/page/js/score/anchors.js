// Where on the pages every onset is printed: noteheads, read once a page, and what lies between them.

import { lastAtMost } from "../dom.js";

const SAME = 1e-4; // quarter notes
const JUMP = 0.01; // quarter notes between print and playing: the music goes elsewhere
const GRACE = 0.8; // a notehead narrower than this part of the widest beside it is a grace note's

/** Onsets of a layout: [quarter, printed quarter, page, [note numbers]] each, in the order in which they are played. */
export class Anchors {
  constructor(onsets) {
    this.quarters = onsets.map((row) => row[0]);
    this.printed = onsets.map((row) => row[1]);
    this.pages = onsets.map((row) => row[2]);
    this.notes = onsets.map((row) => row[3]);
    this.length = onsets.length;
    this.places = new Array(this.length).fill(null); // {page, system, x}, null where the page is not built
    this.dropped = new Uint8Array(this.length);
    this.leaves = this.#leaves();
    this.enters = this.#enters();
    this.passes = this.#passes();
  }

  /** (onset) the next onset on another page, -1 if there is none. */
  #leaves() {
    const leaves = new Int32Array(this.length).fill(-1);
    for (let i = this.length - 2; i >= 0; i--) leaves[i] = this.pages[i + 1] === this.pages[i] ? leaves[i + 1] : i + 1;
    return leaves;
  }

  /** (onset) the first of the onsets in a row on the same page. */
  #enters() {
    const enters = new Int32Array(this.length);
    for (let i = 1; i < this.length; i++) enters[i] = this.pages[i] === this.pages[i - 1] ? enters[i - 1] : i;
    return enters;
  }

  /** (note number) every onset at which it is played. */
  #passes() {
    const passes = new Map();
    this.notes.forEach((numbers, i) => {
      for (const number of numbers) passes.set(number, [...(passes.get(number) ?? []), i]);
    });
    return passes;
  }

  /** Take the noteheads of a page that has been built. */
  add(page) {
    let last = null, before = -2;
    for (let i = 0; i < this.length; i++) {
      if (this.pages[i] !== page.number) continue;
      const place = placed(this.notes[i], page);
      this.places[i] = place;
      if (before !== i - 1 || this.jumps(before, i)) last = null;
      this.dropped[i] = place === null || (last !== null && !after(place, last)) ? 1 : 0;
      if (!this.dropped[i]) last = place;
      before = i;
    }
  }

  /** Forget a page that is not kept any more. */
  forget(number) {
    for (let i = 0; i < this.length; i++) if (this.pages[i] === number) this.places[i] = null;
  }

  /** Index of the onset that sounds at a quarter; the first before the music begins. */
  at(quarter) {
    return Math.max(0, lastAtMost(this.quarters, quarter + SAME));
  }

  /** Whether the music jumps between two onsets: a repeat, a volta, da capo. */
  jumps(i, j) {
    return Math.abs(this.printed[j] - this.printed[i] - (this.quarters[j] - this.quarters[i])) > JUMP;
  }

  /** Where a quarter is: {onset, page, system, x, right}; null while its page is not built. */
  where(quarter, pageOf) {
    let i = this.at(quarter);
    while (i > 0 && this.dropped[i] && this.pages[i - 1] === this.pages[i]) i -= 1;
    const here = this.places[i], page = here && pageOf(here.page);
    if (!page) return null;
    let j = i + 1;
    while (j < this.length && this.dropped[j] && !this.jumps(j - 1, j) && this.places[j]) j += 1;
    const edge = page.systems[here.system].right, there = this.places[j];
    const inLine = j < this.length && there && !this.jumps(i, j) && there.page === here.page && there.system === here.system;
    const goal = inLine ? there.x : edge;
    const span = j < this.length ? this.quarters[j] - this.quarters[i] : 1;
    const part = Math.min(1, Math.max(0, (quarter - this.quarters[i]) / Math.max(span, SAME)));
    return { onset: this.at(quarter), page: here.page, system: here.system, x: here.x + part * (goal - here.x) };
  }

  /** Of all onsets at which a note is played, the one nearest to where the music is now; -1 if there is none. */
  nearestPass(number, quarter) {
    let best = -1;
    for (const i of this.passes.get(number) ?? []) {
      if (best < 0 || Math.abs(this.quarters[i] - quarter) < Math.abs(this.quarters[best] - quarter)) best = i;
    }
    return best;
  }
}

function after(place, last) {
  return place.system > last.system || (place.system === last.system && place.x > last.x);
}

/** Middle of the full-size heads of an onset in the first system that has any. */
function placed(numbers, page) {
  const heads = numbers.map((number) => page.heads.get(number)).filter(Boolean);
  if (!heads.length) return null;
  const widest = Math.max(...heads.map((head) => head.width));
  const full = heads.filter((head) => head.width >= GRACE * widest);
  const system = Math.min(...full.map((head) => head.system));
  const xs = full.filter((head) => head.system === system).map((head) => head.x).sort((a, b) => a - b);
  const middle = (xs[(xs.length - 1) >> 1] + xs[xs.length >> 1]) / 2;
  return { page: page.number, system, x: middle };
}
