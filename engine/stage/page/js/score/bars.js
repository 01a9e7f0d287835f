// Bars and beats of the score at hand, by quarter notes.

import { lastAtMost } from "../dom.js";

const SAME = 1e-3;
const MOST_BEATS = 12;

/** Bars [quarter, number, place] as played, and the end of the score. */
export class Bars {
  constructor({ bars = [], end_quarter = 0, meters = [] }) {
    this.rows = bars.length ? bars : [[0, 1, 0]];
    this.quarters = this.rows.map((row) => row[0]);
    this.end = end_quarter;
    this.meters = meters;
  }

  /** Index of the bar that contains a quarter. */
  index(quarter) {
    return Math.max(0, lastAtMost(this.quarters, quarter + SAME));
  }

  /** Its printed number. */
  number(quarter) {
    return this.rows[this.index(quarter)][1];
  }

  /** Start of the bar of an index, not before the music. */
  start(index) {
    return Math.max(0, this.quarters[index]);
  }

  /** Length in quarter notes; that of the last but one for the last. */
  length(index) {
    if (index + 1 < this.rows.length) return this.quarters[index + 1] - this.quarters[index];
    return Math.max(this.end - this.quarters[index], index > 0 ? Math.min(this.length(index - 1), 16) : 1);
  }

  lengthAt(quarter) {
    return this.length(this.index(quarter));
  }

  /** Quarter notes of a beat at a quarter: of its meter [quarter, beats, quarters a beat], else a quarter note. */
  unit(quarter) {
    let unit = 1;
    for (const [from, , each] of this.meters) if (from <= quarter + SAME) unit = each;
    return unit;
  }

  /** {bar, beat, beats}: the beat, from 1, that sounds at a quarter, and how many the bar has. An upbeat counts to its end. */
  beat(quarter) {
    const index = this.index(quarter), unit = this.unit(quarter), length = this.length(index);
    let beats = Math.max(1, Math.round(length / unit));
    let passed = (quarter - this.quarters[index]) / unit;
    if (index === 0 && this.rows.length > 2 && this.length(1) > length + SAME) {
      const full = Math.max(beats, Math.round(this.length(1) / unit));
      passed += full - beats;
      beats = full;
    }
    beats = Math.min(MOST_BEATS, beats);
    return { bar: this.rows[index][1], beat: Math.min(beats, Math.max(1, Math.floor(passed + SAME) + 1)), beats };
  }

  /** Start quarters of all bars with this number, as often as they are played. */
  starts(number) {
    return this.rows.filter((row) => row[1] === number).map((row) => Math.max(0, row[0]));
  }

  /** Where bars [first, last] begin and end, the first time that they are played: {begin, end}; null if there are none. */
  span(bars) {
    const first = bars ? this.rows.findIndex((row) => row[1] === bars[0]) : -1;
    const last = first < 0 ? -1 : this.rows.findIndex((row, k) => k >= first && row[1] === bars[1]);
    if (last < 0) return null;
    return { begin: this.start(first), end: last + 1 < this.rows.length ? this.quarters[last + 1] : this.end };
  }

  get first() { return Math.min(...this.rows.map((row) => row[1])); }
  get last() { return Math.max(...this.rows.map((row) => row[1])); }
}
