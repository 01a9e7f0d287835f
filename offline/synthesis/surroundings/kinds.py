"""What microphones hear by the hour though none of the classes sounds: rain, wind, traffic, halls, music; and talk.

Mono audio (sample) float64 of peak 1, seeded. Every source draws its own place, distance and colour.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from offline.resample import resample
from offline.synthesis.effects import coloured_noise, reverberate, tilt
from offline.synthesis.fluidsynth import installed_soundfonts
from offline.synthesis.songs_compose import Hit, Part, compose
from offline.synthesis.songs_render import RATE as PLAYED_RATE
from offline.synthesis.songs_render import play
from offline.synthesis.stage_noise import applause, cough, metronome_clicks, speak
from offline.synthesis.surroundings.outdoors import rain, traffic, wind

__all__ = ["SURROUNDINGS", "TALK_VOICES", "surroundings"]

Wave = npt.NDArray[np.float64]
Rng = np.random.Generator

# Voices of espeak-ng by split: languages, and variants of the larynx, that no other split has.
TALK_VOICES = {
    "train": ("en+f2", "en+m3", "en-us+m7", "it+f3", "es+m4", "de+f1", "nl+m2", "ru+f5", "hu+m5", "tr+f4"),
    "validation": ("fr+m2", "pt+f3", "sv+m6", "en-gb-scotland+f1", "el+m1"),
    "test": ("pl+f4", "da+m4", "fi+f2", "en-029+m8", "ro+m3", "cs+f5"),
}
# Programs of General MIDI, from 0, by split: pianos, bells, organs, guitars, strings, voices, winds.
PROGRAMS = {
    "train": (0, 0, 0, 1, 4, 6, 9, 11, 14, 19, 24, 40, 40, 42, 46, 48, 52, 56, 60, 65, 71, 73, 79),
    "validation": (0, 3, 8, 12, 20, 25, 41, 48, 53, 57, 66, 68, 74),
    "test": (0, 2, 5, 10, 13, 16, 26, 40, 43, 49, 59, 64, 72, 75),
}
SENTENCES = {
    "train": (
        "The shop on the corner opens at nine and closes at half past six.",
        "I have not seen him since last Tuesday, and he did not call.",
        "If you turn left after the bridge, you will find the station.",
        "We need four eggs, a litre of milk and some butter.",
        "Nobody told me that the meeting had been moved to Friday.",
        "Three hundred and forty two, five thousand and seventeen.",
    ),
    "validation": (
        "The weather report says that it will clear up in the afternoon.",
        "My sister bought a small house near the lake.",
        "Please leave the keys on the table when you go.",
        "He asked whether the train had already left.",
    ),
    "test": (
        "In spring the river often floods the lower fields.",
        "You should have seen her face when the letter arrived.",
        "The museum is closed on Mondays, as far as I remember.",
        "Could somebody open a window, it is very warm in here.",
        "They spent the whole summer painting the old boat.",
    ),
}


def surroundings(kind: str, which: str, seconds: float, sample_rate: int, rng: Rng) -> Wave:
    """Return a recording of a kind of SURROUNDINGS, for a split of TALK_VOICES."""
    out = SURROUNDINGS[kind](which, seconds, sample_rate, rng)
    if kind != "talk":
        out = tilt(out, sample_rate, rng)
    if rng.random() < 0.5:
        out = reverberate(out, sample_rate, rng)
    return np.asarray(out / max(float(np.abs(out).max()), 1e-9))


def _hall(which: str, seconds: float, sample_rate: int, rng: Rng) -> Wave:
    """Applause, coughs, a metronome and the noise of a room, in turns."""
    del which
    n = int(seconds * sample_rate)
    out = 0.01 * coloured_noise(n, rng)
    second = rng.uniform(0, 2)
    while second < seconds - 1:
        left = seconds - second
        kind = rng.random()
        if kind < 0.3:
            part = applause(rng, min(rng.uniform(2, 8), left), sample_rate)
        elif kind < 0.7:
            part = cough(rng, sample_rate)
        else:
            beats = np.arange(0, min(rng.uniform(2, 6), left), 60 / rng.uniform(50, 200))
            part = metronome_clicks(beats, int(rng.integers(2, 5)), int(left * sample_rate), sample_rate)
        first = int(second * sample_rate)
        out[first : first + len(part)] += rng.uniform(0.1, 1) * part[: n - first]
        second += len(part) / sample_rate + rng.exponential(3.0)
    return out


def _music(which: str, seconds: float, sample_rate: int, rng: Rng) -> Wave:
    """One instrument, or a few, of the split's programs, any register."""
    piece = compose(rng, seconds=seconds)
    soundfonts = installed_soundfonts()
    total = np.zeros(int(seconds * sample_rate))
    lines = [piece.melody, *(part.notes for part in piece.parts["other"])][: int(rng.integers(1, 4))]
    for notes in lines:
        octave = 12 * int(rng.integers(-1, 3))
        moved = [Hit(hit.start, hit.length, min(hit.pitch + octave, 108), hit.velocity) for hit in notes]
        part = Part(notes=moved, program=int(rng.choice(PROGRAMS[which])))
        played = play(part, piece.tempo_bpm, soundfonts[int(rng.integers(len(soundfonts)))])
        audio = resample(played.mean(axis=1, keepdims=True), PLAYED_RATE, sample_rate)[: len(total), 0]
        total[: len(audio)] += rng.uniform(0.3, 1) * audio / max(float(np.abs(audio).max(initial=0)), 1e-6)
    return total


def _talk(which: str, seconds: float, sample_rate: int, rng: Rng) -> Wave:
    return speak(rng, seconds, sample_rate, TALK_VOICES[which], SENTENCES[which])


SURROUNDINGS: dict[str, Callable[[str, float, int, Rng], Wave]] = {
    "rain": rain,
    "wind": wind,
    "traffic": traffic,
    "hall": _hall,
    "music": _music,
    "talk": _talk,
}
