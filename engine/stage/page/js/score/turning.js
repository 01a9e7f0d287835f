// Which pages are to be seen. Half a page at a time, a whole one, or two beside each other; pure, without elements.

const ROOM = 4; // pixels between music and the cut
const SAME = 1e-4;

/** Where a page can be cut: after so many systems, at this height; null if it cannot. */
export function cutOf(page, height) {
  let best = null;
  for (let k = 1; k < page.systems.length; k++) {
    const y = gap(page, k);
    if (best === null || Math.abs(y - height / 2) < Math.abs(best.y - height / 2)) best = { systems: k, y };
  }
  return best && best.y > height / 4 && best.y < (3 * height) / 4 ? best : null;
}

/** The systems of a page that fit above a height: {systems, y}; null if none does. */
export function fitting(page, y) {
  let systems = 0;
  while (systems < page.systems.length && page.systems[systems].inkBottom <= y - ROOM) systems += 1;
  if (!systems) return null;
  return { systems, y: systems < page.systems.length ? Math.min(gap(page, systems), y) : y };
}

function gap(page, k) {
  return (page.systems[k - 1].inkBottom + page.systems[k].inkTop) / 2;
}

/** What is shown is {main, top} of single pages, `top` the page of which the upper half is shown above (0: none),
 * or {left, right} of two beside each other (0: none). */
export class Turner {
  constructor({ anchors, nPages, height, spread, halves, page, barLength, loop = () => null }) {
    Object.assign(this, { anchors, nPages, height, spread, halves, page, barLength, loop });
    this.shown = spread ? { left: 1, right: nPages > 1 ? 2 : 0 } : { main: 1, top: 0 };
    this.byHand = false;
  }

  /** The pages in view. */
  get numbers() {
    const { main, top, left, right } = this.shown;
    return (this.spread ? [left, right] : [main, top]).filter(Boolean);
  }

  /** The pages that will be needed: those in view, the next by the music, those beside. */
  needed(quarter) {
    const i = this.anchors.at(quarter), next = this.#next(i), leave = this.leave(i), later = leave >= 0 ? this.#next(leave) : 0;
    const seen = this.numbers, last = Math.max(...seen), first = Math.min(...seen);
    return [this.anchors.pages[i], ...seen, next, last + 1, first - 1, later, last + 2].filter((n) => n >= 1 && n <= this.nPages);
  }

  #next(i) {
    const leave = this.leave(i);
    return leave >= 0 ? this.anchors.pages[leave] : 0;
  }

  /** First and last onset of the loop that an onset lies in, null if it lies in none. */
  #looped(i) {
    const loop = this.loop(), { quarters } = this.anchors;
    if (!loop || quarters[i] < loop.begin - SAME || quarters[i] >= loop.end - SAME) return null;
    const first = this.anchors.at(loop.begin);
    return { ...loop, first: quarters[first] < loop.begin - SAME ? first + 1 : first, last: this.anchors.at(loop.end - 3 * SAME) };
  }

  /** The next onset on another page as the music goes, at the end of a loop back to its beginning; -1 if there is none. */
  leave(i) {
    const { leaves, pages } = this.anchors, loop = this.#looped(i);
    if (!loop || (leaves[i] >= 0 && leaves[i] <= loop.last)) return leaves[i];
    if (pages[loop.first] !== pages[i]) return loop.first;
    return leaves[loop.first] >= 0 && leaves[loop.first] <= loop.last ? leaves[loop.first] : -1;
  }

  /** Quarter notes from here to the onset at which the page is left. */
  #until(i, leave, quarter) {
    const there = this.anchors.quarters[leave], loop = leave > i ? null : this.#looped(i);
    return loop ? loop.end - quarter + there - loop.begin : there - quarter;
  }

  /** The onsets that sound before the page is left. */
  #before(i, leave) {
    const loop = leave > i ? null : this.#looped(i), all = [];
    for (let j = i + 1; j <= (loop ? loop.last : leave - 1); j++) all.push(j);
    if (loop) for (let j = loop.first; j < leave; j++) all.push(j);
    return all;
  }

  /** Follow the music to a quarter; return whether something else is to be shown. */
  follow(quarter) {
    const i = this.anchors.at(quarter);
    if (this.byHand) {
      if (!this.sees(i)) return false;
      this.byHand = false;
    }
    return this.#show(this.spread ? this.#two(i, quarter) : this.#one(i, quarter));
  }

  /** Whether the onset can be seen. */
  sees(i) {
    const page = this.anchors.pages[i], place = this.anchors.places[i];
    if (this.spread) return this.numbers.includes(page);
    const { main, top } = this.shown;
    if (!top) return page === main;
    const cut = this.cut(), lower = place && place.system >= (cut?.systems ?? 0);
    if (page === main) return Boolean(lower);
    const fits = cut && this.page(top) && fitting(this.page(top), cut.y);
    return page === top && Boolean(fits && place && place.system < fits.systems);
  }

  /** Where the page at hand is cut. */
  cut() {
    const page = this.page(this.shown.main);
    return page && cutOf(page, this.height);
  }

  #one(i, quarter) {
    const page = this.anchors.pages[i], leave = this.leave(i);
    const top = this.halves ? this.#top(i) : 0;
    if (top || leave < 0) return { main: page, top };
    const next = this.anchors.pages[leave];
    const soon = this.#until(i, leave, quarter) <= this.barLength(quarter) + SAME;
    const half = this.halves && this.#couldBeHalf(page, next, leave);
    return { main: soon && !half && this.page(next) ? next : page, top: 0 };
  }

  #couldBeHalf(page, next, leave) {
    const here = this.page(page), there = this.page(next), cut = here && cutOf(here, this.height);
    const fits = cut && there && fitting(there, cut.y), place = this.anchors.places[leave];
    return Boolean(fits && place && place.system < fits.systems);
  }

  /** The page whose top is to be shown over the lower half, 0 if none: not while the music goes up again first. */
  #top(i) {
    const number = this.anchors.pages[i], here = this.page(number), cut = here && cutOf(here, this.height);
    const place = this.anchors.places[i], leave = this.leave(i);
    if (!cut || !place || place.system < cut.systems || leave < 0) return 0;
    for (const j of this.#before(i, leave)) {
      if (this.anchors.places[j] && this.anchors.places[j].system < cut.systems) return 0;
    }
    const next = this.anchors.pages[leave];
    return this.#couldBeHalf(number, next, leave) ? next : 0;
  }

  #two(i, quarter) {
    const page = this.anchors.pages[i], leave = this.leave(i), bar = this.barLength(quarter);
    let { left, right } = this.shown;
    if (page !== left && page !== right) [left, right] = this.#opened(page);
    if (leave < 0) return { left, right };
    const next = this.anchors.pages[leave];
    const since = quarter - this.anchors.quarters[this.anchors.enters[i]], until = this.#until(i, leave, quarter);
    if (!this.halves) {
      if (until <= bar + SAME && next !== left && next !== right && this.page(next)) [left, right] = this.#opened(next);
    } else if (next !== left && next !== right && (since >= bar - SAME || until <= bar + SAME) && this.page(next)) {
      if (page === left) right = next;
      else left = next;
    }
    return { left, right };
  }

  #opened(page) {
    const left = page % 2 ? page : page - 1;
    return [left, left + 1 <= this.nPages ? left + 1 : 0];
  }

  #show(shown) {
    const same = Object.keys(shown).every((key) => shown[key] === this.shown[key]);
    this.shown = shown;
    return !same;
  }

  /** Turn by hand, on (1) or back (-1); return whether something else is to be shown. It stays until the music is there. */
  turn(step) {
    const before = this.shown;
    const changed = this.#show(this.spread ? this.#turnTwo(step) : this.#turnOne(step));
    if (changed) this.byHand = true;
    else this.shown = before;
    return changed;
  }

  #turnOne(step) {
    const { main, top } = this.shown, last = this.nPages;
    const half = (page, over) => this.halves && this.page(page) && cutOf(this.page(page), this.height) && over >= 1 && over <= last;
    if (step > 0) {
      if (top) return { main: top, top: 0 };
      if (half(main, main + 1)) return { main, top: main + 1 };
      return { main: Math.min(last, main + 1), top: 0 };
    }
    if (top) return { main, top: 0 };
    if (main > 1 && half(main - 1, main)) return { main: main - 1, top: main };
    return { main: Math.max(1, main - 1), top: 0 };
  }

  #turnTwo(step) {
    let { left, right } = this.shown;
    const last = this.nPages;
    if (!this.halves) {
      const [l, r] = this.#opened(Math.min(last, Math.max(1, Math.min(left, right || left) + 2 * step)));
      return { left: l, right: r };
    }
    if (step > 0) {
      const next = Math.max(left, right) + 1;
      if (next > last) return { left, right };
      if (left < right) left = next;
      else right = next;
    } else {
      const previous = Math.min(left, right || left) - 1;
      if (previous < 1) return { left, right };
      if (left > right) left = previous;
      else right = previous;
    }
    return { left, right };
  }

  /** Show a page by hand, wherever the music is. */
  open(page) {
    const [left, right] = this.#opened(page);
    const changed = this.#show(this.spread ? { left, right } : { main: page, top: 0 });
    this.byHand = true;
    return changed;
  }
}
