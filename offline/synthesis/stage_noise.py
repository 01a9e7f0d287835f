"""What else a microphone picks up: talk, coughs, applause, a metronome. Mono audio (sample) float64, seeded."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import butter, fftconvolve, sosfilt

from engine.core.errors import EngineError
from offline.resample import resample
from offline.synthesis.singing import VOICES

__all__ = ["applause", "cough", "metronome_clicks", "speak", "talk"]

Wave = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
Rng = np.random.Generator

SENTENCES = (
    "Once more from the beginning, please.",
    "Could you play that a little softer?",
    "Wait, where are we? Bar twelve, I think.",
    "I like this passage, but the tempo was not steady.",
    "Good evening, everybody, and thank you very much for coming tonight.",
    "The next piece was written in the year seventeen hundred and twenty.",
    "One, two, three, and.",
    "No, that was wrong, let us take it again from the double bar.",
    "Did you hear what the violins did there?",
    "Sorry, my page did not turn.",
)
CLAP_HZ = (700.0, 2600.0)  # band of the resonance of hands


def talk(rng: Rng, seconds: float, sample_rate: int) -> Wave:
    """Speak sentences of one of espeak-ng's voices for about `seconds`; peak 1; EngineError without espeak-ng."""
    return speak(rng, seconds, sample_rate, VOICES, SENTENCES)


def speak(rng: Rng, seconds: float, sample_rate: int, voices: Sequence[str], sentences: Sequence[str]) -> Wave:
    """Speak with one of the voices, else as `talk`."""
    voice, out = str(rng.choice(voices)), np.zeros(0)
    while len(out) < seconds * sample_rate:
        said = _sentence(voice, str(rng.choice(sentences)), sample_rate)
        out = np.concatenate([out, said, np.zeros(int(rng.uniform(0.1, 0.5) * sample_rate))])
    return out[: int(seconds * sample_rate)] * _fades(int(seconds * sample_rate), sample_rate)


@lru_cache(maxsize=64)
def _sentence(voice: str, text: str, sample_rate: int) -> Wave:
    program = shutil.which("espeak-ng")
    if program is None:
        raise EngineError("espeak-ng", expected="the program", got="none", remedy="apt-get install espeak-ng")
    command = [program, "-v", voice, "-s", "150", "--stdout", text]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    audio, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    spoken = resample(audio, rate, sample_rate)[:, 0].astype(np.float64)
    return np.asarray(spoken / max(float(np.abs(spoken).max()), 1e-9))


def cough(rng: Rng, sample_rate: int) -> Wave:
    """Cough one to three times: bursts of noise through the resonances of a throat; peak 1."""
    bursts = [_burst(rng, sample_rate) for _ in range(int(rng.integers(1, 4)))]
    out = np.concatenate(bursts)
    return np.asarray(out / max(float(np.abs(out).max()), 1e-9))


def _burst(rng: Rng, sample_rate: int) -> Wave:
    n = int(rng.uniform(0.2, 0.45) * sample_rate)
    time = np.arange(n) / sample_rate
    shape = np.minimum(time / 0.006, 1) * np.exp(-time / rng.uniform(0.05, 0.12))
    noise = rng.standard_normal(n) * shape
    out = 0.15 * noise
    for centre in (rng.uniform(350, 700), rng.uniform(1100, 1900), rng.uniform(2400, 3200)):
        edges = np.array([0.8, 1.25]) * centre
        out = out + sosfilt(butter(1, edges, "bandpass", fs=sample_rate, output="sos"), noise)
    return np.asarray(out)


def applause(rng: Rng, seconds: float, sample_rate: int) -> Wave:
    """Clap with a few dozen pairs of hands, swelling and ebbing; peak 1."""
    n = int(seconds * sample_rate)
    out = np.zeros(n)
    for _ in range(4):  # kinds of hands
        claps = (rng.random(n) < rng.uniform(12, 35) / sample_rate) * rng.uniform(0.3, 1, n)
        m = int(0.03 * sample_rate)
        hand = rng.standard_normal(m) * np.exp(-np.arange(m) / sample_rate / rng.uniform(0.003, 0.008))
        centre = np.exp(rng.uniform(*np.log(CLAP_HZ)))
        hand = sosfilt(butter(1, np.array([0.7, 1.4]) * centre, "bandpass", fs=sample_rate, output="sos"), hand)
        out += fftconvolve(claps, hand)[:n]
    out *= _fades(n, sample_rate, rise_s=0.8)
    return np.asarray(out / max(float(np.abs(out).max()), 1e-9))


def metronome_clicks(at_s: Floats, beats: int, n: int, sample_rate: int) -> Wave:
    """Click at each instant, the first of every `beats` higher, as electronic metronomes do: (n,), peak 1."""
    out = np.zeros(n + sample_rate)
    time = np.arange(int(0.04 * sample_rate)) / sample_rate
    for i, start_s in enumerate(at_s):
        hz = 1760.0 if i % beats == 0 else 1320.0
        first = min(max(round(start_s * sample_rate), 0), n)
        out[first : first + len(time)] += np.sin(2 * np.pi * hz * time) * np.exp(-time / 0.008)
    return np.asarray(out[:n])


def _fades(n: int, sample_rate: int, rise_s: float = 0.02) -> Wave:
    time = np.arange(n) / sample_rate
    return np.asarray(np.minimum(time / rise_s, 1) * np.minimum(time[::-1] / rise_s, 1))
