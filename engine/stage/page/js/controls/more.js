// More: how it looks, which hand, how pages turn, the other screens, the keys.

import { on, tell, told } from "../bus.js";
import { attribute, h, write } from "../dom.js";
import { icon } from "../icons.js";
import { choose, settings } from "../settings.js";
import { own, score } from "../score/score.js";
import { ACTIONS, bind, fullScreen, keyName, keysOf } from "./keys.js";
import { closeAll } from "./bar.js";
import { does, mayControl } from "./order.js";
import { askBar } from "./pill.js";
import { outletChips } from "../views/sounds.js";

const ZOOM = { least: 0.6, most: 1.8, step: 0.1 };

/** The card; `first` may be "keys". */
export function moreCard(first = "") {
  const body = h("div", { class: "card-body more" },
    chooser("Light", "theme", [["light", "Light"], ["dark", "Dark"], ["pit", "Pit"]]),
    chooser("Pages turn", "turning", [["half", "by halves"], ["whole", "whole"]]),
    sizeRow(),
    chooser("Hand", "hand", [["left", "Left"], ["right", "Right"]]),
    h("div", { class: "more-buttons" }, ...places()),
    h("p", { class: "muted more-status" }, ...statusLine()),
    outletsRow(),
    keyList(first === "keys"));
  if (first === "keys") requestAnimationFrame(() => body.querySelector("details").scrollIntoView());
  return { title: "More", body };
}

function chooser(label, name, choices) {
  const buttons = choices.map(([value, text]) => h("button", { type: "button", class: "segment", data: { value }, on: { click: () => { choose(name, value); mark(); } } }, text));
  const mark = () => buttons.forEach((each) => attribute(each, "aria-pressed", String(each.dataset.value === settings[name])));
  mark();
  on("setting", () => { if (buttons[0].isConnected) mark(); });
  return h("div", { class: "more-row" }, h("span", { class: "more-label" }, label), h("div", { class: "segments", role: "group", "aria-label": label }, ...buttons));
}

function sizeRow() {
  const value = h("span", { class: "bar-value", role: "status" }), show = () => write(value, `${Math.round(100 * settings.zoom)} %`);
  const step = (sign) => { zoomTo(settings.zoom + sign * ZOOM.step); show(); };
  show();
  return h("div", { class: "more-row" }, h("span", { class: "more-label" }, "Size of the music"), h("div", { class: "segments", role: "group", "aria-label": "size of the music" },
    h("button", { type: "button", class: "segment", "aria-label": "smaller", on: { click: () => step(-1) } }, icon("minus")), value,
    h("button", { type: "button", class: "segment", "aria-label": "larger", on: { click: () => step(1) } }, icon("plus"))));
}

/** Lay the music out anew at this size. */
export function zoomTo(zoom) {
  choose("zoom", Math.round(10 * Math.min(ZOOM.most, Math.max(ZOOM.least, zoom))) / 10);
}

function places() {
  const go = (view) => () => { closeAll(); tell("view", view); };
  const found = [];
  const add = (text, run) => found.push(h("button", { type: "button", class: "plain-button", on: { click: run } }, text));
  if (does("follow") && document.body.dataset.view !== "score") add("Score", go("score"));
  if (mayControl()) add("Scores", go("chooser"));
  if (does("separate")) add("Stems", go("stems"));
  if (does("detect")) add("Sounds", go("sounds"));
  if (does("generate")) add("Generator", go("generator"));
  if (does("follow")) add("Go to bar", () => { closeAll(); askBar(); });
  if (told.hello && !told.hello.master) add(score.own ? "With the master’s page" : "Keep my own page", () => { own(!score.own); closeAll(); });
  add("Full screen", fullScreen);
  return found;
}

function statusLine() {
  const status = told.status, drops = status?.drops, rows = [];
  if (status) rows.push(`latency ${Math.round(status.latency_ms ?? 0)} ms`);
  if (drops) rows.push(`drop-outs ${(drops.input ?? 0) + (drops.output ?? 0) + (drops.device ?? 0)}${status.since ? ` since ${status.since}` : ""}`);
  rows.push(told.sleep === "may" ? "the screen may sleep: no secure connection (--tls), or the browser cannot keep it awake" : "the screen stays awake");
  return [rows.join(" · ")];
}

/** The other programs that are told, if any are. */
function outletsRow() {
  const row = h("p", { class: "more-outlets", "aria-label": "other programs" }), show = () => row.replaceChildren(...outletChips());
  show();
  on("outlets", () => { if (row.isConnected) show(); });
  return row;
}

function keyList(open) {
  let waiting = null;
  const rows = Object.entries(ACTIONS).map(([name, { text }]) => {
    const keys = h("kbd", {}), show = () => write(keys, keysOf(name).map(keyName).join("  "));
    const button = h("button", { type: "button", class: "key-set", "aria-label": `another key for: ${text}`, on: { click: () => { waiting = name; write(button, "press a key"); } } }, "Add");
    button.addEventListener("keydown", (event) => {
      if (waiting !== name || ["Tab", "Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      if (event.key !== "Escape") bind(name, event.key);
      waiting = null;
      write(button, "Add");
      for (const each of shows) each();
    });
    shows.push(show);
    show();
    return h("li", { class: "key-row" }, keys, h("span", {}, text), button);
  });
  const reset = h("button", { type: "button", class: "plain-button", on: { click: () => { choose("keys", {}); for (const each of shows) each(); } } }, "Keys as they were");
  return h("details", { class: "keys", open }, h("summary", {}, "Keys, pedals, fingers"), h("ul", {}, ...rows), h("h3", { class: "more-label" }, "Fingers"), h("ul", { class: "fingers" }, ...FINGERS.map(([what, does]) => h("li", {}, h("b", {}, what), ` ${does}`))), h("p", { class: "muted" }, "1 to 9 mute a part. A page key held for a second: from the top of the page."), reset);
}
const shows = [];
const FINGERS = [["a note, then Go:", "from there"], ["elsewhere:", "the controls, and away"], ["left or right edge, or a swipe:", "page back, on"],
  ["a long press, drawn on:", "loop these bars"], ["two fingers, a tap:", "the pit’s light"], ["two fingers apart:", "larger music"], ["a fader, twice:", "0 dB"]];
