// Where the music is at this moment: between the server's positions it goes on at the tempo that they state.

const HORIZON_S = 0.6; // without a word from the server for so long, it stays where it is
const CORRECTION_S = 0.1; // time constant with which an error is taken back: 15 % of it in a frame of 60 a second
const JUMP = 1; // quarter notes: what is further away is reached in one frame

/** A place in quarter notes that moves steadily and never back, unless the music jumps. Times are seconds. */
export class Motion {
  q = null; // quarter notes, null before anything is known
  jumps = 0;
  loop = null; // {begin, end}: bars that are repeated, quarter notes
  #told = null;
  #last = 0;
  #moving = true;

  /** Take a position {q, bpm, age} that came at `at`. */
  hear({ q, bpm, age = 0 }, at) {
    this.#told = { q, rate: bpm / 60, age, at };
  }

  /** Be at a place from now on, as when somebody has asked for it. */
  jump(q) {
    this.#told = null;
    this.q = q;
    this.jumps += 1;
  }

  /** Move, or stay: while lost, paused or without a server nothing is known that could be shown. */
  move(on) {
    if (on && !this.#moving) this.#told = null;
    this.#moving = on;
  }

  /** A place that has been reckoned on from `q`: behind the end of a loop its beginning follows. */
  #within(q, goal) {
    const { begin, end } = this.loop ?? { begin: 0, end: -1 };
    return q >= begin - JUMP && q < end && goal >= end ? goal - (end - begin) : goal;
  }

  /** Return the place now; to be called once a frame. */
  at(now) {
    const passed = Math.min(0.25, now - this.#last), told = this.#told;
    this.#last = now;
    if (!told || !this.#moving) return this.q;
    const since = Math.min(now - told.at, HORIZON_S);
    const goal = this.#within(told.q, told.q + (since + told.age) * told.rate);
    if (this.q === null || Math.abs(goal - this.q) >= JUMP) {
      if (this.q !== null) this.jumps += 1;
      this.q = goal;
    } else {
      const expected = this.q + passed * told.rate;
      this.q = Math.max(this.q, expected + (goal - expected) * (1 - Math.exp(-passed / CORRECTION_S)));
    }
    return this.q;
  }
}
