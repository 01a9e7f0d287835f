"""A substitute for sung voices: syllables of espeak-ng or of recorded speakers, set to a melody by a vocoder.

The envelope of each spoken frame (its truncated cepstrum) filters pulses at the melody's pitch and noise. It sounds
like a robot, but it has formants, consonants, breath, vibrato and slides, which distinguish a voice from an
instrument. WORLD's Python package no longer installs cleanly, so it is not used.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import istft, stft

from engine.core.errors import EngineError
from offline.resample import resample
from offline.synthesis.songs_compose import Hit
from offline.synthesis.sound_bank import active_parts

__all__ = ["VOICES", "Syllable", "recorded_syllables", "sing", "syllables"]

VOICES = ("en+f2", "en+f4", "en+m1", "en+m3", "en+m7", "en+f5", "it+f3", "es+m4", "de+f1", "fr+m2")
TEXTS = (
    *("la", "na", "ma", "da", "ba", "ya", "wa", "ra", "sha", "fa", "love", "me", "you", "oh", "ah"),
    *("hey", "day", "night", "heart", "light", "time", "mind", "stay", "sky"),
)
RATE = 22050  # Hz of espeak-ng
N_FFT, HOP = 512, 110  # samples: 23 ms every 5 ms
LIFTER_S = 0.0015  # part of the cepstrum that is kept: formants, but no harmonics of any voice
BREATH_HZ = 5000.0  # above it voices are mostly noise
SHORTEST_S, LONGEST_S = 0.15, 1.2  # length of a recorded syllable
LOWEST_HZ, HIGHEST_HZ = 70, 400  # pitch of the speakers
ATTACK_S = 0.06  # start of a syllable that keeps its own speed: the consonant
MIDI_A4, A4_HZ = 69, 440.0


@dataclass(frozen=True, slots=True)
class Syllable:
    """One spoken syllable: spectral envelope (frame, bin), and how much of each frame is voiced, 0 to 1."""

    envelope: np.ndarray
    voiced: np.ndarray


def syllables(voice: str, texts: Sequence[str] = TEXTS) -> list[Syllable]:
    """Speak and analyse every text with a voice of espeak-ng; EngineError if it is not installed."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise EngineError("espeak-ng", expected="the program", got="none", remedy="apt-get install espeak-ng")
    return [_analyse(_speak(program, voice, text)) for text in texts]


def recorded_syllables(paths: Sequence[Path]) -> list[Syllable]:
    """Analyse the recordings (mono) of one speaker that are a syllable or a short word; others are left out."""
    found = []
    for path in paths:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        spoken = resample(audio[:, :1], rate, RATE)[:, 0].astype(np.float64)
        parts = active_parts(spoken.astype(np.float32), RATE)
        if len(parts) == 1 and SHORTEST_S <= (parts[0][1] - parts[0][0]) / RATE <= LONGEST_S:
            found.append(_analyse(spoken[slice(*parts[0])]))
    return found


def _speak(program: str, voice: str, text: str) -> np.ndarray:
    command = [program, "-v", voice, "-s", "120", "--stdout", text]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    audio, _ = soundfile.read(io.BytesIO(content), dtype="float64")
    loud = np.flatnonzero(np.abs(audio) > 0.02 * np.abs(audio).max())
    out: np.ndarray = audio[loud[0] : loud[-1] + 1]
    return out


def _analyse(audio: np.ndarray) -> Syllable:
    spectra = np.abs(_stft(audio)).T
    cepstra = np.fft.irfft(np.log(spectra + 1e-4 * spectra.max() + 1e-12), axis=1)
    kept = int(LIFTER_S * RATE)
    cepstra[:, kept : N_FFT - kept + 1] = 0
    return Syllable(np.exp(np.fft.rfft(cepstra, axis=1).real), _voicing(spectra))


def _voicing(spectra: np.ndarray) -> np.ndarray:
    """Return the highest peak of each frame's autocorrelation at a speaker's pitch, 0 to 1."""
    correlation = np.fft.irfft(spectra**2, axis=1)
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(N_FFT))) ** 2)
    lags = slice(RATE // HIGHEST_HZ, min(N_FFT // 2, RATE // LOWEST_HZ))
    peaks = (correlation[:, lags] / window[lags]).max(axis=1) / np.maximum(correlation[:, 0] / window[0], 1e-12)
    out: np.ndarray = np.clip(1.5 * peaks - 0.5, 0, 1)
    return out


def _stft(audio: np.ndarray) -> np.ndarray:
    out: np.ndarray = stft(audio, RATE, nperseg=N_FFT, noverlap=N_FFT - HOP)[2]
    return out


def sing(
    rng: np.random.Generator, melody: Sequence[Hit], bank: Sequence[Syllable], *, tempo_bpm: float, sample_rate: int
) -> np.ndarray:
    """Sing the melody, a random syllable on each note: samples at `sample_rate`, full scale about 0.5."""
    beat_s = 60 / tempo_bpm
    vibrato_hz, depth, formants = rng.uniform(4.5, 6.5), rng.uniform(0.1, 0.6), rng.uniform(0.88, 1.15)
    n_samples = int((max((hit.start + hit.length for hit in melody), default=0) * beat_s + 1) * RATE)
    out = np.zeros(n_samples)
    before = melody[0].pitch if melody else 0
    for hit in melody:
        bent = _pitch(rng, before, hit, beat_s, (vibrato_hz, depth))
        part = _voice(rng, bent, bank[int(rng.integers(len(bank)))], formants) * hit.velocity / 127
        start = int(hit.start * beat_s * RATE)
        part = part[: n_samples - start]
        out[start : start + len(part)] += part
        before = hit.pitch
    out *= 0.5 / max(1e-9, np.abs(out).max())
    return resample(out[:, None].astype(np.float32), RATE, sample_rate)[:, 0]


def _pitch(rng: np.random.Generator, before: int, hit: Hit, beat_s: float, vibrato: tuple[float, float]) -> np.ndarray:
    """Return the fundamental (Hz) for each frame of a note: it slides in from the one before, then has vibrato."""
    n = max(8, int(hit.length * beat_s * RATE / HOP))
    t = np.arange(n) * HOP / RATE
    slide = (before - hit.pitch) * np.exp(-t / 0.03) * 0.5
    swing = vibrato[1] * np.clip((t - 0.2) / 0.3, 0, 1) * np.sin(2 * np.pi * vibrato[0] * t)
    drift = np.cumsum(rng.normal(0, 0.01, n))
    return A4_HZ * 2 ** ((hit.pitch + slide + swing + drift - MIDI_A4) / 12)


def _voice(rng: np.random.Generator, f0: np.ndarray, syllable: Syllable, formants: float) -> np.ndarray:
    """Return one note: the consonant at its own speed, the rest of the syllable stretched."""
    n, given = len(f0), len(syllable.envelope)
    attack = min(int(ATTACK_S * RATE / HOP), given - 1, n - 1)
    rest = np.linspace(attack, max(attack, 0.8 * given), n - attack)
    at = np.clip(np.rint(np.concatenate([np.arange(attack), rest])).astype(int), 0, given - 1)
    bins = np.clip(np.rint(np.arange(N_FFT // 2 + 1) / formants).astype(int), 0, N_FFT // 2)
    envelope, voiced = syllable.envelope[at][:, bins].T, syllable.voiced[at]
    pulses, noise = _stft(_pulses(f0)), _stft(rng.standard_normal(n * HOP))
    width = min(n, pulses.shape[1])
    treble = np.exp(-((np.arange(N_FFT // 2 + 1) * RATE / N_FFT / BREATH_HZ) ** 2))
    share = (treble[:, None] * voiced)[:, :width]
    source = np.sqrt(share) * pulses[:, :width] + np.sqrt(1 - share) * noise[:, :width]
    part = istft(source * envelope[:, :width], RATE, nperseg=N_FFT, noverlap=N_FFT - HOP)[1]
    fade = min(len(part) // 4, int(0.02 * RATE))
    part[:fade] *= np.linspace(0, 1, fade)
    part[-fade:] *= np.linspace(1, 0, fade)
    out: np.ndarray = part / max(1e-6, np.sqrt(np.mean(part**2)))
    return out


def _pulses(f0: np.ndarray) -> np.ndarray:
    """Return one pulse a period, of unit power: HOP samples for each frame of `f0` (Hz)."""
    bent = np.interp(np.arange(len(f0) * HOP), np.arange(len(f0)) * HOP, f0)
    periods = np.floor(np.cumsum(bent / RATE))
    out: np.ndarray = np.diff(periods, prepend=0) * np.sqrt(RATE / bent)
    return out
