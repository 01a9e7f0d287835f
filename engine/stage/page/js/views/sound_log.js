// What the detector has guessed and told, by label; how often other thresholds would have told.

const KEPT_S = 660; // of guesses
export const STEPS = 25; // thresholds that are counted for

/** The log of one label. */
class Label {
  constructor(name) {
    this.name = name;
    this.guesses = []; // [seconds, probability]
    this.told = []; // {from, to, p}; to is null while it lasts
    this.histogram = new Array(STEPS).fill(0);
    this.crossings = new Array(STEPS).fill(0);
    this.last = 0;
  }

  guess(at, p) {
    const before = Math.floor(this.last * STEPS), after = Math.floor(Math.min(p, 0.999) * STEPS);
    for (let k = before + 1; k <= after; k++) this.crossings[k] += 1;
    this.histogram[Math.min(STEPS - 1, after)] += 1;
    this.last = p;
    this.guesses.push([at, p]);
    while (this.guesses.length && this.guesses[0][0] < at - KEPT_S) this.guesses.shift();
  }

  tell(at, active, p, retracted) {
    if (active) this.told.push({ from: at, to: null, p });
    else if (retracted && this.told.length && this.told.at(-1).to === null) this.told.pop();
    else if (this.told.length && this.told.at(-1).to === null) this.told.at(-1).to = at;
  }

  /** How often a threshold would have told. */
  wouldTell(threshold) {
    return this.crossings[Math.min(STEPS - 1, Math.ceil(threshold * STEPS))];
  }
}

/** All labels, in the order of their names. */
export class SoundLog {
  labels = new Map();
  now = 0;

  label(name) {
    if (!this.labels.has(name)) {
      this.labels.set(name, new Label(name));
      this.labels = new Map([...this.labels].sort((a, b) => a[0].localeCompare(b[0])));
    }
    return this.labels.get(name);
  }

  /** Take a `guesses` message: the most likely labels now; the others are no more likely than the last of them. */
  guesses({ at_s: at, labels, probabilities }) {
    this.now = Math.max(this.now, at);
    const given = new Map(labels.map((name, k) => [name, probabilities[k]]));
    for (const name of labels) this.label(name);
    const rest = Math.min(0.02, ...probabilities);
    for (const label of this.labels.values()) label.guess(at, given.get(label.name) ?? rest);
  }

  /** Take a `sound` message; one that is retracted was none, and leaves the log. */
  sound({ at_s: at, label, active, probability, retracted = false }) {
    this.now = Math.max(this.now, at);
    this.label(label).tell(at, active, probability, retracted);
  }

  /** The most likely now. */
  best(n) {
    return [...this.labels.values()].sort((a, b) => b.last - a.last).slice(0, n);
  }
}
