// What this browser remembers: theme, hand, how pages turn, size of the music, keys.

import { tell } from "./bus.js";

const NAME = "collaparte";
export const THEMES = ["light", "dark", "pit"];
const PAPER = { light: "#FCFBF8", dark: "#14161A", pit: "#0B0806" };
const DEFAULTS = {
  theme: document.documentElement.dataset.theme, hand: "right", turning: "half", zoom: 1, keys: {}, letters: false, awake: true,
};

export const settings = { ...DEFAULTS, ...read(), };

function read() {
  try { return JSON.parse(localStorage.getItem(NAME) ?? "{}"); } catch { return {}; }
}

/** Change a setting, keep it, and tell all. */
export function choose(name, value) {
  settings[name] = value;
  try { localStorage.setItem(NAME, JSON.stringify(settings)); } catch { /* private window: it holds until it is closed */ }
  show();
  tell("setting", { name, value });
}

/** The next theme: light, dark, pit. */
export function nextTheme() {
  choose("theme", THEMES[(THEMES.indexOf(settings.theme) + 1) % THEMES.length]);
}

/** Put the settings that are styles on the page. */
export function show() {
  const root = document.documentElement;
  root.dataset.theme = settings.theme;
  root.dataset.hand = settings.hand;
  document.querySelector('meta[name="theme-color"]').content = PAPER[settings.theme];
}
