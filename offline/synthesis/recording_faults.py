"""What spoils a recording: halls, telephones, noise, clipping. Mono (sample) float64; nothing shifts in time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfiltfilt

from offline.synthesis.channel_strip import add_room
from offline.synthesis.effects import coloured_noise

__all__ = ["clip_hard", "noisy", "telephone", "with_hall"]

Wave = npt.NDArray[np.float64]
Rng = np.random.Generator

PHONE_HZ = (300.0, 3400.0)
MU = 255.0  # of mu-law companding in ITU-T G.711


def with_hall(audio: Wave, sample_rate: int, rng: Rng, *, decay_s: float, wet: float) -> Wave:
    """Add a hall; decay_s: until -60 dB; wet: level of the reverberation, 1 is as loud as the direct sound."""
    whole = np.concatenate([audio, np.zeros(int(decay_s * sample_rate))])
    pre = np.zeros(int(0.02 * sample_rate))  # the first reflection comes after 20 ms
    delayed = np.concatenate([pre, whole])[: len(whole), None]
    reflected = add_room(rng, delayed, sample_rate, decay_s=decay_s, wet=wet)[:, 0] - delayed[:, 0]
    return np.asarray(whole + reflected)


def telephone(audio: Wave, sample_rate: int) -> Wave:
    """Keep 300 to 3400 Hz, in the 8 bits of mu-law."""
    band = sosfiltfilt(butter(3, PHONE_HZ, "bandpass", fs=sample_rate, output="sos"), audio)
    x = np.clip(band / max(float(np.abs(band).max()), 1e-9), -1, 1)
    companded = np.sign(x) * np.log1p(MU * np.abs(x)) / np.log1p(MU)
    coded = np.round(companded * 127) / 127
    return np.asarray(np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(MU)) / MU)


def noisy(audio: Wave, rng: Rng, *, ratio_db: float) -> Wave:
    """Add noise so many decibels below the sound's mean power."""
    level = float(np.sqrt(np.mean(audio**2)))
    return np.asarray(audio + coloured_noise(len(audio), rng) * level * 10 ** (-ratio_db / 20))


def clip_hard(audio: Wave, *, gain_db: float) -> Wave:
    """Drive a converter so far above its full scale: what exceeds it is cut."""
    peak = max(float(np.abs(audio).max()), 1e-9)
    return np.asarray(np.clip(audio / peak * 10 ** (gain_db / 20), -1, 1))
