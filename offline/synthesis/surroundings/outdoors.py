"""Rain, wind and traffic as a microphone outdoors hears them; every split of sources has the same kinds of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, fftconvolve, sosfilt

from offline.synthesis.effects import coloured_noise

__all__ = ["rain", "traffic", "wind"]

PASSING_S = 7.0  # that a vehicle is heard before it is nearest, and after
Wave = npt.NDArray[np.float64]
Rng = np.random.Generator


def rain(which: str, seconds: float, sample_rate: int, rng: Rng) -> Wave:
    """Make a hiss of many drops far off, and drops nearby on something that rings: a roof, leaves, a sill."""
    del which
    n = int(seconds * sample_rate)
    hiss = _band(rng.standard_normal(n), rng.uniform(400, 1500), rng.uniform(6000, 10000), sample_rate)
    hiss *= _swell(n, 12, rng.uniform(1, 6), rng)
    out = hiss / np.sqrt(np.mean(hiss**2))
    for _ in range(int(rng.integers(2, 5))):  # kinds of drops
        drops = (rng.random(n) < rng.uniform(4, 120) / sample_rate) * rng.exponential(1.0, n)
        out += rng.uniform(0.5, 4) * fftconvolve(drops, _ring(rng, sample_rate))[:n]
    return out


def _ring(rng: Rng, sample_rate: int) -> Wave:
    """A drop: a click of noise, or a short falling or rising tone as of a bubble in water."""
    time = np.arange(int(0.05 * sample_rate)) / sample_rate
    decay = np.exp(-time / rng.uniform(0.001, 0.012))
    if rng.random() < 0.5:
        return np.asarray(rng.standard_normal(len(time)) * decay)
    hz = np.exp(rng.uniform(np.log(600), np.log(5000)))
    return np.asarray(np.sin(2 * np.pi * hz * time * (1 + rng.uniform(-2, 4) * time)) * decay)


def wind(which: str, seconds: float, sample_rate: int, rng: Rng) -> Wave:
    """Make gusts of dark noise, sometimes whistling round a corner."""
    del which
    n = int(seconds * sample_rate)
    gusts = _swell(n, max(int(seconds * rng.uniform(0.2, 0.8)), 3), rng.uniform(6, 14), rng)
    out = _band(rng.standard_normal(n), 20, rng.uniform(150, 900), sample_rate) * gusts
    if rng.random() < 0.5:
        centre = rng.uniform(300, 1200)
        whistle = _band(rng.standard_normal(n), centre, 1.06 * centre, sample_rate)
        out += rng.uniform(0.2, 1.5) * whistle * gusts**2
    return out


def traffic(which: str, seconds: float, sample_rate: int, rng: Rng) -> Wave:
    """Make a far road, and vehicles that pass: tyres as noise, engines as harmonics, both with their Doppler shift."""
    del which
    n = int(seconds * sample_rate)
    out = rng.uniform(0.05, 0.4) * coloured_noise(n, rng)
    for _ in range(int(rng.poisson(seconds * rng.uniform(0.05, 0.35)))):
        first = int(rng.uniform(-PASSING_S, seconds) * sample_rate)
        begin, heard = max(first, 0), _vehicle(sample_rate, rng)[max(-first, 0) :][: n - max(first, 0)]
        out[begin : begin + len(heard)] += rng.uniform(0.2, 1) * heard
    return out


def _vehicle(sample_rate: int, rng: Rng) -> Wave:
    """A vehicle that passes within 2 * PASSING_S, nearest in the middle."""
    n = int(2 * PASSING_S * sample_rate)
    time = np.arange(n) / sample_rate - PASSING_S
    speed, aside = rng.uniform(5, 25), rng.uniform(3, 20)  # metres a second, metres
    distance = np.hypot(aside, speed * time)
    near = aside / distance
    doppler = 1 / (1 + speed**2 * time / distance / 340)
    hz = rng.uniform(25, 90) * doppler * (1 + 0.02 * np.sin(2 * np.pi * rng.uniform(0.05, 0.3) * time))
    phase = 2 * np.pi * np.cumsum(hz) / sample_rate
    engine = sum(np.sin(k * phase + rng.uniform(0, 6)) / k ** rng.uniform(0.6, 1.4) for k in range(1, 10))
    tyres = _band(rng.standard_normal(n), rng.uniform(150, 500), rng.uniform(1200, 4000), sample_rate)
    near *= np.hanning(n) ** 0.25
    return np.asarray(near**1.5 * (rng.uniform(0, 0.8) * engine + rng.uniform(0.5, 3) * tyres))


def _band(audio: Wave, low_hz: float, high_hz: float, sample_rate: int) -> Wave:
    edges = [low_hz, min(high_hz, 0.49 * sample_rate)]
    return np.asarray(sosfilt(butter(1, edges, "bandpass", fs=sample_rate, output="sos"), audio))


def _swell(n: int, n_knots: int, deviation_db: float, rng: Rng) -> Wave:
    """Return a gain that moves at random between knots."""
    knots = 10 ** (rng.normal(0, deviation_db, n_knots) / 20)
    return np.asarray(np.interp(np.arange(n), np.linspace(0, n, n_knots), knots))
