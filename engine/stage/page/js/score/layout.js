// One layout of a score on the screen: its pages, where its onsets are, which pages are shown.

import { attribute, h, write } from "../dom.js";
import { Anchors } from "./anchors.js";
import { Cursor } from "./cursor.js";
import { Book } from "./pages.js";
import { Turner, fitting } from "./turning.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const FADE_MS = 120;

/** `bundle` is the server's answer about pages; `bars` of the score; `changed` is called when other pages are shown. */
export class Layout {
  constructor({ bundle, planned, bars, spread, close = false, halves, loop = () => null, changed }) {
    this.near = close; // the cursor is to be seen at every moment: nothing is turned ahead of it
    this.bundle = bundle;
    this.planned = planned; // what it was laid out for
    this.bars = bars;
    this.spread = spread;
    this.changed = changed;
    this.width = bundle.page_w * (spread ? 2 : 1);
    this.height = bundle.page_h;
    this.cursor = new Cursor();
    this.paper = h("div", { class: "pages" });
    this.marks = h("div", { class: "marks" });
    this.tints = h("div", { class: "tints", "aria-hidden": "true" });
    this.fold = h("div", { class: "fold", hidden: true }, h("span", { class: "fold-label" }));
    this.element = h("div", { class: spread ? "sheet spread" : "sheet", role: "img" }, this.tints, this.cursor.element, this.paper, this.fold, this.marks);
    this.element.style.width = `${this.width}px`;
    this.element.style.height = `${this.height}px`;
    this.element.style.setProperty("--page-w", `${bundle.page_w}px`);
    this.element.style.setProperty("--page-h", `${bundle.page_h}px`);
    this.anchors = new Anchors(bundle.onsets);
    this.book = new Book(bundle, this.paper, (page, ready) => this.#built(page, ready));
    this.turner = new Turner({
      anchors: this.anchors, nPages: bundle.n_pages, height: this.height, spread, halves, loop,
      page: (number) => this.book.page(number), barLength: (quarter) => (close ? 0 : bars.lengthAt(quarter)),
    });
    this.quarter = 0;
    this.place = null;
    this.turns = 0;
    this.stale = true;
  }

  /** Resolve when the pages in view are built. */
  async prepare(quarter) {
    this.quarter = quarter;
    this.turner.follow(quarter);
    this.book.want(this.turner.needed(quarter));
    await new Promise((done) => {
      this.#waiting = done;
      this.#look();
    });
  }

  #waiting = null;

  #look() {
    if (this.#waiting && this.turner.numbers.every((number) => this.book.page(number))) {
      this.turner.follow(this.quarter);
      this.render();
      this.#waiting();
      this.#waiting = null;
    }
  }

  #built(page, ready) {
    if (ready) this.anchors.add(page);
    else this.anchors.forget(page.number);
    this.stale = true; // what could not be turned to before may be now
    if (ready && this.turner.numbers.includes(page.number)) this.render();
    this.#look();
  }

  /** Follow the music; `turning` is false where the page has to stay. */
  follow(quarter, turning) {
    this.quarter = quarter;
    if (turning && this.turner.follow(quarter)) this.#turned();
  }

  /** Turn by hand: on (1), back (-1). */
  turn(step) {
    if (this.turner.turn(step)) this.#turned();
  }

  /** Show a page by hand. */
  open(page) {
    if (this.turner.open(page)) this.#turned();
  }

  #turned() {
    this.turns += 1;
    this.book.want(this.turner.needed(this.quarter));
    this.render();
    this.changed();
  }

  /** Be sure that what may come is being built. */
  expect() {
    this.book.want(this.turner.needed(this.quarter));
  }

  /** Put the pages in view where they belong. */
  render() {
    const numbers = this.turner.numbers;
    if (!numbers.every((number) => this.book.page(number))) return; // what is there stays until the other is built
    for (const page of this.book.pages.values()) {
      const at = numbers.indexOf(page.number);
      if (at < 0 || !page.ready) page.element.classList.remove("shown");
    }
    if (this.spread) this.#renderTwo();
    else this.#renderOne();
    attribute(this.element, "aria-label", numbers.map((number) => this.#label(number)).join("; "));
    this.changed();
  }

  #label(number) {
    const [first, last] = this.bundle.pages[number - 1].bars;
    return `page ${number}, bars ${first} to ${last}`;
  }

  #renderTwo() {
    const { left, right } = this.turner.shown;
    this.#put(left, 0, "none");
    this.#put(right, this.bundle.page_w, "none");
    const late = right && left > right;
    this.#foldLine(null, late ? left : 0);
  }

  #renderOne() {
    const { main, top } = this.turner.shown, cut = top ? this.turner.cut() : null;
    const above = top ? this.book.page(top) : null, fits = above && cut ? fitting(above, cut.y) : null;
    this.#put(main, 0, fits ? `inset(${cut.y}px 0 0 0)` : "none");
    if (fits) this.#put(top, 0, `inset(0 0 ${this.height - fits.y}px 0)`);
    this.#foldLine(fits ? cut.y : null, fits ? top : 0);
  }

  #put(number, x, clip) {
    const page = number ? this.book.page(number) : null;
    if (!page) return;
    const style = page.element.style, news = !page.element.classList.contains("shown");
    style.left = `${x}px`;
    style.clipPath = clip;
    page.element.classList.add("shown");
    if (news && this.turns && !STILL.matches) page.element.animate([{ opacity: 0 }, { opacity: 1 }], { duration: FADE_MS });
  }

  /** The line at the cut, and what comes above it. */
  #foldLine(y, next) {
    this.fold.hidden = !next;
    if (!next) return;
    attribute(this.fold, "data-kind", y === null ? "top" : "cut");
    this.fold.style.transform = `translateY(${y ?? 0}px)`;
    write(this.fold.firstChild, this.#coming(next));
  }

  #coming(next) {
    const i = this.anchors.at(this.quarter), j = this.turner.leave(i);
    const byMusic = j >= 0 && this.anchors.pages[j] === next;
    const bar = byMusic ? this.bars.number(this.anchors.quarters[j]) : this.bundle.pages[next - 1].bars[0];
    return byMusic && this.anchors.printed[j] < this.anchors.printed[i] ? `↑ back to bar ${bar}` : `↑ next page, bar ${bar}`;
  }

  /** Where a quarter is on the sheet, if it can be seen: {onset, x, top, bottom, page, system}, else null. */
  seen(quarter) {
    const where = this.anchors.where(quarter, (number) => this.book.page(number));
    if (!where || !this.turner.sees(where.onset) || !this.turner.numbers.includes(where.page)) return null;
    const system = this.book.page(where.page).systems[where.system];
    return { ...where, x: where.x + this.offset(where.page), top: system.top, bottom: system.bottom };
  }

  /** Left edge of a page in view. */
  offset(number) {
    return this.spread && number === this.turner.shown.right ? this.bundle.page_w : 0;
  }

  /** Whether a height of a page in view can be seen: not if it is the half that another covers. */
  openAt(number, y) {
    if (this.spread || !this.turner.shown.top) return true;
    const cut = this.turner.cut()?.y ?? 0;
    return number === this.turner.shown.main ? y >= cut : y < cut;
  }

  /** Move the cursor to a quarter. */
  mark(quarter, lit) {
    this.place = this.seen(quarter);
    this.cursor.stand(this.place);
    if (!this.place || !lit) this.cursor.dark();
    else this.cursor.light(this.place.onset, () => this.#heads(this.place.onset));
  }

  #heads(onset) {
    const page = this.book.page(this.anchors.pages[onset]);
    return this.anchors.notes[onset].map((number) => page?.heads.get(number)?.note).filter(Boolean);
  }

  /** The head nearest to a point of the sheet, within a distance: {number, x, y, page, onset}, else null. */
  headAt(x, y, within, quarter) {
    let best = null;
    for (const number of this.turner.numbers) {
      const page = this.book.page(number);
      if (!page || !this.openAt(number, y)) continue;
      for (const [note, head] of page.heads) {
        const distance = Math.hypot(head.x + this.offset(number) - x, head.y - y);
        if (distance < (best?.distance ?? within)) best = { number: note, x: head.x + this.offset(number), y: head.y, page: number, distance };
      }
    }
    if (!best) return null;
    const onset = this.anchors.nearestPass(best.number, quarter);
    return onset < 0 ? null : { ...best, onset };
  }

  /** Boxes of the bars in view whose printed numbers lie in a range: {left, right, top, bottom, bar, page, system}. */
  boxes(first, last) {
    return this.allBoxes().filter((box) => box.bar >= first && box.bar <= last);
  }

  /** Boxes of all bars in view. */
  allBoxes() {
    const found = [];
    for (const number of this.turner.numbers) {
      const page = this.book.page(number);
      if (!page) continue;
      for (const measure of this.#numbered(page)) {
        const system = page.systems[measure.system];
        if (measure.bar === null || !this.openAt(number, system.top)) continue;
        const x = this.offset(number);
        found.push({ ...measure, left: measure.left + x, right: measure.right + x, top: system.top, bottom: system.bottom, page: number });
      }
    }
    return found;
  }

  /** Measures of a page with the numbers of their bars: that of the notes in them, else that after the one before. */
  #numbered(page) {
    if (page.numbered) return page.numbered;
    const first = page.bars[0];
    const quarters = new Map();
    for (const [number, head] of page.heads) {
      const passes = this.anchors.passes.get(number);
      const id = head.note.closest("g.measure")?.id;
      if (passes && id && !(quarters.get(id) <= this.anchors.quarters[passes[0]])) quarters.set(id, this.anchors.quarters[passes[0]]);
    }
    let before = null;
    page.numbered = page.measures.map((measure) => {
      const quarter = quarters.get(measure.id) ?? null;
      let bar = quarter === null ? null : this.bars.number(quarter);
      if (bar === null) bar = before === null ? first : before + 1;
      before = bar;
      return { ...measure, bar, quarter };
    });
    return page.numbered;
  }

  /** Change how pages turn. */
  halves(on) {
    this.turner.halves = on;
    this.turner.byHand = false;
    this.follow(this.quarter, true);
    this.render();
  }

  close() {
    this.book.close();
    this.element.remove();
  }
}
