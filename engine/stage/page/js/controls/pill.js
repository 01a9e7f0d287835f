// The pill: one line over the page that offers one thing. It takes no room of the music and goes away by itself.

import { on, tell } from "../bus.js";
import { h, write } from "../dom.js";
import { backToMusic, score } from "../score/score.js";
import { can, from, fromBar, mayControl } from "./order.js";

const reviewing = () => document.body.dataset.view === "review";
/** Whether a note that is tapped is an order: to follow from there, in a review to listen from there. */
export const takesNotes = () => reviewing() || (mayControl() && can("from"));

const GONE_MS = 6000, REFUSED_MS = 4000;
const HALF_BEAT = 1e-3;
let root, box, ring, timer = null, offered = null;

/** Build the pill. */
export function startPill(parent) {
  root = parent;
  box = h("div", { class: "pill", role: "group", hidden: true });
  ring = h("div", { class: "ring", hidden: true, "aria-hidden": "true" });
  root.append(ring, box);
  on("by-hand", (away) => (away ? offerBack() : hide("back")));
  on("note-line", (line) => show("line", [h("span", { class: "pill-text", role: "alert" }, line)], null, REFUSED_MS));
  on("shown", () => hide("from"));
  on("laid", () => hide("from"));
}

function show(kind, children, at, gone = GONE_MS) {
  offered = kind;
  box.replaceChildren(...children);
  box.hidden = false;
  ring.hidden = kind !== "from";
  const wide = root.clientWidth, half = box.offsetWidth / 2 + 8;
  const x = at ? Math.min(wide - half, Math.max(half, at.x)) : wide / 2, y = at ? Math.max(2, at.y - 84) : 10;
  box.style.transform = `translate(${(x - box.offsetWidth / 2).toFixed(0)}px, ${y.toFixed(0)}px)`;
  if (at) ring.style.transform = `translate(${at.x}px, ${at.y}px)`;
  clearTimeout(timer);
  if (gone) timer = setTimeout(() => hide(kind), gone);
}

/** Take the pill away, if it is of this kind. */
export function hide(kind = offered) {
  if (kind !== offered || !box) return false;
  const was = !box.hidden;
  box.hidden = ring.hidden = true;
  offered = null;
  if (kind !== "back" && (score.own || score.layout?.turner.byHand)) offerBack();
  return was && kind !== "back";
}

/** What the pill offers now. */
export const offering = () => offered;

/** Words for a place: "bar 3, beat 2". */
export function placeName(quarter) {
  const { bar, beat } = score.bars.beat(quarter + HALF_BEAT), unit = score.bars.unit(quarter);
  const start = score.bars.quarters[score.bars.index(quarter + HALF_BEAT)];
  const between = Math.abs((quarter - start) / unit - Math.round((quarter - start) / unit)) > 0.02;
  return `bar ${bar}, ${between ? "after beat" : "beat"} ${beat}`;
}

/** Offer to follow from a head that was tapped. */
export function offerFrom(head) {
  if (!takesNotes()) return;
  const quarter = score.layout.anchors.quarters[head.onset];
  if (offered === "from" && box.dataset.onset === String(head.onset)) return go(quarter);
  box.dataset.onset = head.onset;
  const factor = score.factor ?? 1;
  show("from", [
    h("span", { class: "pill-text" }, `From ${placeName(quarter)}`),
    h("button", { class: "pill-go", type: "button", "aria-label": `${reviewing() ? "Listen" : "Go"} from ${placeName(quarter)}`, on: { click: () => go(quarter) } }, reviewing() ? "Listen" : "Go"),
  ], { x: head.x * factor, y: head.y * factor });
}

function go(quarter) {
  hide("from");
  if (reviewing()) tell("listen-from", quarter);
  else from(quarter);
}

function offerBack() {
  const words = score.own ? ["own page", "back"] : ["turned by hand", "back to the music"];
  show("back", [
    h("span", { class: "pill-text" }, words[0]),
    h("button", { class: "pill-go", type: "button", on: { click: () => { hide("back"); backToMusic(); } } }, words[1]),
  ], null, 0);
}

/** Ask for a bar by its number. */
export function askBar() {
  const known = `${score.bars.first} to ${score.bars.last}`;
  const field = h("input", { class: "pill-field", inputmode: "numeric", autocomplete: "off", "aria-label": `bar, ${known}`, placeholder: known });
  const text = h("label", { class: "pill-text", role: "status" }, `Bar ${score.bars.number(score.quarter)}. Go to bar`);
  const form = h("form", { class: "pill-form", on: { submit: (event) => {
    event.preventDefault();
    const number = Number(field.value);
    if (Number.isInteger(number) && field.value.trim() && fromBar(number)) hide("bar");
    else write(text, `There is no bar ${field.value}; bar`);
  } } }, text, ...(can("from") ? [field, h("button", { class: "pill-go", type: "submit" }, "Go")] : []));
  show("bar", [form], null, can("from") ? 0 : REFUSED_MS);
  if (can("from")) field.focus();
}
