// What a hand can order. A viewer orders nothing.

import { on, tell, told } from "../bus.js";
import { send } from "../connection.js";
import { jumpTo, score } from "../score/score.js";

/** Whether this page may control the session. */
export const mayControl = () => told.hello?.role === "controller";
/** Whether the session does a thing: follow, accompany, separate, detect, generate. */
export const does = (what) => Boolean(told.hello?.does?.includes(what));
/** Whether this session can take an order. */
export const can = (what) => mayControl() && !(told.controls?.locked ?? []).includes(what);
/** Whether a session runs. */
export const running = () => !["stopped", "ended", "offline"].includes(document.body.dataset.state) && told.status?.state !== "stopped";

const PASSED_ON = "input"; // a target where nothing is separated: what is heard, as it is
/** The fader of all stems together. */
export const SUM = "sum";
/** Where the last start was, quarter notes. */
export const place = { start: 0 };

/** Follow from this quarter on. */
export function from(quarter) {
  if (!can("from")) return;
  place.start = quarter;
  if (send("from", { q: quarter })) jumpTo(quarter);
}

/** Follow from the first beat of a bar, the pass nearest to where the music is. */
export function fromBar(number) {
  const starts = score.bars.starts(number);
  if (!starts.length) return false;
  from(starts.reduce((best, q) => (Math.abs(q - score.quarter) < Math.abs(best - score.quarter) ? q : best)));
  return true;
}

export function start() { if (mayControl()) send("start"); }
export function stop() { if (mayControl()) send("stop"); }
export function countIn() { if (can("countin")) send("countin"); }
export function gain(target, db) { if (mayControl()) send("gain", { target, db }); }
export function mute(target, on) { if (mayControl()) send("mute", { target, on }); }
export function loop(bars) { if (can("loop")) send("loop", { bars }); }
export function ratio(x) { if (can("ratio")) send("ratio", { x: Math.round(1000 * Math.min(4, Math.max(0.25, x))) / 1000 }); }
export function dynamics(x) { if (can("dynamics")) send("dynamics", { x }); }
export function threshold(label, p) { if (can("threshold")) send("threshold", { label, p }); }
export function quiet(label, s) { if (can("threshold")) send("quiet", { label, s }); }
/** Listen for sounds, or hear none. */
export function listenForSounds(on) { if (can("threshold")) send("listen", { on }); }
export function passThrough(on) { if (mayControl()) send("through", { on }); }
export function chooseScore(id) { if (mayControl()) send("choose", { id }); }
/** It is not this score that is played. */
export function refuseScore(id) { if (mayControl()) send("refuse", { id }); }
export const muted = (target) => (told.controls?.muted ?? []).includes(target);
export const tempoRatio = () => told.controls?.ratio ?? 1;
export const loopBars = () => told.controls?.loop ?? null;

/** Parts and stems that have a fader, in the order of the score. */
export function targets() {
  const parts = does("accompany") ? (score.info?.parts ?? []).filter((part) => !part.solo).map((part) => part.name) : [];
  const named = [...parts, ...Object.keys(told.controls?.gains ?? {}), ...Object.keys(told.levels?.targets ?? {})];
  return [...new Set(named)].filter((name) => name !== SUM).filter((name) => name !== PASSED_ON || does("separate"));
}

on("error", ({ line }) => tell("note-line", line));
