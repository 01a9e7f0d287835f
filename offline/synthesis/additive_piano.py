"""Render a performance: by FluidSynth and a soundfont if installed, else by a small additive piano."""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import mido
import numpy as np
import numpy.typing as npt
import soundfile

from engine.accompaniment.tones import string_partials
from engine.audio.soundfont import find_soundfont
from offline.synthesis.fluidsynth import midi_of, play_midi

__all__ = ["Keys", "additive", "clicks", "fluidsynth", "synthesise"]

Audio = npt.NDArray[np.float32]

TAIL_S = 2.0
TICKS, TEMPO_US = 10_000, 500_000  # 50 microseconds a tick
LONGEST_S = 8.0  # longest time that a tone is held


class Keys(Protocol):
    """Played notes, an entry for each."""

    @property
    def start_s(self) -> npt.NDArray[np.float64]:
        """Seconds."""
        ...

    @property
    def end_s(self) -> npt.NDArray[np.float64]:
        """Seconds."""
        ...

    @property
    def pitch(self) -> npt.NDArray[np.int64]:
        """MIDI numbers."""
        ...

    @property
    def velocity(self) -> npt.NDArray[np.int64]:
        """1 to 127."""
        ...


def synthesise(performance: Keys, sample_rate: int) -> tuple[Audio, str]:
    """Return mono sound (sample), peak 0.5, and what made it: "FluidSynth" or "built-in"."""
    soundfont = find_soundfont()
    if shutil.which("fluidsynth") and soundfont:
        try:
            return fluidsynth(performance, sample_rate, soundfont), "FluidSynth"
        except (subprocess.SubprocessError, OSError, soundfile.LibsndfileError):
            pass  # a broken installation is no reason for a demo without sound
    return additive(performance, sample_rate), "built-in"


def fluidsynth(performance: Keys, sample_rate: int, soundfont: Path) -> Audio:
    """Return mono sound (sample) by the `fluidsynth` program, its first piano, without room."""
    audio = play_midi(_performed_midi(performance), soundfont, sample_rate, options=("-O", "float"))
    n = _length(performance, sample_rate)
    mono = np.zeros(n, np.float32)
    mono[: len(audio)] = audio.mean(axis=1)[:n]
    return _levelled(mono)


def additive(performance: Keys, sample_rate: int) -> Audio:
    """Return mono sound (sample): decaying, slightly stretched partials; needs nothing installed."""
    out = np.zeros(_length(performance, sample_rate) + 12 * sample_rate, np.float32)
    rows = zip(performance.start_s, performance.end_s, performance.pitch, performance.velocity, strict=True)
    for start_s, end_s, pitch, velocity in rows:
        tone = _tone(float(end_s - start_s), int(pitch), sample_rate) * np.float32((velocity / 127) ** 2)
        first = round(start_s * sample_rate)
        out[first : first + len(tone)] += tone[: max(0, len(out) - first)]
    return _levelled(out[: _length(performance, sample_rate)])


def _tone(held_s: float, pitch: int, sample_rate: int) -> Audio:
    t = np.arange(int((min(held_s, LONGEST_S) + 0.3) * sample_rate), dtype=np.float32) / sample_rate
    return _string(pitch, sample_rate)[: len(t)] * np.clip(1 - (t - np.float32(held_s)) / np.float32(0.1), 0, 1)


@lru_cache(maxsize=128)
def _string(pitch: int, sample_rate: int) -> Audio:
    """Return the tone of a key that is never released."""
    t = np.arange(int((LONGEST_S + 0.3) * sample_rate)) / sample_rate
    tone = np.zeros(len(t))
    partials = string_partials(440 * 2 ** ((pitch - 69) / 12), sample_rate)
    for h, (hz, amplitude, decay) in enumerate(zip(*partials, strict=True), start=1):
        if amplitude:
            tone += amplitude * np.exp(-t * decay) * np.sin(2 * np.pi * hz * t + h)
    return (tone * np.clip(t / 0.003, 0, 1)).astype(np.float32)


def clicks(at_s: npt.NDArray[np.float64], n: int, sample_rate: int, *, seed: int) -> Audio:
    """Return mono sound (sample), n long: a short burst of noise, as of a brushed cymbal, at each instant, peak 0.5."""
    random = np.random.default_rng(seed)
    t = np.arange(int(0.12 * sample_rate)) / sample_rate
    out = np.zeros(n + len(t), np.float32)
    for start_s in at_s:
        burst = np.diff(random.standard_normal(len(t) + 1)) * np.exp(-t / 0.02)  # a difference: mostly treble
        first = min(round(start_s * sample_rate), n)
        out[first : first + len(t)] += burst.astype(np.float32)
    return _levelled(out[:n])


def _levelled(audio: Audio) -> Audio:
    return (audio * np.float32(0.5 / max(float(np.abs(audio).max()), 1e-9))).astype(np.float32)


def _length(performance: Keys, sample_rate: int) -> int:
    return int((float(performance.end_s.max()) + TAIL_S) * sample_rate)


def _performed_midi(performance: Keys) -> mido.MidiFile:
    events = []
    rows = zip(performance.start_s, performance.end_s, performance.pitch, performance.velocity, strict=True)
    for start_s, end_s, pitch, velocity in rows:
        on = mido.Message("note_on", note=int(pitch), velocity=int(velocity))
        events += [(start_s, 1, on), (end_s, 0, mido.Message("note_off", note=int(pitch)))]
    events.append((float(performance.end_s.max()) + TAIL_S, 0, mido.Message("control_change")))
    events.sort(key=lambda event: event[:2])
    timed = ((round(seconds * TICKS * 1e6 / TEMPO_US), message) for seconds, _, message in events)
    return midi_of(timed, ticks_per_beat=TICKS, head=[mido.MetaMessage("set_tempo", tempo=TEMPO_US)])
