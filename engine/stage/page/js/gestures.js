// What fingers do on the music: tap, two fingers, swipe, pinch, a long press that may be drawn on.

import { tell } from "./bus.js";

const STILL_PX = 10, LONG_MS = 500, TWICE_MS = 350, SWIPE_PX = 60, TAP_MS = 600;

/** Tell of gestures on an element: "tap", "two-fingers", "swipe" (1: on), "pinch" {factor, done}, "hold" {x, y, done}. */
export function listen(element) {
  const fingers = new Map();
  let start = null, long = null, most = 0, spread = 0, pinching = false, holding = false;

  const local = (event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const distance = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || event.target.closest("button, input")) return;
    fingers.set(event.pointerId, local(event));
    most = Math.max(most, fingers.size);
    clearTimeout(long);
    if (fingers.size === 1) {
      start = { ...local(event), at: performance.now() };
      long = setTimeout(() => { holding = true; tell("hold", { ...start, done: false, first: true }); }, LONG_MS);
    } else if (fingers.size === 2) {
      spread = distance();
    }
    element.setPointerCapture?.(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, local(event));
    const here = local(event);
    if (fingers.size === 2) {
      const factor = distance() / spread;
      if (pinching || Math.abs(factor - 1) > 0.08) {
        pinching = true;
        tell("pinch", { factor, done: false });
      }
    } else if (holding) tell("hold", { ...here, done: false });
    else if (start && Math.hypot(here.x - start.x, here.y - start.y) > STILL_PX) clearTimeout(long);
  });
  const up = (event) => {
    if (!fingers.has(event.pointerId)) return;
    const here = local(event), factor = fingers.size === 2 ? distance() / spread : 1;
    fingers.delete(event.pointerId);
    clearTimeout(long);
    if (pinching) {
      if (fingers.size === 1) tell("pinch", { factor, done: true });
    } else if (fingers.size === 0) finish(here, event.type === "pointercancel");
    if (fingers.size === 0) {
      most = 0;
      pinching = holding = false;
      start = null;
    }
  };
  function finish(here, cancelled) {
    const dx = here.x - start.x, dy = here.y - start.y, lasted = performance.now() - start.at;
    if (holding) tell("hold", { ...here, done: true, cancelled });
    else if (cancelled) return;
    else if (most === 2 && lasted < TAP_MS) tell("two-fingers");
    else if (most === 1 && Math.abs(dx) > SWIPE_PX && Math.abs(dx) > 2 * Math.abs(dy)) tell("swipe", dx < 0 ? 1 : -1);
    else if (most === 1 && Math.hypot(dx, dy) <= STILL_PX) tell("tap", { ...here, width: element.clientWidth, twice: twice(here) });
  }
  let last = null;
  function twice(here) {
    const again = last && performance.now() - last.at < TWICE_MS && Math.hypot(here.x - last.x, here.y - last.y) < 2 * STILL_PX;
    last = { ...here, at: performance.now() };
    return Boolean(again);
  }
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("wheel", (event) => { if (event.ctrlKey) event.preventDefault(); }, { passive: false });
  document.addEventListener("contextmenu", (event) => { if (!event.target.closest("input")) event.preventDefault(); });
}
