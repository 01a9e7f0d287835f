"""Effects between a sound's source and the microphone: bands, tilt, speed, rooms, and coloured noise.

All take and return mono audio (sample) float64 and draw their parameters from a random generator.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft

__all__ = ["coloured_noise", "fade_edges", "join_sounds", "low_pass", "reverberate", "speed", "tilt"]

Wave = npt.NDArray[np.float64]
Rng = np.random.Generator

FADE_S = 0.008
LOUDEST_TAIL_DB, SOFTEST_TAIL_DB = -3.0, -18.0


def _shaped(audio: Wave, gain: Wave | None, response: Wave | None = None) -> Wave:
    """Apply the gain (per bin of its own transform) or convolve with `response`; as long as before."""
    n = next_fast_len(len(audio) + (0 if response is None else len(response)), real=True)
    spectrum = rfft(audio, n)
    spectrum *= gain if gain is not None else rfft(response, n)
    out: Wave = irfft(spectrum, n)[: len(audio)]
    return out


def _hz(audio: Wave, sample_rate: int) -> Wave:
    return np.asarray(np.fft.rfftfreq(next_fast_len(len(audio), real=True), 1 / sample_rate), np.float64)


def low_pass(audio: Wave, sample_rate: int, rng: Rng) -> Wave:
    """Remove what lies above a cutoff of 2.5 to 9 kHz, or of 4 kHz as in telephones (half the time)."""
    cutoff = 4000.0 if rng.random() < 0.5 else 2500 * 3.6 ** rng.random()
    steepness = rng.uniform(20, 80)
    hz = np.maximum(_hz(audio, sample_rate), 1.0)
    return _shaped(audio, 1 / (1 + (hz / cutoff) ** steepness))


def tilt(audio: Wave, sample_rate: int, rng: Rng) -> Wave:
    """Tilt the spectrum about 1 kHz by up to 4 dB an octave."""
    octaves = np.log2(np.clip(_hz(audio, sample_rate), 60, 8000) / 1000)
    return _shaped(audio, 10 ** (rng.uniform(-4, 4) * octaves / 20))


def speed(audio: Wave, rng: Rng, most: float = 0.1) -> Wave:
    """Play faster and higher, or slower and lower, by up to `most` of the speed, by linear interpolation."""
    factor = (1 + most) ** rng.uniform(-1, 1)
    n = max(int(len(audio) / factor), 1)
    out: Wave = np.interp(np.arange(n) * factor, np.arange(len(audio)), audio)
    return out


def reverberate(audio: Wave, sample_rate: int, rng: Rng) -> Wave:
    """Add a room of 0.1 to 0.7 s reverberation: the direct sound and an exponentially decaying, dull noise.

    The tail beyond the sound's end is cut: the label keeps its time.
    """
    reverberation = 0.1 * 7 ** rng.random()
    n = int(reverberation * sample_rate)
    time = np.arange(n) / n
    tail = rng.standard_normal(n) * 10 ** (-3 * time)
    dull = tail.copy()
    dull[1:] += 0.6 * tail[:-1]  # air and walls absorb high frequencies first
    level = 10 ** (rng.uniform(SOFTEST_TAIL_DB, LOUDEST_TAIL_DB) / 20)
    response = dull * level / max(float(np.sqrt(np.sum(dull**2))), 1e-9)
    response[: int(0.002 * sample_rate)] = 0
    response[0] = 1.0
    return _shaped(audio, None, response)


def coloured_noise(n: int, rng: Rng) -> Wave:
    """Return noise whose level falls by 0 to 9 dB an octave, swelling slowly."""
    spectrum = rfft(rng.standard_normal(n))
    bins = np.maximum(np.arange(len(spectrum)), 8.0)
    noise = irfft(spectrum * bins ** (-rng.uniform(0, 9) / 6.02), n)
    swell = np.interp(np.arange(n), np.linspace(0, n, 8), 10 ** (rng.uniform(-3, 3, 8) / 20))
    out: Wave = noise * swell / max(float(np.sqrt(np.mean(noise**2))), 1e-12)
    return out


def fade_edges(audio: Wave, sample_rate: int) -> Wave:
    """Fade both edges over 8 ms, so that a cut does not click."""
    n = min(int(FADE_S * sample_rate), len(audio) // 2)
    out = audio.copy()
    ramp = np.linspace(0, 1, n, endpoint=False)
    out[:n] *= ramp
    out[len(out) - n :] *= ramp[::-1]
    return out


def join_sounds(first: Wave, second: Wave, gap: int) -> Wave:
    """Join two sounds with `gap` samples of silence between them, or -gap samples of crossfade."""
    if gap >= 0:
        return np.concatenate([first, np.zeros(gap), second])
    n = min(-gap, len(first), len(second))
    fade = np.sqrt(np.linspace(0, 1, n))
    return np.concatenate(
        [first[: len(first) - n], first[len(first) - n :] * fade[::-1] + second[:n] * fade, second[n:]]
    )
