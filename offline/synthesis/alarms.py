"""Electronic alarms and bells: sounds that are synthetic by nature need no recordings.

Every family is a recipe with its own random parameters; a family is to a split what a source is to recordings.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["FAMILIES", "alarm"]

Audio = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float64]
Rng = np.random.Generator

EDGE_S = 0.004  # fade of every beep, so that none clicks


def alarm(family: str, seconds: float, sample_rate: int, rng: Rng) -> Audio:
    """Synthesise an alarm of one of FAMILIES, peak 1: (sample) at `sample_rate` Hz, about `seconds` long."""
    n = max(int(seconds * sample_rate), int(0.1 * sample_rate))
    sound = FAMILIES[family](n, float(sample_rate), rng)
    out: Audio = (sound / max(np.abs(sound).max(), 1e-9)).astype(np.float32)
    return out


def _tone(hz: Wave | float, n: int, rate: float, rng: Rng, richness: float | None = None) -> Wave:
    """A tone of constant or moving frequency with a random choice of harmonics below the Nyquist frequency."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(np.asarray(hz, float), n)) / rate
    fall = rng.uniform(0.0, 0.9) if richness is None else richness
    odd = rng.random() < 0.5
    top = int(min(12, 0.45 * rate / np.max(hz)))
    harmonics = range(1, max(top, 1) + 1, 2 if odd else 1)
    return sum((fall ** (h - 1) * np.sin(h * phase + rng.uniform(0, 6.28)) for h in harmonics), np.zeros(n))


def _gate(n: int, rate: float, on_s: float, off_s: float) -> Wave:
    """Return 1 for on_s, 0 for off_s, repeatedly, with soft edges."""
    position = np.arange(n) / rate % (on_s + off_s)
    edge = min(EDGE_S, on_s / 4)
    return np.clip(np.minimum(position, on_s - position) / edge, 0, 1)


def _strokes(n: int, rate: float, every_s: float, ring: Wave) -> Wave:
    """Copies of `ring`, one every every_s, added up."""
    out = np.zeros(n)
    for start in range(0, n, max(int(every_s * rate), 1)):
        part = ring[: n - start]
        out[start : start + len(part)] += part
    return out


def _bell(hz: float, decay_s: float, rate: float, rng: Rng) -> Wave:
    """One stroke of a small bell: inharmonic partials, the higher the shorter."""
    time_s = np.arange(int(4 * decay_s * rate)) / rate
    ratios = np.array([1.0, 2.0, 2.4, 3.0, 4.5, 5.3, 6.6]) * rng.uniform(0.97, 1.03, 7)
    partials = [
        rng.uniform(0.2, 1) / r**0.5 * np.exp(-time_s * r**0.7 / decay_s) * np.sin(2 * np.pi * hz * r * time_s)
        for r in ratios
        if hz * r < 0.45 * rate
    ]
    return sum(partials, np.zeros(len(time_s)))


def _beeps(n: int, rate: float, rng: Rng) -> Wave:
    """A travel alarm clock: groups of one to four short high beeps."""
    on, group = rng.uniform(0.03, 0.12), int(rng.integers(1, 5))
    fast = _gate(n, rate, on, rng.uniform(0.8, 1.2) * on)
    slow = np.arange(n) / rate % rng.uniform(0.5, 1.2) < group * 2 * on
    return _tone(rng.uniform(1800, 4200), n, rate, rng) * fast * slow


def _steady(n: int, rate: float, rng: Rng) -> Wave:
    """A reversing lorry or an oven timer: evenly spaced long beeps."""
    on = rng.uniform(0.2, 0.8)
    return _tone(rng.uniform(600, 2600), n, rate, rng) * _gate(n, rate, on, on * rng.uniform(0.4, 1.3))


def _smoke(n: int, rate: float, rng: Rng) -> Wave:
    """A smoke alarm: three beeps and a rest (ISO 8201), near 3.1 kHz, or quick ones."""
    on = rng.choice([0.5, 0.1]) * rng.uniform(0.85, 1.15)
    rest = np.arange(n) / rate % (8 * on) < 6 * on
    out: Wave = _tone(rng.uniform(2800, 3500), n, rate, rng, 0.2) * _gate(n, rate, on, on) * rest
    return out


def _two_tone(n: int, rate: float, rng: Rng) -> Wave:
    """A hi-lo siren."""
    low, half = rng.uniform(400, 1000), rng.uniform(0.2, 0.7)
    high = np.arange(n) / rate % (2 * half) < half
    return _tone(np.where(high, low * rng.uniform(1.2, 1.5), low), n, rate, rng)


def _sweep(n: int, rate: float, rng: Rng) -> Wave:
    """A wailing or yelping siren, or a car alarm's chirps: frequency runs up, or up and down."""
    cycle = np.arange(n) / rate / rng.choice([rng.uniform(0.15, 0.5), rng.uniform(0.8, 3.0)]) % 1.0
    shape = cycle if rng.random() < 0.4 else 0.5 - 0.5 * np.cos(2 * np.pi * cycle)
    low = rng.uniform(450, 1200)
    return _tone(low * rng.uniform(1.5, 3.0) ** shape, n, rate, rng)


def _warble(n: int, rate: float, rng: Rng) -> Wave:
    """An electronic telephone: two tones in quick turns, in bursts."""
    low, turns = rng.uniform(500, 1600), rng.uniform(8, 25)
    high = np.arange(n) / rate * turns % 1 < 0.5
    sound = _tone(np.where(high, low * rng.uniform(1.15, 1.4), low), n, rate, rng)
    return sound * _gate(n, rate, rng.uniform(0.6, 2.0), rng.uniform(0.2, 2.0))


def _clock_bell(n: int, rate: float, rng: Rng) -> Wave:
    """A mechanical alarm clock or a school bell: a hammer on a bell, 12 to 28 times a second."""
    ring = _bell(rng.uniform(700, 3000), rng.uniform(0.05, 0.4), rate, rng)
    return _strokes(n, rate, 1 / rng.uniform(12, 28), ring)


def _telephone(n: int, rate: float, rng: Rng) -> Wave:
    """An old telephone: a hammer between two bells, ringing and resting."""
    every = 1 / rng.uniform(16, 26)
    low = rng.uniform(900, 1800)
    decay = rng.uniform(0.05, 0.3)
    first = _strokes(n, rate, 2 * every, _bell(low, decay, rate, rng))
    second = _strokes(n, rate, 2 * every, _bell(low * rng.uniform(1.1, 1.35), decay, rate, rng))
    return (first + np.roll(second, int(every * rate))) * _gate(n, rate, rng.uniform(0.8, 2.0), rng.uniform(0.3, 2.0))


def _chime(n: int, rate: float, rng: Rng) -> Wave:
    """A door chime or a station gong: single strokes falling or rising."""
    low, every = rng.uniform(400, 1100), rng.uniform(0.3, 0.8)
    decay = rng.uniform(0.2, 0.6)
    out = np.zeros(n)
    for k, start in enumerate(range(0, n, int(every * rate))):
        ring = _bell(low * rng.choice([1.0, 1.25, 1.5, 2.0]) / (1 + k % 2 * 0.25), decay, rate, rng)[: n - start]
        out[start : start + len(ring)] += ring
    return out


def _buzzer(n: int, rate: float, rng: Rng) -> Wave:
    """A low, rich buzzer, in pulses or held."""
    on = rng.uniform(0.15, 1.0)
    sound = _tone(rng.uniform(100, 500), n, rate, rng, 0.93)
    return sound if rng.random() < 0.3 else sound * _gate(n, rate, on, on * rng.uniform(0.3, 1.0))


def _melody(n: int, rate: float, rng: Rng) -> Wave:
    """A phone's alarm: a short pattern of notes, over and over."""
    steps = rng.choice([0, 2, 4, 5, 7, 9, 12, 14, 16], int(rng.integers(3, 7)))
    note_s = rng.uniform(0.07, 0.2)
    turn = (np.arange(n) / rate / note_s).astype(int) % (len(steps) + int(rng.integers(0, 4)))
    playing = turn < len(steps)
    hz = rng.uniform(700, 1800) * 2 ** (steps[np.minimum(turn, len(steps) - 1)] / 12)
    return _tone(hz, n, rate, rng) * playing * _gate(n, rate, note_s, 0.0)


def _klaxon(n: int, rate: float, rng: Rng) -> Wave:
    """A rough horn whose pitch climbs with each blast."""
    blast = rng.uniform(0.4, 1.5)
    climb = np.arange(n) / rate % blast / blast
    sound = _tone(rng.uniform(180, 500) * rng.uniform(1.1, 1.9) ** climb, n, rate, rng, 0.9)
    return sound * _gate(n, rate, blast * 0.85, blast * 0.15)


FAMILIES: dict[str, Callable[[int, float, Rng], Wave]] = {
    "beeps": _beeps,
    "buzzer": _buzzer,
    "chime": _chime,
    "clock_bell": _clock_bell,
    "klaxon": _klaxon,
    "melody": _melody,
    "smoke": _smoke,
    "steady": _steady,
    "sweep": _sweep,
    "telephone": _telephone,
    "two_tone": _two_tone,
    "warble": _warble,
}
