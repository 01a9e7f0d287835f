// What a take was like: tempo by bar, where it was faster or slower than around it, where the place was lost.

import { lastAtMost } from "../dom.js";

const AROUND = 4, WHITE = 0.035; // bars to each side of the running median; deviations that are left white

/** A take: positions [at_s, quarter, bpm, confidence], states, and the bars of the score. */
export class Take {
  constructor({ positions, states = [], duration_s: duration }, bars) {
    this.positions = positions;
    this.times = positions.map((row) => row[0]);
    this.duration = duration;
    this.bars = bars;
    this.losses = losses(states, duration, (at) => this.quarterAt(at));
    this.tempi = this.#tempi();
    this.deviations = this.#deviations();
  }

  /** Where the music was at a time of the recording. */
  quarterAt(at) {
    const k = lastAtMost(this.times, at);
    if (k < 0) return this.positions[0]?.[1] ?? 0;
    const [t, q] = this.positions[k], next = this.positions[k + 1];
    if (!next || Math.abs(next[1] - q) > 2 || next[0] === t) return q;
    return q + ((next[1] - q) * (at - t)) / (next[0] - t);
  }

  /** When a quarter was played: the time nearest to `near`, null if it never was. */
  timeOf(quarter, near = 0) {
    let best = null;
    for (let k = 0; k + 1 < this.positions.length; k++) {
      const [t, q] = this.positions[k], [u, r] = this.positions[k + 1];
      if (!(q <= quarter && quarter <= r) || r - q > 2) continue;
      const at = r > q ? t + ((u - t) * (quarter - q)) / (r - q) : t;
      if (best === null || Math.abs(at - near) < Math.abs(best - near)) best = at;
    }
    return best;
  }

  /** (bar as played) quarters a minute, null where it was not played through. */
  #tempi() {
    return this.bars.rows.map((_, k) => {
      const from = this.bars.start(k), length = this.bars.quarters[k] + this.bars.length(k) - from;
      const begin = this.timeOf(from + 0.01), end = begin === null ? null : this.timeOf(Math.min(from + length, this.positions.at(-1)[1]) - 0.01, begin + length);
      const passed = end === null ? 0 : Math.min(length, this.positions.at(-1)[1] - from) - 0.02;
      return end !== null && end > begin && passed > 0.4 * length ? (60 * passed) / (end - begin) : null;
    });
  }

  /** (bar as played) relative to the running median, null where that is within what is left white. */
  #deviations() {
    return this.tempi.map((tempo, k) => {
      const near = this.tempi.slice(Math.max(0, k - AROUND), k + AROUND + 1).filter((each) => each !== null).sort((a, b) => a - b);
      if (tempo === null || near.length < 3) return null;
      const part = tempo / near[near.length >> 1] - 1;
      return Math.abs(part) > WHITE ? part : null;
    });
  }

  /** Share of the time in which the place was known. */
  get found() {
    return this.duration > 0 ? 1 - this.losses.reduce((sum, each) => sum + each.to - each.from, 0) / this.duration : 1;
  }
}

function losses(states, duration, quarterAt) {
  const found = [];
  let from = null;
  for (const { name, at_s: at } of states) {
    if (name === "lost" && from === null) from = at;
    else if (name !== "lost" && from !== null) {
      found.push({ from, to: at, quarter: quarterAt(from) });
      from = null;
    }
  }
  if (from !== null) found.push({ from, to: duration, quarter: quarterAt(from) });
  return found;
}
