// What the page says it is doing: the follower's state, the line to the server, and what the session is.

import { on, tell, told } from "./bus.js";

const SHORT_MS = 400; // a loss that passes sooner is not shown
const BEFORE = { starting: "starting", waiting: "device" }; // states of a session that has no sound yet
const SLOW_TO_TELL = ["lost", "offline"];

/** Shape, word and second line of each state. */
export const STATES = {
  waiting: { icon: "waiting", word: "Waiting for you", line: "just play", tone: "wait" },
  following: { icon: "following", word: "Following", line: "", tone: "accent" },
  lost: { icon: "lost", word: "Finding the place", line: "tap where you are", tone: "lost" },
  paused: { icon: "pause", word: "Paused", line: "", tone: "ink" },
  ended: { icon: "square", word: "The end", line: "", tone: "ink" },
  stopped: { icon: "square", word: "Stopped", line: "Start when ready", tone: "ink" },
  offline: { icon: "offline", word: "No connection", line: "page stays · turn by hand", tone: "lost" },
  starting: { icon: "working", word: "Starting", line: "a moment", tone: "wait" },
  device: { icon: "working", word: "No sound device", line: "waiting for it", tone: "lost" },
  engraving: { icon: "working", word: "Engraving", line: "", tone: "wait" },
  separating: { icon: "following", word: "Separating", line: "", tone: "accent" },
  listening: { icon: "following", word: "Listening", line: "", tone: "accent" },
  playing: { icon: "following", word: "Playing", line: "", tone: "accent" },
  deaf: { icon: "pause", word: "Not listening", line: "no sound is heard", tone: "wait" },
  failed: { icon: "offline", word: "Not shown", line: "", tone: "lost" },
};

let shown = null, later = null, raw = "waiting", up = false, progress = null;

/** The state by its name, as it is shown. */
export const now = () => shown ?? "waiting";

function wanted() {
  const hello = told.hello, running = told.status ? told.status.state !== "stopped" : hello?.running;
  if (told.link && !up) return "offline";
  if (progress?.line) return "failed";
  if (progress) return "engraving";
  if (hello?.mode === "review") return "following";
  if (raw === "stopped" || (running === false && raw !== "ended")) return raw === "ended" ? "ended" : "stopped";
  if (BEFORE[told.status?.state]) return BEFORE[told.status.state];
  if (hello && !follows()) return free(hello);
  return raw in STATES ? raw : "waiting";
}

/** Whether this session follows a score. */
export const follows = () => told.hello?.does?.includes("follow") ?? true;

function free({ does = [] }) {
  if (does.includes("generate")) return "playing";
  if (does.includes("separate")) return "separating";
  return told.controls?.deaf ? "deaf" : "listening";
}

function update() {
  const name = wanted();
  clearTimeout(later);
  if (name === shown) return detail();
  if (SLOW_TO_TELL.includes(name) && shown !== null) later = setTimeout(() => change(wanted()), SHORT_MS);
  else change(name);
}

function change(name) {
  shown = name;
  tell("stage-state", { name, ...STATES[name] });
  detail();
}

function detail() {
  tell("stage-detail", { name: now(), line: secondLine() });
}

function secondLine() {
  const name = now(), state = told.state ?? {}, hello = told.hello ?? {};
  if (name === "engraving") return Number.isFinite(progress?.progress) ? `${Math.round(100 * progress.progress)} %` : "a moment";
  if (name === "failed") return progress.line;
  if (name === "starting") return /^compiling/.test(told.status?.message ?? "") ? "first start · takes minutes" : STATES.starting.line;
  if (name === "waiting") return ["just play", told.sleep === "may" ? "screen may sleep" : ""].filter(Boolean).join(" · ");
  if (name === "lost") return hello.does?.includes("accompany") ? `${told.resting ?? "the rest"} rests · tap your place` : "tap where you are";
  if (name === "playing" && told.plan) return told.plan.ahead > 0 ? `${told.plan.ahead} bar${told.plan.ahead === 1 ? "" : "s"} ahead` : "as it comes";
  if (name === "stopped") return hello.role === "viewer" ? "" : STATES.stopped.line;
  if (name === "following") return heardElsewhere(state);
  return STATES[name].line;
}

function heardElsewhere({ transposition = 0 }) {
  if (!transposition) return "";
  return `${transposition > 0 ? "+" : "−"}${Math.abs(transposition)} semitone${Math.abs(transposition) === 1 ? "" : "s"}`;
}

/** Listen to what decides the state. */
export function startState() {
  on("state", ({ name }) => { raw = name; update(); });
  on("link", (link) => { up = link.up; update(); });
  on("hello", () => { if (told.hello.running === false) raw = "stopped"; else if (raw === "stopped") raw = "waiting"; update(); });
  on("status", ({ state }) => {
    if (state === "starting" ? ["stopped", "ended"].includes(raw) : state !== "stopped" && raw === "stopped") raw = "waiting";
    update();
  });
  on("progress", (value) => { // while music is shown it stays, whatever is being laid out anew behind it
    if (told.laid && value?.line) tell("note-line", value.line);
    progress = told.laid ? null : value;
    update();
  });
  on("engraving", ({ progress: done }) => { if (progress) { progress = { progress: done }; update(); } });
  on("sleep", update);
  on("plan", detail);
  on("controls", update);
  on("opened", ({ parts = [] }) => {
    told.laid = null;
    const others = parts.filter((part) => !part.solo).map((part) => part.name);
    tell("resting", others.length === 1 ? others[0].toLowerCase() : "accompaniment");
  });
}
