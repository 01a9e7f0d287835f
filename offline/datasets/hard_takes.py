"""Hard takes: play a plan, render it, write sound, score and truth.

A take is a folder: `score.musicxml`, `performance.flac` (mono), `truth.csv` (`quarter,audio_s,segment`: every score
onset that was played, in order of time; a quarter may occur more than once) and `segments.csv` (`start_s,end_s,first,
last,kind,disruption`: between which instants and quarters a position is right). `manifest.csv` lists all takes with
their half, situation, piece, instruments and what was varied.
"""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from engine.core.errors import EngineError
from engine.score.score import Score
from offline.datasets.hard_pieces import HardPiece
from offline.datasets.hard_plans import HardPlan, Span, SpanTimes, Timeline
from offline.music.musicxml_file import write_printed
from offline.resample import resample
from offline.synthesis.instruments import INSTRUMENTS, render_tones, render_voice
from offline.synthesis.pianist import PianistConfig, Played, play, pulse
from offline.synthesis.piano_sound import Piano, render_piano

__all__ = ["HardTake", "make_take", "write_hard_take"]

Audio = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
Rng = np.random.Generator
Rows = list[tuple[float, float, int]]  # quarter, second, segment

RATE = 44100
BUILT_IN = 0.35  # share of parts that the project's own synthesis plays, where it has the instrument
STEADY = {"tempo": 1.0, "arch": 0.0, "wander": 0.0, "beat": 0.0, "jumps": 0.0, "fermatas": 0.0, "slowing": 0.0}
LEGATO = (
    "violin",
    "viola",
    "cello",
    "flute",
    "clarinet",
    "oboe",
    "bassoon",
    "trumpet",
    "horn",
    "organ",
    "strings",
    "voice",
)
LONGEST_END_S = 2.0  # of the last note of a span that counts as playing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HardTake:
    """A take with its truth.

    audio: mono (sample)
    truth: rows (quarter, second, segment)
    segments: in order
    sounds: what played each part
    """

    plan: HardPlan
    audio: Audio
    truth: Rows
    segments: list[SpanTimes]
    sounds: dict[str, str]


def make_take(plan: HardPlan, rng: Rng, soundfonts: Sequence[Path]) -> HardTake:
    """Play and render a plan; the same generator makes the same take."""
    keys, truth, timeline = _perform(plan, rng)
    origin = min(q for rows in plan.score.parts.values() for q, *_ in rows)
    sounds: dict[str, str] = {}
    mixed = np.zeros(0)
    for part, played in keys.items():
        sound, sounds[part] = _render(played, plan, part, rng, soundfonts)
        mixed = _added(mixed, _levelled(sound) * 10 ** (plan.gain_db.get(part, 0.0) / 20))
    mixed *= 0.5 / max(float(np.abs(mixed).max()), 1e-9)
    for disturb in plan.disturbances:
        mixed = disturb(mixed, RATE, timeline, rng)
    level = 10 ** (-rng.uniform(0, 12) / 20)
    audio = (mixed * min(level, 1.0) * min(1.0, 1 / max(float(np.abs(mixed).max()), 1e-9))).astype(np.float32)
    return HardTake(
        plan=plan,
        audio=resample(audio[:, None], RATE, plan.sample_rate)[:, 0],
        truth=[] if plan.another else [(q - origin, s, i) for q, s, i in truth],
        segments=[_moved(segment, origin, plan.another) for segment in timeline.segments],
        sounds=sounds,
    )


def _moved(segment: SpanTimes, origin: float, another: bool) -> SpanTimes:
    if another:
        return replace(segment, kind="another", disruption="")
    return replace(segment, first=segment.first - origin, last=segment.last - origin)


def _perform(plan: HardPlan, rng: Rng) -> tuple[dict[str, Played], Rows, Timeline]:
    """Play span after span; return the keys of each part, the truth and the timeline."""
    keys: dict[str, list[Played]] = {part: [] for part in plan.band}
    truth: Rows = []
    segments: list[SpanTimes] = []
    beats: list[float] = []
    now = plan.style.start_s
    for number, span in enumerate(plan.spans):
        grid, seconds = _pulse(plan, span, rng)
        seconds = seconds + now + span.pause_s
        onsets: dict[float, list[float]] = {}
        for part, into in keys.items():
            played = _play_part(plan, part, span, (grid, seconds), rng)
            if played is not None:
                into.append(played)
                for quarter, second in zip(played.quarter, played.audio_s, strict=True):
                    if part in plan.score.parts or plan.another:
                        onsets.setdefault(round(float(quarter) + span.first, 5), []).append(float(second))
        truth += (
            [(q, float(np.median(at)), number) for q, at in sorted(onsets.items())] if span.kind == "playing" else []
        )
        beats += [float(s) for s in np.interp(np.arange(0, span.last - span.first), grid, seconds)]
        now = float(np.interp(span.last - span.first, grid, seconds))
        segments.append(_segment(span, float(seconds[0]), now))
    joined = {part: _joined(all_played) for part, all_played in keys.items() if all_played}
    return joined, truth, Timeline(segments=segments, beat_s=np.array(beats), beats=plan.piece.beats)


def _segment(span: Span, start_s: float, end_s: float) -> SpanTimes:
    return SpanTimes(
        start_s=start_s, end_s=end_s, first=span.first, last=span.last, kind=span.kind, disruption=span.disruption
    )


def _pulse(plan: HardPlan, span: Span, rng: Rng) -> tuple[Floats, Floats]:
    """Return the tempo of a span: quarters from its beginning, and seconds from there."""
    whole = _score(plan.piece, [row for rows in plan.piece.parts.values() for row in rows])
    grid, seconds = pulse(whole, rng, plan.style)
    corners = np.concatenate([[span.first], grid[grid > span.first + 1e-9]])
    at_s = np.interp(corners, grid, seconds)
    return corners - span.first, at_s - at_s[0]


def _score(piece: HardPiece, rows: Sequence[tuple[float, float, int, int]]) -> Score:
    """Return a score whose quarters begin where those of `rows` do."""
    table = np.array(sorted(rows))
    bars = np.arange(piece.n_bars)
    end = 1e5
    return Score(
        name=piece.name,
        note_quarter=table[:, 0],
        note_duration=table[:, 1],
        note_pitch=table[:, 2].astype(np.int64),
        note_velocity=table[:, 3].astype(np.int64),
        bar_quarter=np.arange(0, piece.end, piece.beats, dtype=np.float64),
        bar_number=bars + 1,
        bar_place=bars,
        note_id=np.full(len(table), -1),
        tempo_quarter=np.array([0.0, end]),
        tempo_s=np.array([0.0, end * 60 / piece.bpm]),
    )


def _play_part(plan: HardPlan, part: str, span: Span, tempo: tuple[Floats, Floats], rng: Rng) -> Played | None:
    rows = [
        (q - span.first, min(d, span.last + 0.5 - q), p, v)
        for q, d, p, v in plan.piece.parts[part]
        if span.first - 1e-6 <= q < span.last - 1e-6
    ]
    if not rows:
        return None
    start_s = float(tempo[1][0])
    score = replace(_score(plan.piece, rows), tempo_quarter=tempo[0], tempo_s=tempo[1] - start_s)
    played = play(score, rng, _style(plan, part, start_s))
    pitch = played.pitch + plan.semitones
    if span.wrong:
        off = rng.choice([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5], len(pitch))
        pitch = pitch + off * (rng.random(len(pitch)) < 0.8)
    return replace(played, pitch=np.clip(pitch, 21, 108))


def _style(plan: HardPlan, part: str, start_s: float) -> PianistConfig:
    """Return how one part plays in the common tempo."""
    steady = replace(plan.style, **STEADY, start_s=start_s)
    if plan.band[part] in LEGATO:
        return replace(steady, pedal=0.0, rolled=0.0, legato=max(0.9, plan.style.legato), spread_ms=12.0, apart_ms=0.0)
    return replace(steady, pedal=0.0) if plan.band[part] == "guitar" else steady


def _joined(spans: Sequence[Played]) -> Played:
    """Put what was played in several spans into one, in order of time."""
    names = ("start_s", "end_s", "pitch", "velocity", "pedal", "quarter", "audio_s")
    arrays = {name: np.concatenate([getattr(played, name) for played in spans]) for name in names}
    order = np.argsort(arrays["start_s"], kind="stable")
    return Played(**{name: a[order] if name in names[:4] else a for name, a in arrays.items()})


def _render(played: Played, plan: HardPlan, part: str, rng: Rng, soundfonts: Sequence[Path]) -> tuple[Wave, str]:
    """Return the sound of a part, and what made it."""
    instrument = INSTRUMENTS[plan.band[part]]
    own = rng.random() < BUILT_IN
    soundfont = soundfonts[int(rng.integers(len(soundfonts)))]
    if instrument.kind == "voice" and own:
        return render_voice(played, rng, RATE, plan.cents).astype(np.float64), "built-in voice"
    if own and plan.band[part] != "piano":
        return render_tones(played, instrument, rng, RATE, plan.cents).astype(np.float64), "built-in"
    piano = Piano(soundfont=soundfont, program=instrument.program).shifted(plan.cents)
    try:
        return render_piano(played, piano, RATE).astype(np.float64), piano.name
    except subprocess.SubprocessError as error:
        raise EngineError(str(soundfont), expected="a soundfont", got=str(error)[:80], remedy="give another") from error


def _levelled(sound: Wave) -> Wave:
    """Return it with the loudness of its louder half at 0.1, so that parts balance whatever made them."""
    n = RATE // 10
    power = (sound[: len(sound) // n * n].reshape(-1, n) ** 2).mean(axis=1)
    loud = float(np.sqrt(np.median(power[power > 1e-4 * power.max(initial=1e-12)])))
    return np.asarray(sound * (0.1 / max(loud, 1e-9)))


def _added(whole: Wave, part: Wave) -> Wave:
    out = np.zeros(max(len(whole), len(part)))
    out[: len(whole)] += whole
    out[: len(part)] += part
    return out


def write_hard_take(folder: Path, take: HardTake) -> None:
    """Write score.musicxml, performance.flac, truth.csv and segments.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    write_printed(folder / "score.musicxml", take.plan.score)
    soundfile.write(folder / "performance.flac", take.audio, take.plan.sample_rate, subtype="PCM_16")
    rows = [(f"{q:.5f}", f"{s:.4f}", i) for q, s, i in take.truth]
    _write_csv(folder / "truth.csv", ("quarter", "audio_s", "segment"), rows)
    segments = [
        (f"{s.start_s:.4f}", f"{s.end_s:.4f}", f"{s.first:.4f}", f"{s.last:.4f}", s.kind, s.disruption)
        for s in take.segments
    ]
    _write_csv(folder / "segments.csv", ("start_s", "end_s", "first", "last", "kind", "disruption"), segments)


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
