// The scores of the folder: searched, by what was played last or by title; and which piece it is that somebody plays.

import { on, tell, told } from "../bus.js";
import { chooseScore, does, mayControl, refuseScore } from "../controls/order.js";
import { attribute, h, write } from "../dom.js";
import { icon } from "../icons.js";
import { getJson } from "../connection.js";

const RECENT = "collaparte-recent", KEPT = 12, MOST = 400;
let list, count, search, scores = [], order = "Recent", card = null, home = null, message = null;

/** Build the screen. */
export function chooserView(root) {
  home = root;
  search = h("input", { class: "chooser-search", type: "search", placeholder: "title or file", "aria-label": "search the scores", on: { input: show } });
  count = h("span", { class: "muted" });
  message = h("p", { class: "chooser-line", role: "status" });
  list = h("ul", { class: "chooser-list", "aria-label": "scores" });
  card = h("section", { class: "finding", hidden: true, "aria-label": "which piece is it" });
  const tabs = ["Recent", "Title"].map((name) => h("button", { type: "button", class: "tab", data: { name }, on: { click: () => { order = name; mark(tabs); show(); } } }, name));
  mark(tabs);
  root.append(
    h("header", { class: "chooser-head" }, h("h1", {}, "Scores"), count, h("span", { class: "field" }, icon("search"), search), uploader(), backButton()),
    card, h("div", { class: "tabs", role: "group", "aria-label": "order" }, ...tabs), message, list);
  load();
  showFinding(told.finding);
  return () => { home = null; };
}

function backButton() {
  return h("button", { type: "button", class: "round", "aria-label": "back to the score", hidden: !told.opened, on: { click: () => tell("view", "score") } }, icon("close"));
}

function mark(tabs) {
  for (const tab of tabs) attribute(tab, "aria-pressed", String(tab.dataset.name === order));
}

async function load() {
  try { scores = told.library?.scores ?? (await getJson("/api/scores")); } catch (error) { write(message, String(error.message)); }
  show();
}
on("library", (library) => { scores = library.scores; if (home) show(); });

function recent() {
  try { return JSON.parse(localStorage.getItem(RECENT) ?? "[]"); } catch { return []; }
}
on("opened", (info) => {
  const file = scores.find((each) => each.id === info.id)?.file ?? info.title;
  try { localStorage.setItem(RECENT, JSON.stringify([file, ...recent().filter((each) => each !== file)].slice(0, KEPT))); } catch { /* private window */ }
});

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean), last = recent();
  const place = (score) => { const k = last.indexOf(score.file); return k < 0 ? KEPT : k; };
  const found = scores.filter((score) => words.every((word) => `${score.title} ${score.file}`.toLowerCase().includes(word)));
  found.sort((a, b) => (order === "Recent" ? place(a) - place(b) : 0) || a.title.localeCompare(b.title, undefined, { numeric: true }));
  write(count, `${scores.length} score${scores.length === 1 ? "" : "s"}`);
  write(message, found.length ? "" : scores.length ? "none with these words" : "");
  list.replaceChildren(...found.slice(0, MOST).map(row));
}

function row(score) {
  return h("li", {}, h("button", { type: "button", class: "score-row", disabled: !mayControl(), "aria-current": told.opened?.id === score.id ? "true" : null, on: { click: () => pick(score.id) } },
    h("span", { class: "score-name" }, h("span", { class: "score-title" }, score.title), h("span", { class: "score-file muted" }, score.file === score.title ? "" : score.file)), incipit(score)));
}

/** The first bars, fetched when the row comes into view. */
function incipit(score) {
  if (score.kind === "roll") return h("span", { class: "score-kind muted" }, "piano roll");
  return h("img", { class: "incipit", src: `/api/score/${score.id}/incipit.svg`, loading: "lazy", decoding: "async", alt: "", on: { error: (event) => event.target.remove() } });
}

function pick(id) {
  chooseScore(id);
  if (told.opened?.id === id) tell("view", "score");
}

function uploader() {
  if (!mayControl()) return null;
  const file = h("input", { type: "file", accept: ".musicxml,.mxl,.xml,.mid,.midi", class: "unseen", tabindex: -1, "aria-label": "a score from this device", on: { change: () => upload(file) } });
  return h("span", {}, file, h("button", { type: "button", class: "plain-button with-icon", on: { click: () => file.click() } }, icon("upload"), "Add"));
}

async function upload(field) {
  if (!field.files.length) return;
  const form = new FormData();
  form.append("file", field.files[0]);
  write(message, "reading …");
  try {
    const answer = await fetch("/api/scores", { method: "POST", body: form, credentials: "same-origin" });
    const value = await answer.json().catch(() => ({}));
    write(message, answer.ok ? `added: ${value.title}` : value.line ?? `refused: ${answer.status}`);
    if (answer.ok && !scores.some((each) => each.id === value.id)) scores = [...scores, value];
    if (answer.ok) show();
    if (!answer.ok) message.scrollIntoView({ block: "nearest" });
  } catch (error) { write(message, String(error.message)); }
  field.value = "";
}

on("finding", (finding) => { if (home) showFinding(finding); });

/** What is being played may be one of these; the line says from where on it opens by itself. */
function showFinding(finding) {
  card.hidden = !finding || !does("follow") || finding.on === false;
  if (card.hidden) return;
  const sure = finding.line ?? 0.9;
  card.replaceChildren(
    h("div", { class: "finding-head" }, icon("mic"), h("div", {}, h("h2", {}, "Play: which piece is it?"), h("p", { class: "muted" }, `heard for ${Math.round(finding.seconds ?? 0)} s · opens by itself when sure (the line)`))),
    h("ul", {}, ...(finding.pieces ?? []).slice(0, 3).map((piece, k) => {
      const bar = h("div", { class: "finding-bar" }, h("i", { class: k ? "" : "best" }), h("b"));
      bar.style.setProperty("--part", piece.p);
      bar.style.setProperty("--line", sure);
      return h("li", { class: "finding-row" }, h("div", {}, h("b", {}, scores.find((each) => each.id === piece.id)?.title ?? piece.title ?? "?"), h("small", { class: "muted" }, (piece.bars ?? []).map((each) => `bar ${each}`).join(", or "))),
        bar, h("span", { class: "part-value" }, `${Math.round(100 * piece.p)} %`), mayControl() ? h("button", { type: "button", class: "plain-button", on: { click: () => pick(piece.id) } }, "Open") : null,
        mayControl() ? h("button", { type: "button", class: "plain-button", title: "it is not this one", on: { click: () => refuseScore(piece.id) } }, "Not this") : null);
    })));
}
