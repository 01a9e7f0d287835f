"""Somebody sits down and plays from anywhere in a piece, on any instrument, in any room: to judge finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.score.score import Score
from offline.datasets.hard_situations import style_of
from offline.synthesis.effects import reverberate
from offline.synthesis.instruments import INSTRUMENTS, render_tones
from offline.synthesis.pianist import PianistConfig, Played, play
from offline.synthesis.piano_sound import Piano, random_piano, render_piano
from offline.synthesis.recording_faults import noisy, with_hall

__all__ = ["START_RATE", "RandomStart", "render_start"]

Floats = npt.NDArray[np.float64]
Audio = npt.NDArray[np.float32]
Rng = np.random.Generator

START_RATE = 44100
TEMPO = 0.45  # largest log tempo relative to the score's
PIANOS = 0.5  # share of starts on a piano
PLAYERS = ("violin", "flute", "clarinet", "oboe", "trumpet", "organ", "strings", "guitar")
BUILT_IN = 0.35  # share of the others that the project's own synthesis plays
HALLS = 0.3  # share of starts in a hall
LEAST_ONSETS = 8  # onsets that are played
CONCERT_CENTS = 10.0  # largest deviation from 440 Hz of most starts
DETUNED = 0.35  # share of the starts that are tuned anywhere between 415 and 466 Hz
LOW_CENTS, HIGH_CENTS = -101.3, 99.4  # 415 and 466 Hz
STEADY = {"jumps": 0.0, "fermatas": 0.0, "slowing": 0.0}  # what happens once in a page


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomStart:
    """What is played, and where in the score.

    audio: mono (sample), `START_RATE`
    quarter: (onset) place in the score
    audio_s: (onset) when it sounds, seconds
    sound: what played
    """

    audio: Audio
    quarter: Floats
    audio_s: Floats
    sound: str


def render_start(score: Score, rng: Rng, soundfonts: Sequence[Path], seconds: float) -> RandomStart:
    """Play `seconds` of the score from a random onset; the same generator plays the same."""
    style = replace(style_of(rng), **STEADY, tempo=float(np.exp(rng.uniform(-TEMPO, TEMPO))))
    excerpt, first = _excerpt(score, rng, seconds * style.tempo)
    name = "piano" if rng.random() < PIANOS else str(rng.choice(PLAYERS))
    played = play(excerpt, rng, _as_played_on(name, style))
    detuned = rng.random() < DETUNED
    cents = float(rng.uniform(LOW_CENTS, HIGH_CENTS) if detuned else rng.uniform(-CONCERT_CENTS, CONCERT_CENTS))
    wave, sound = _render(played, name, cents, rng, soundfonts)
    wave = wave / max(float(np.abs(wave).max()), 1e-9) * 10 ** (-rng.uniform(3, 20) / 20)
    room = "hall" if rng.random() < HALLS else "room"
    if room == "hall":
        wave = with_hall(wave, START_RATE, rng, decay_s=float(rng.uniform(1, 2.5)), wet=float(rng.uniform(0.2, 0.6)))
    else:
        wave = reverberate(wave, START_RATE, rng)
    wave = noisy(wave, rng, ratio_db=float(rng.uniform(25, 50)))
    n = int((played.audio_s[0] + seconds) * START_RATE)
    audio = np.clip(wave[:n], -1, 1).astype(np.float32)
    told = f"{sound}, {room}, A = {440 * 2 ** (cents / 1200):.0f} Hz"
    return RandomStart(audio=audio, quarter=played.quarter + first, audio_s=played.audio_s, sound=told)


def _excerpt(score: Score, rng: Rng, length_s: float) -> tuple[Score, float]:
    """Cut a part of the score, so long at its own tempo, from a random onset; return it and where it begins."""
    onsets = score.onset_quarter
    last = max(len(onsets) - LEAST_ONSETS, 1)
    long = np.searchsorted(score.seconds(onsets), score.seconds(score.end_quarter) - length_s)
    first = float(onsets[int(rng.integers(max(min(last, int(long)), 1)))])
    stop = float(score.quarter(score.seconds(first) + length_s))
    kept = (score.note_quarter >= first) & (score.note_quarter < stop)
    excerpt = replace(
        score,
        note_quarter=score.note_quarter[kept] - first,
        note_duration=score.note_duration[kept],
        note_pitch=score.note_pitch[kept],
        note_velocity=score.note_velocity[kept],
        note_id=score.note_id[kept],
    )
    corners = np.concatenate([[first], score.tempo_quarter[score.tempo_quarter > first]])
    return excerpt.retimed(corners - first, score.seconds(corners) - score.seconds(first)), first


def _as_played_on(name: str, style: PianistConfig) -> PianistConfig:
    if name in ("piano", "guitar"):
        return style
    return replace(style, pedal=0.0, rolled=0.0, legato=max(0.9, style.legato), apart_ms=0.0)


def _render(
    played: Played, name: str, cents: float, rng: Rng, soundfonts: Sequence[Path]
) -> tuple[npt.NDArray[np.float64], str]:
    if name == "piano":
        piano = random_piano(rng, soundfonts, mistuned=15.0)
    elif rng.random() < BUILT_IN:
        wave = render_tones(played, INSTRUMENTS[name], rng, START_RATE, cents)
        return wave.astype(np.float64), f"built-in {name}"
    else:
        font = soundfonts[int(rng.integers(len(soundfonts)))]
        piano = Piano(soundfont=font, program=INSTRUMENTS[name].program)
    return render_piano(played, piano.shifted(cents), START_RATE).astype(np.float64), f"{piano.name} {name}"
