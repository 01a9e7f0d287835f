// Keys and pedals. A pedal is a keyboard of two keys that repeats itself.

import { tell } from "../bus.js";
import { choose, nextTheme, settings } from "../settings.js";
import { backToMusic, score, turn, turnTo } from "../score/score.js";
import { changeTempo, closeAll, loopByKey, loopPicking, mainButton, toggleCard, toggleLoop } from "./bar.js";
import { moreCard } from "./more.js";
import { countIn, from, mayControl, mute, muted, running, stop, targets } from "./order.js";
import { partsCard } from "./parts.js";
import { askBar, hide } from "./pill.js";
import { step, toggle } from "../views/review.js";

const BOUNCE_MS = 250, HELD_MS = 1000, AGAIN_MS = 1500;

/** What keys do: name -> {text, keys, run}; every one can be given other keys. */
export const ACTIONS = {
  on: { text: "page on", keys: ["PageDown", "ArrowRight", "ArrowDown", " "], run: () => turn(1), pedal: true, viewer: true },
  back: { text: "page back", keys: ["PageUp", "ArrowLeft", "ArrowUp"], run: () => turn(-1), pedal: true, viewer: true },
  first: { text: "first page", keys: ["Home"], run: () => turnTo(-1), viewer: true },
  last: { text: "last page", keys: ["End"], run: () => turnTo(1), viewer: true },
  music: { text: "back to the music", keys: ["Backspace"], run: backToMusic, viewer: true },
  start: { text: "start, go on", keys: ["Enter"], run: () => { if (!running() || score.state === "paused") mainButton(); } },
  close: { text: "close; again: stop", keys: ["Escape"], run: closeOrStop, viewer: true },
  stop: { text: "stop", keys: ["."], run: stop },
  loop: { text: "loop from this bar, again: to this bar", keys: ["l"], run: () => (loopPicking() ? loopByKey() : toggleLoop()) },
  slower: { text: "tempo −5 %", keys: ["["], run: () => changeTempo(-1) },
  faster: { text: "tempo +5 %", keys: ["]"], run: () => changeTempo(1) },
  parts: { text: "parts", keys: ["m"], run: () => { if (targets().length) toggleCard("parts", partsCard); } },
  bar: { text: "say the bar, go to a bar", keys: ["b"], run: askBar, viewer: true },
  countin: { text: "count-in", keys: ["c"], run: countIn },
  theme: { text: "light, dark, pit", keys: ["n"], run: nextTheme, viewer: true },
  hand: { text: "left or right hand", keys: ["h"], run: () => choose("hand", settings.hand === "right" ? "left" : "right") },
  full: { text: "full screen", keys: ["f"], run: fullScreen, viewer: true },
  help: { text: "these keys", keys: ["?"], run: () => toggleCard("more", () => moreCard("keys")) },
};

/** The keys of an action, as this browser has them. */
export const keysOf = (name) => settings.keys[name] ?? ACTIONS[name].keys;

/** Give an action one more key, taken from any other that has it. */
export function bind(name, key) {
  const keys = { ...settings.keys };
  for (const other of Object.keys(ACTIONS)) {
    if (other !== name && keysOf(other).includes(key)) keys[other] = keysOf(other).filter((each) => each !== key);
  }
  keys[name] = [...new Set([...keysOf(name), key])];
  choose("keys", keys);
}

/** A key as a musician reads it. */
export function keyName(key) {
  return { " ": "Space", ArrowRight: "→", ArrowLeft: "←", ArrowUp: "↑", ArrowDown: "↓", PageDown: "PageDown", PageUp: "PageUp", Escape: "Esc" }[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}

let escaped = -Infinity, lastPedal = { name: "", at: -Infinity }, held = null;

function closeOrStop() {
  const now = performance.now(), open = [hide("from"), hide("bar"), hide("line"), closeAll()].some(Boolean);
  if (!open && now - escaped < AGAIN_MS && mayControl()) stop();
  escaped = now;
}

/** Turn the screen over to the score, or back. */
export function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => tell("note-line", "this browser has no full screen"));
}

function down(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const target = event.target, typing = target.closest?.("input, select, textarea");
  if (typing && event.key !== "Escape") return;
  const found = Object.keys(ACTIONS).find((each) => keysOf(each).includes(event.key) || keysOf(each).includes(event.key.toLowerCase()));
  if (!found) return digit(event);
  if ((event.key === " " || event.key === "Enter") && target.closest?.("button, a, [role=slider], summary")) return;
  event.preventDefault();
  if (event.repeat || (!mayControl() && !ACTIONS[found].viewer)) return;
  if (document.body.dataset.view === "review" && reviewKey(event.key)) return;
  if (ACTIONS[found].pedal) pedal(found, event.key);
  else ACTIONS[found].run();
}

/** A page key: a second press at once is the pedal's; held, it means from the top of the page that was shown. */
function pedal(name, key) {
  const now = performance.now();
  if (lastPedal.name === name && now - lastPedal.at < BOUNCE_MS) return;
  lastPedal = { name, at: now };
  const top = topOfPage();
  ACTIONS[name].run();
  clearTimeout(held?.timer);
  held = { key, timer: setTimeout(() => { backToMusic(); if (top !== null) from(top); }, HELD_MS) };
}

/** In a review the space bar plays, arrows go by bars. */
function reviewKey(key) {
  const run = { " ": toggle, ArrowLeft: () => step(-1), ArrowRight: () => step(1) }[key];
  run?.();
  return Boolean(run);
}

function topOfPage() {
  const layout = score.layout;
  if (!layout) return null;
  const page = layout.turner.spread ? layout.turner.shown.left : layout.turner.shown.top || layout.turner.shown.main;
  const { pages, printed, quarters } = layout.anchors, first = Math.min(...printed.filter((_, i) => pages[i] === page));
  const passes = quarters.filter((_, i) => pages[i] === page && printed[i] === first);
  return passes.sort((a, b) => Math.abs(a - score.quarter) - Math.abs(b - score.quarter))[0] ?? null;
}

function digit(event) {
  const number = Number(event.key), name = targets()[number - 1];
  if (!/^[1-9]$/.test(event.key) || !name || event.repeat || event.target.closest?.("[role=slider]")) return;
  event.preventDefault();
  mute(name, !muted(name));
}

/** Listen to the keyboard. */
export function startKeys() {
  addEventListener("keydown", down);
  addEventListener("keyup", (event) => {
    if (held?.key === event.key) {
      clearTimeout(held.timer);
      held = null;
    }
  });
  addEventListener("blur", () => { clearTimeout(held?.timer); held = null; });
}
