// Keep the screen awake while something plays, and say so where the browser cannot.

import { on, tell } from "./bus.js";

let lock = null, wanted = true;

async function hold() {
  if (!("wakeLock" in navigator)) return say("may");
  if (!wanted || document.visibilityState !== "visible" || lock) return;
  try {
    lock = await navigator.wakeLock.request("screen");
    lock.addEventListener("release", () => { lock = null; });
    say("never");
  } catch { say("may"); }
}

let said = null;
function say(what) {
  if (said !== what) tell("sleep", (said = what));
}

/** Hold the screen awake; again whenever the page comes back to the front or somebody touches it. */
export function startWake() {
  hold();
  document.addEventListener("visibilitychange", hold);
  document.addEventListener("pointerdown", hold);
  on("stage-state", hold);
}
