"""A listening test: blinded, loudness-matched, counterbalanced pairs on a static page, and the analysis of answers.

The folder holds index.html, the sounds under random names, and key.json, which the page never loads. Listeners save
their answers as a file; `analyse_answers` reads any number of them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import soundfile

from engine.core.errors import ConfigError

__all__ = ["Preference", "analyse_answers", "match_loudness", "plan_pairs", "report_answers", "write_test"]

LOUDNESS_DB = -23.0  # mean square of the loud half of each sound, against full scale
BLOCK_S = 0.4

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Listening test</title>
<style>body{font:18px/1.5 sans-serif;max-width:40em;margin:2em auto;padding:0 1em}audio{width:100%}
button{font:inherit;padding:.4em 1em;margin:.3em}button:disabled{opacity:.4}</style>
<h1>Which do you like better?</h1><p id="place"></p>
<p>First<br><audio id="a" controls></audio></p><p>Second<br><audio id="b" controls></audio></p>
<p id="choice"><button data-value="a">The first</button><button data-value="b">The second</button>
<button data-value="">I cannot say</button></p><p id="why" role="status"></p><p id="end" hidden>Thank you.
<a id="save" download="answers.json">Save your answers</a></p>
<script>
const trials = TRIALS, answers = [], listener = Math.random().toString(36).slice(2);
const $ = id => document.getElementById(id), played = {a: false, b: false};
const buttons = [...document.querySelectorAll("button")];
const mirror = Math.random() < 0.5;  // half of the listeners hear every pair the other way round
const order = trials.map((_, i) => [Math.random(), i]).sort((x, y) => x[0] - y[0]).map(x => x[1]);
function ready() {
  const one = !played.a ? "the first sound" : !played.b ? "the second sound" : "";
  const missing = !played.a && !played.b ? "both sounds" : one;
  buttons.forEach(x => { x.disabled = missing !== ""; x.title = missing && `Play ${missing} first`; });
  $("why").textContent = missing && `Play ${missing}, then choose.`;
}
function show() {
  if (answers.length === order.length) {
    $("choice").hidden = $("why").hidden = true; $("end").hidden = false; $("place").textContent = "";
    const text = JSON.stringify({listener, answers});
    $("save").href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
    return;
  }
  const trial = trials[order[answers.length]], pair = mirror ? [trial[1], trial[0]] : trial;
  played.a = played.b = false; $("a").src = pair[0]; $("b").src = pair[1]; ready();
  $("place").textContent = `Pair ${answers.length + 1} of ${order.length}`;
}
for (const id of ["a", "b"]) $(id).onplay = () => { played[id] = true; ready(); };
buttons.forEach(x => x.onclick = () => {
  const side = x.dataset.value, pair = [$("a"), $("b")].map(y => y.getAttribute("src"));
  answers.push({first: pair[0], second: pair[1], better: side === "" ? null : pair[side === "a" ? 0 : 1]}); show();
});
show();
</script></html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """One system against another: how often each was preferred, ties aside; p: of a two-sided sign test."""

    one: str
    other: str
    wins: int
    losses: int
    ties: int
    p: float


def plan_pairs(
    sounds: dict[str, list[Path]], n_pairs: int, rng: np.random.Generator
) -> list[tuple[str, int, str, int]]:
    """Return trials (system, sound, system, sound): all pairs of systems equally often, each order equally often."""
    trials = []
    for one, other in combinations(sorted(sounds), 2):
        for i in range(n_pairs):
            a, b = (one, int(rng.integers(len(sounds[one])))), (other, int(rng.integers(len(sounds[other]))))
            trials.append((*a, *b) if i % 2 == 0 else (*b, *a))
    return trials


def write_test(
    sounds: dict[str, list[Path]], folder: Path, *, n_pairs: int = 4, seed: int = 0
) -> list[tuple[str, str]]:
    """Write the test; return the trials as the page has them.

    sounds: WAV files of each system
    n_pairs: trials for each pair of systems; an even number balances the order
    """
    if len(sounds) < 2 or not all(sounds.values()):
        raise ConfigError("listening test", expected="two systems or more with sounds", got=f"{len(sounds)}")
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    trials = plan_pairs(sounds, n_pairs, rng)
    used = sorted({(s, i) for one, i_one, other, i_other in trials for s, i in ((one, i_one), (other, i_other))})
    codes = {pair: f"{code:08x}.wav" for pair, code in zip(used, rng.choice(1 << 32, len(used), False), strict=True)}
    for (system, i), name in codes.items():
        match_loudness(sounds[system][i], folder / name)
    (folder / "key.json").write_text(json.dumps({name: system for (system, _), name in codes.items()}, indent=1))
    pairs = [(codes[a, i], codes[b, j]) for a, i, b, j in trials]
    (folder / "index.html").write_text(PAGE.replace("TRIALS", json.dumps(pairs)))
    return pairs


def match_loudness(source: Path, target: Path) -> None:
    """Copy a sound at the common loudness, lower only where it would clip."""
    sound, rate = soundfile.read(source, always_2d=True)
    n = max(round(BLOCK_S * rate), 1)
    power = np.array([np.mean(sound[i : i + n] ** 2) for i in range(0, len(sound), n)])
    loud = power[power >= np.median(power)].mean()
    gain = math.sqrt(10 ** (LOUDNESS_DB / 10) / max(loud, 1e-12))
    gain = min(gain, 0.98 / max(float(np.abs(sound).max()), 1e-9))
    soundfile.write(target, sound * gain, rate, subtype="PCM_16")


def analyse_answers(folder: Path, answers: list[Path]) -> list[Preference]:
    """Count preferences over all answers; the key tells which sound is of which system."""
    key = json.loads((folder / "key.json").read_text())
    counts: dict[tuple[str, str], list[int]] = {pair: [0, 0, 0] for pair in combinations(sorted(set(key.values())), 2)}
    for path in answers:
        for answer in json.loads(path.read_text())["answers"]:
            one, other = sorted((key[answer["first"]], key[answer["second"]]))
            better = key.get(answer["better"])
            counts[one, other][2 if better is None else int(better == other)] += 1
    return [
        Preference(one=a, other=b, wins=w, losses=n, ties=t, p=sign_test(w, n)) for (a, b), (w, n, t) in counts.items()
    ]


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided probability of a split at least as uneven by chance."""
    n = wins + losses
    tail = sum(math.comb(n, k) for k in range(min(wins, losses) + 1)) / 2**n
    out: float = min(1.0, 2 * tail)
    return out


def report_answers(preferences: list[Preference]) -> str:
    """Return a line for each pair, p corrected for their number (Holm 1979)."""
    ranked = sorted(preferences, key=lambda x: x.p)
    corrected, worst = {}, 0.0
    for i, x in enumerate(ranked):
        worst = max(worst, min(1.0, (len(ranked) - i) * x.p))
        corrected[x.one, x.other] = worst
    lines = [f"{'':32}{'better':>8}{'worse':>8}{'tie':>6}{'p':>9}{'Holm':>9}"]
    for x in preferences:
        name = f"{x.one} against {x.other}"
        lines.append(f"{name:32}{x.wins:8}{x.losses:8}{x.ties:6}{x.p:9.4f}{corrected[x.one, x.other]:9.4f}")
    return "\n".join(lines)
