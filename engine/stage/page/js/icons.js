// Pictures of 24 x 24 units, drawn with the colour of the text beside them.

import { s } from "./dom.js";

const PATHS = {
  back: "M15 5l-7 7 7 7", on: "M9 5l7 7-7 7", close: "M6 6l12 12M18 6L6 18", minus: "M5 12h14", plus: "M5 12h14M12 5v14",
  down: "M5 9l7 7 7-7", check: "M4 12.5l5 5L20 7", search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.5L21 21",
  loop: "M17 2l3 3-3 3M4 11V9a4 4 0 0 1 4-4h12M7 22l-3-3 3-3M20 13v2a4 4 0 0 1-4 4H4",
  parts: "M5 3v6M5 15v6M3 12h4M5 9v6M12 3v2M12 11v10M10 8h4M12 5v6M19 3v9M19 18v3M17 15h4M19 12v6",
  metronome: "M8 3h8l3.5 18h-15zM6 15h12M12 15L17 5", bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
  mic: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v4", upload: "M12 16V4M7 9l5-5 5 5M4 20h16",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6",
};
const SHAPES = {
  more: [["circle", { cx: 5, cy: 12, r: 2 }], ["circle", { cx: 12, cy: 12, r: 2 }], ["circle", { cx: 19, cy: 12, r: 2 }]],
  stop: [["rect", { x: 4, y: 4, width: 16, height: 16, rx: 2 }]],
  play: [["path", { d: "M6 3.5l14 8.5-14 8.5z" }]],
  pause: [["rect", { x: 5, y: 3, width: 5, height: 18, rx: 1.5 }], ["rect", { x: 14, y: 3, width: 5, height: 18, rx: 1.5 }]],
  waiting: [["path", { d: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 2.5v15a7.5 7.5 0 0 1 0-15z", "fill-rule": "evenodd" }]],
  following: [["circle", { cx: 12, cy: 12, r: 11 }], ["path", { class: "hole", d: "M6.5 12.5l3.5 3.5 7.5-8" }]],
  square: [["rect", { x: 3, y: 3, width: 18, height: 18, rx: 3 }]],
  up: [["path", { d: "M12 4l9 16H3z" }]],
  fall: [["path", { d: "M12 20L3 4h18z" }]],
};
const LINES = {
  lost: [["circle", { cx: 12, cy: 12, r: 9.5, "stroke-dasharray": "6 3.95", "stroke-width": 3 }], ["circle", { cx: 12, cy: 12, r: 1.5, fill: "currentColor" }]],
  offline: [["path", { d: "M3 9a14 14 0 0 1 18 0M6.5 13a9 9 0 0 1 11 0M3 3l18 18", "stroke-width": 2.5 }], ["circle", { cx: 12, cy: 18, r: 1.8, fill: "currentColor" }]],
  working: [["circle", { cx: 12, cy: 12, r: 9, "stroke-dasharray": "2 4" }], ["path", { d: "M12 7v5l3 2" }]],
};

/** An icon by its name; it says nothing to a screen reader, the button that holds it does. */
export function icon(name, extra = "") {
  const solid = SHAPES[name], lines = LINES[name] ?? (PATHS[name] && [["path", { d: PATHS[name] }]]);
  const shapes = (solid ?? lines ?? []).map(([tag, attributes]) => s(tag, attributes));
  return s("svg", { class: `icon ${solid ? "solid" : ""} ${extra}`.trim(), viewBox: "0 0 24 24", "aria-hidden": "true" }, ...shapes);
}

/** The note of a beat: quarter note 1, with a dot 1.5, half 2, eighth 0.5. */
export function noteValue(unit) {
  const filled = unit < 2, parts = [
    s("ellipse", { cx: 6, cy: 19.5, rx: 5, ry: 3.7, transform: "rotate(-22 6 19.5)", fill: filled ? "currentColor" : "none", stroke: "currentColor", "stroke-width": filled ? 0 : 1.8 }),
    s("path", { d: "M10.4 18.5V1", stroke: "currentColor", "stroke-width": 1.6, fill: "none" }),
  ];
  if (unit < 1) parts.push(s("path", { d: "M10.4 1c1 5 6 5 4 11", stroke: "currentColor", "stroke-width": 1.8, fill: "none" }));
  if (unit === 1.5 || unit === 3 || unit === 0.75) parts.push(s("circle", { cx: 14.5, cy: 19.5, r: 1.7, fill: "currentColor" }));
  return s("svg", { class: "note-value", viewBox: "0 0 17 24", "aria-hidden": "true" }, ...parts);
}
