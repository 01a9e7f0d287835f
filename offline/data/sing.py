"""A stand-in for sung voices: syllables of espeak-ng, laid on a melody by the WORLD vocoder.

Morise, Yokomori, Ozawa, "WORLD: a vocoder-based high-quality speech synthesis system" (2016). It sounds like a robot,
but it has formants, consonants, breath noise, vibrato and slides, which is what tells a voice from an instrument.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyworld
import soundfile
import soxr

from engine.errors import EngineError
from offline.data.compose import Hit

__all__ = ["VOICES", "Syllable", "sing", "syllables"]

VOICES = ("en+f2", "en+f4", "en+m1", "en+m3", "en+m7", "en+f5", "it+f3", "es+m4", "de+f1", "fr+m2")
TEXTS = (
    *("la", "na", "ma", "da", "ba", "ya", "wa", "ra", "sha", "fa", "love", "me", "you", "oh", "ah"),
    *("hey", "day", "night", "heart", "light", "time", "mind", "stay", "sky"),
)
RATE = 22050  # Hz of espeak-ng
FRAME_MS = 5.0
ATTACK_S = 0.06  # of a syllable, kept at its own speed: the consonant
MIDI_A4, A4_HZ = 69, 440.0


@dataclass(frozen=True, slots=True)
class Syllable:
    """Spectral envelope and aperiodicity (frame, bin) of one spoken syllable."""

    envelope: np.ndarray
    aperiodicity: np.ndarray


def syllables(voice: str, texts: Sequence[str] = TEXTS) -> list[Syllable]:
    """Speak and analyse every text with a voice of espeak-ng; EngineError if it is not installed."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise EngineError("espeak-ng", expected="the program", got="none", remedy="apt-get install espeak-ng")
    return [_analyse(_speak(program, voice, text)) for text in texts]


def _speak(program: str, voice: str, text: str) -> np.ndarray:
    command = [program, "-v", voice, "-s", "120", "--stdout", text]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    audio, _ = soundfile.read(io.BytesIO(content), dtype="float64")
    loud = np.flatnonzero(np.abs(audio) > 0.02 * np.abs(audio).max())
    return audio[loud[0] : loud[-1] + 1]


def _analyse(audio: np.ndarray) -> Syllable:
    f0, times = pyworld.dio(audio, RATE, frame_period=FRAME_MS)
    f0 = pyworld.stonemask(audio, f0, times, RATE)
    return Syllable(pyworld.cheaptrick(audio, f0, times, RATE), pyworld.d4c(audio, f0, times, RATE))


def sing(
    rng: np.random.Generator, melody: Sequence[Hit], bank: Sequence[Syllable], *, tempo_bpm: float, sample_rate: int
) -> np.ndarray:
    """The melody, a random syllable on each note: samples at `sample_rate`, full scale about 0.5."""
    beat_s = 60 / tempo_bpm
    vibrato_hz, depth, formants = rng.uniform(4.5, 6.5), rng.uniform(0.1, 0.6), rng.uniform(0.88, 1.15)
    n_samples = int((max((hit.start + hit.length for hit in melody), default=0) * beat_s + 1) * RATE)
    out = np.zeros(n_samples)
    before = melody[0].pitch if melody else 0
    for hit in melody:
        bent = _pitch(rng, before, hit, beat_s, (vibrato_hz, depth))
        part = _voice(bent, bank[int(rng.integers(len(bank)))], formants) * hit.velocity / 127
        start = int(hit.start * beat_s * RATE)
        part = part[: n_samples - start]
        out[start : start + len(part)] += part
        before = hit.pitch
    out *= 0.5 / max(1e-9, np.abs(out).max())
    return soxr.resample(out.astype(np.float32), RATE, sample_rate)


def _pitch(rng: np.random.Generator, before: int, hit: Hit, beat_s: float, vibrato: tuple[float, float]) -> np.ndarray:
    """Fundamental (Hz) for each frame of a note: slides in from the one before, then swings."""
    n = max(8, int(hit.length * beat_s * 1000 / FRAME_MS))
    t = np.arange(n) * FRAME_MS / 1000
    slide = (before - hit.pitch) * np.exp(-t / 0.03) * 0.5
    swing = vibrato[1] * np.clip((t - 0.2) / 0.3, 0, 1) * np.sin(2 * np.pi * vibrato[0] * t)
    drift = np.cumsum(rng.normal(0, 0.01, n))
    return A4_HZ * 2 ** ((hit.pitch + slide + swing + drift - MIDI_A4) / 12)


def _voice(f0: np.ndarray, syllable: Syllable, formants: float) -> np.ndarray:
    """One note: the consonant at its own speed, the rest of the syllable stretched over what is left."""
    n, given = len(f0), len(syllable.envelope)
    attack = min(int(ATTACK_S * 1000 / FRAME_MS), given - 1, n - 1)
    rest = np.linspace(attack, max(attack, 0.8 * given), n - attack)
    at = np.clip(np.rint(np.concatenate([np.arange(attack), rest])).astype(int), 0, given - 1)
    envelope, aperiodicity = syllable.envelope[at], syllable.aperiodicity[at]
    bins = np.clip(np.rint(np.arange(envelope.shape[1]) / formants).astype(int), 0, envelope.shape[1] - 1)
    part = pyworld.synthesize(
        f0, np.ascontiguousarray(envelope[:, bins]), np.ascontiguousarray(aperiodicity[:, bins]), RATE, FRAME_MS
    )
    fade = min(len(part) // 4, int(0.02 * RATE))
    part[:fade] *= np.linspace(0, 1, fade)
    part[-fade:] *= np.linspace(1, 0, fade)
    return part / max(1e-6, np.sqrt(np.mean(part**2)))
