"""The page of a study: one file without a host, which keeps what a listener has rated until it is saved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from offline.evaluation.study.scales import POINTS, RatingScale

__all__ = ["write_page"]

HEARD = 0.8  # share of a piece that must have been played before it can be rated

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Listening study</title>
<meta name="viewport" content="width=device-width">
<style>body{font:18px/1.5 sans-serif;max-width:42em;margin:2em auto;padding:0 1em}audio{width:100%}
fieldset{border:1px solid #999;margin:1em 0}.ends{display:flex;justify-content:space-between;font-size:.85em}
.points{display:flex;justify-content:space-between}.points label{text-align:center;flex:1;padding:.3em}
button,input[type=text]{font:inherit;padding:.4em 1em}
button:disabled{opacity:.4}[hidden]{display:none!important}</style>
<h1>Listening study</h1>
<form id="begin"><p>You will hear N_PIECES short pieces, one after another, and rate each. Headphones help.</p>
<p><label>A name or code, the same if you come back: <input type="text" id="rater" required maxlength="60"></label></p>
<p id="who"><label><input type="checkbox" id="composer"> I compose music, or teach composition</label></p>
<p><button>Begin</button></p></form>
<form id="rate" hidden><p id="place"></p><audio id="sound" controls preload="auto"></audio><div id="scales"></div>
<p><label><input type="checkbox" id="known"> I know this piece</label></p>
<p id="why" role="status"></p><p><button id="next">Next</button></p></form>
<div id="end" hidden><p>Thank you. Please save your ratings and send the file back.</p>
<p><a id="json">Save (JSON)</a> or <a id="csv">as a table (CSV)</a></p></div>
<script>
const study = STUDY, $ = id => document.getElementById(id), audio = $("sound");
let state = null;
function hash(text) {  // FNV-1a
  let h = 2166136261;
  for (const c of text) h = Math.imul(h ^ c.codePointAt(0), 16777619);
  return h >>> 0;
}
function random(seed) {  // mulberry32: an order that the study's seed and the listener's name give again
  return () => {
    seed = (seed + 0x6D2B79F5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
function shuffled(files, rater) {
  const draw = random((study.seed ^ hash(rater)) | 0), order = files.slice();
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
const place = rater => "study " + study.study + " " + rater;
function keep() { try { localStorage.setItem(place(state.rater), JSON.stringify(state)); } catch { /* not allowed */ } }
function kept(rater) { try { return JSON.parse(localStorage.getItem(place(rater))); } catch { return null; } }
const asked = () => study.scales.filter(scale => state.composer || !scale.composers);
const value = scale => document.querySelector(`input[name="${CSS.escape(scale.name)}"]:checked`);
function heard() {
  let total = 0;
  for (let i = 0; i < audio.played.length; i++) total += audio.played.end(i) - audio.played.start(i);
  return audio.duration > 0 && total >= study.heard * audio.duration;
}
function ready() {
  const open = asked().filter(scale => !value(scale)).length;
  $("why").textContent = !heard() ? "Listen to the piece." : open ? "Answer every question." : "";
  $("next").disabled = !heard() || open > 0;
}
function question(scale) {
  const set = document.createElement("fieldset"), legend = document.createElement("legend");
  const points = document.createElement("div"), ends = document.createElement("div");
  legend.textContent = scale.question; points.className = "points"; ends.className = "ends";
  for (let i = 1; i <= study.points; i++) {
    const label = document.createElement("label"), input = document.createElement("input");
    Object.assign(input, {type: "radio", name: scale.name, value: String(i), onchange: ready});
    label.append(input, document.createElement("br"), String(i)); points.append(label);
  }
  for (const text of [scale.low, scale.high]) {
    const end = document.createElement("span"); end.textContent = text; ends.append(end);
  }
  set.append(legend, points, ends);
  return set;
}
function show() {
  const n = state.done.length;
  $("begin").hidden = true; $("rate").hidden = n === state.order.length; $("end").hidden = !$("rate").hidden;
  if (!$("end").hidden) return finish();
  $("place").textContent = `Piece ${n + 1} of ${state.order.length}`;
  $("scales").replaceChildren(...asked().map(question));
  $("known").checked = false; audio.src = state.order[n]; ready();
}
function offer(id, text, type, ending) {
  $(id).href = URL.createObjectURL(new Blob([text], {type}));
  $(id).download = `ratings-${state.rater.replace(/[^\\p{L}\\p{N}_-]+/gu, "_")}.${ending}`;
}
function finish() {
  audio.removeAttribute("src");
  const head = {study: study.study, rater: state.rater, composer: state.composer};
  const rows = state.done.flatMap((piece, i) => Object.entries(piece.values).map(([scale, value]) =>
    ({place: i + 1, file: piece.file, known: piece.known, scale, value})));
  const cell = x => `"${String(x).replace(/"/g, '""')}"`;
  const table = rows.map(row => [...Object.values(head), ...Object.values(row)].map(cell).join(","));
  offer("json", JSON.stringify({...head, ratings: rows}, null, 1), "application/json", "json");
  const lines = ["study,rater,composer,place,file,known,scale,value", ...table, ""];
  offer("csv", lines.join("\\r\\n"), "text/csv", "csv");
}
$("begin").onsubmit = event => {
  event.preventDefault();
  const rater = $("rater").value.trim();
  if (!rater) return;
  const fresh = {rater, composer: $("composer").checked, order: shuffled(study.files, rater), done: []};
  state = kept(rater) || fresh; keep(); show();
};
$("rate").onsubmit = event => {
  event.preventDefault();
  const values = Object.fromEntries(asked().map(scale => [scale.name, Number(value(scale).value)]));
  state.done.push({file: state.order[state.done.length], known: $("known").checked, values}); keep(); show();
};
for (const what of ["timeupdate", "ended", "loadedmetadata", "pause"]) audio.addEventListener(what, ready);
$("who").hidden = !study.scales.some(scale => scale.composers);
</script></html>
"""


def write_page(path: Path, study: str, files: Sequence[str], scales: Sequence[RatingScale], *, seed: int) -> None:
    """Write the page; files: names of the sounds beside it, which say nothing of who wrote them."""
    values = {
        "study": study,
        "seed": seed,
        "points": POINTS,
        "heard": HEARD,
        "files": list(files),
        "scales": [asdict(scale) for scale in scales],
    }
    text = json.dumps(values).replace("<", "\\u003c")
    path.write_text(PAGE.replace("N_PIECES", str(len(files))).replace("STUDY", text, 1), encoding="utf8")
