// Pages as elements: fetched, cleaned, put together system by system while nobody looks, their noteheads read once.

import { h, idle } from "../dom.js";
import { getText } from "../connection.js";

const SLICE_MS = 10; // of work between two frames
const NOTE = /^cp(\d+)/;
const KEPT = 8; // pages that stay built

/** A page: its element, systems {top, bottom, left, right} and heads (number -> {x, y, width, system}), in pixels of the layout. */
class Page {
  constructor(number, bars) {
    this.number = number;
    this.bars = bars;
    this.systems = [];
    this.measures = [];
    this.heads = new Map();
    this.ready = false;
    this.element = h("div", { class: "page", data: { page: number } });
  }
}

/** All pages of a layout. `ground` is where hidden pages lie; `built` is called with each page when it is ready. */
export class Book {
  constructor(bundle, ground, built) {
    this.bundle = bundle;
    this.pages = new Map();
    this.wanted = [];
    this.closed = new AbortController();
    this.#ground = ground;
    this.#built = built;
    this.#working = false;
  }

  #ground; #built; #working;

  get length() { return this.bundle.n_pages; }

  /** The page of this number if it is ready, else null. */
  page(number) {
    const page = this.pages.get(number);
    return page?.ready ? page : null;
  }

  /** Build these pages, the first first; what lies far from them is given up. */
  want(numbers) {
    this.wanted = [...new Set(numbers)].filter((number) => number >= 1 && number <= this.length);
    if (!this.#working) this.#work();
  }

  async #work() {
    this.#working = true;
    for (;;) {
      const number = this.wanted.find((each) => !this.pages.has(each));
      if (number === undefined || this.closed.signal.aborted) break;
      this.#drop();
      try { await this.#build(number); } catch (error) {
        this.pages.delete(number);
        if (this.closed.signal.aborted) break;
        console.warn(String(error));
        await new Promise((done) => setTimeout(done, 1000));
      }
    }
    this.#working = false;
  }

  #drop() {
    for (const page of [...this.pages.values()]) {
      if (this.pages.size < KEPT) break;
      if (this.wanted.includes(page.number) || page.element.classList.contains("shown")) continue;
      page.element.remove();
      this.pages.delete(page.number);
      this.#built(page, false);
    }
  }

  async #build(number) {
    const page = new Page(number, this.bundle.pages[number - 1].bars);
    this.pages.set(number, page);
    const svg = this.bundle.draw ? this.bundle.draw(number) : await this.#fetched(page);
    await idle();
    await this.#fill(page, svg);
    if (this.closed.signal.aborted) return;
    page.ready = true;
    this.#built(page, true);
  }

  async #fetched(page) {
    let text = await getText(`/api/page/${this.bundle.layout}/${page.number}.svg`, { signal: this.closed.signal });
    text = text.replace(/<style[\s\S]*?<\/style>/g, ""); // the policy forbids them; ours is in stage.css
    await idle();
    return cleaned(new DOMParser().parseFromString(text, "image/svg+xml"), page);
  }

  /** Put the drawing on the page without a long frame: first its frame, then a system at a time. */
  async #fill(page, svg) {
    const systems = [...svg.querySelectorAll("g.system")];
    const homes = systems.map((system) => {
      const mark = document.createComment("");
      system.replaceWith(mark);
      return mark;
    });
    page.element.append(document.importNode(svg, true));
    this.#ground.append(page.element);
    const marks = comments(page.element, homes.length);
    for (let k = 0; k < systems.length; k++) {
      await idle();
      if (this.closed.signal.aborted) return;
      const system = document.importNode(systems[k], true);
      marks[k].replaceWith(system);
      await read(page, system, k, this.bundle.page_w);
    }
  }

  /** Take everything away. */
  close() {
    this.closed.abort();
    for (const page of this.pages.values()) page.element.remove();
    this.pages.clear();
  }
}

/** The drawing without what a page does not need from a file: styles, scripts, listeners, ids that other pages have, too. */
function cleaned(parsed, page) {
  const svg = parsed.documentElement;
  if (svg.localName !== "svg") throw new Error(`page ${page.number}: not a drawing`);
  for (const element of svg.querySelectorAll("style, script, foreignObject, desc, title, a, image")) element.remove();
  for (const element of svg.querySelectorAll("defs [id]")) element.id = `p${page.number}-${element.id}`;
  for (const use of svg.querySelectorAll("use")) {
    const target = use.getAttribute("href") ?? use.getAttribute("xlink:href") ?? "";
    use.removeAttribute("xlink:href");
    if (target.startsWith("#")) use.setAttribute("href", `#p${page.number}-${target.slice(1)}`);
    else use.remove();
  }
  for (const element of svg.querySelectorAll("[style], [onload], [onclick], [onerror], [onmouseover]")) {
    for (const { name } of [...element.attributes]) if (name === "style" || name.startsWith("on")) element.removeAttribute(name);
  }
  svg.removeAttribute("id");
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

function comments(root, count) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_COMMENT), found = [];
  while (found.length < count && walker.nextNode()) found.push(walker.currentNode);
  return found;
}

/** Read the places of a system: its staves, measures and heads, in slices. */
async function read(page, system, k, pageWidth) {
  const origin = page.element.getBoundingClientRect();
  const factor = pageWidth / origin.width;
  const box = (element) => {
    const r = element.getBoundingClientRect();
    return { left: (r.left - origin.left) * factor, right: (r.right - origin.left) * factor, top: (r.top - origin.top) * factor, bottom: (r.bottom - origin.top) * factor };
  };
  const ink = box(system);
  const measures = [...system.querySelectorAll("g.measure")].map((element) => ({ id: element.id, system: k, ...staves(element, box) }));
  const tops = measures.filter((each) => Number.isFinite(each.top));
  page.systems[k] = {
    inkTop: ink.top, inkBottom: ink.bottom, left: ink.left, right: Math.max(...tops.map((each) => each.right), ink.left),
    top: Math.min(...tops.map((each) => each.top)), bottom: Math.max(...tops.map((each) => each.bottom)),
  };
  page.measures.push(...tops);
  let until = performance.now() + SLICE_MS;
  for (const note of system.querySelectorAll("g.note")) {
    const number = NOTE.exec(note.id)?.[1], head = number && note.querySelector(".notehead");
    if (!head) continue;
    const { left, right, top, bottom } = box(head);
    if (right > left) page.heads.set(Number(number), { x: (left + right) / 2, y: (top + bottom) / 2, width: right - left, system: k, note });
    if (performance.now() > until) {
      await idle();
      until = performance.now() + SLICE_MS;
    }
  }
}

/** Box of the staff lines of a measure: the first five paths of each staff. */
function staves(measure, box) {
  const lines = [...measure.querySelectorAll("g.staff > path")].map(box);
  return {
    left: Math.min(...lines.map((each) => each.left)), right: Math.max(...lines.map((each) => each.right)),
    top: Math.min(...lines.map((each) => each.top)), bottom: Math.max(...lines.map((each) => each.bottom)),
  };
}
