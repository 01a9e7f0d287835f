// Which screen is shown: the score, or one of the others in its place.

import { on, tell, told } from "../bus.js";
import { lay } from "../score/score.js";
import { chooserView } from "./chooser.js";
import { generatorView } from "./generator.js";
import { reviewView } from "./review.js";
import { soundsView } from "./sounds.js";
import { stemsView } from "./stems.js";

const VIEWS = { chooser: chooserView, stems: stemsView, sounds: soundsView, generator: generatorView, review: reviewView };
const WITH_SCORE = ["score", "review"];
let home, shown = null, close = null;

/** Show the screen that fits the session, and others when they are asked for. */
export function startViews(element) {
  home = element;
  on("view", showView);
  on("hello", (hello) => { if (shown === null || shown === "chooser") showView(usual(hello)); });
  on("score", ({ id }) => { if (id !== null && shown === "chooser") showView("score"); });
}

function usual({ mode, score, does = [] }) {
  if (mode === "review") return "review";
  if (does.includes("follow")) return score === null ? "chooser" : "score";
  if (does.includes("generate")) return "generator";
  return does.includes("separate") ? "stems" : "sounds";
}

/** Show a screen by its name. */
export function showView(name) {
  if (shown === name) return;
  close?.();
  close = null;
  const before = shown;
  shown = name;
  document.body.dataset.view = name;
  home.hidden = name === "score";
  home.replaceChildren();
  home.className = `view-${name}`;
  const stage = document.getElementById("stage");
  stage.hidden = !WITH_SCORE.includes(name);
  if (VIEWS[name]) close = VIEWS[name](home, before) ?? null;
  if (WITH_SCORE.includes(name) && told.opened) lay();
  tell("view-shown", name);
}
