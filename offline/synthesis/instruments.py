"""Instruments besides the piano, as they begin: bowed and blown tones swell, plucked strings decay.

Each can be played by a soundfont (`offline.synthesis.piano_sound`) or built here, so that not everything comes from
one recording: sums of partials with the attack, vibrato and noise of the instrument, or a plucked string (Karplus &
Strong, "Digital synthesis of plucked-string and drum timbres", 1983). Attack times are of the order that Luce & Clark
measured, "Durations of attack transients of nonpercussive orchestral instruments" (1965).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from offline.synthesis.pianist import Played
from offline.synthesis.singing import VOICES, Syllable, sing, syllables
from offline.synthesis.songs_compose import Hit

__all__ = ["INSTRUMENTS", "Instrument", "render_tones", "render_voice"]

Audio = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Rng = np.random.Generator

TAIL_S = 2.0
N_PARTIALS = 24
SUNG = ("la", "na", "ma", "da", "ya", "wa", "fa", "love", "day", "light")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """An instrument.

    program: of General MIDI, from 0
    low, high: range in which its parts are written, MIDI pitches
    attack_ms: from the beginning of a tone to nine tenths of its level
    release_ms: from the end of a tone to a tenth of its level
    partials: levels of the first partials; the last one's fall continues
    fall: exponent by which the levels fall after those
    vibrato: depth, semitones
    breath: level of noise relative to the tone
    kind: "tone", "pluck" or "voice"
    """

    program: int
    low: int
    high: int
    attack_ms: float = 40.0
    release_ms: float = 60.0
    partials: tuple[float, ...] = (1.0,)
    fall: float = 1.5
    vibrato: float = 0.0
    breath: float = 0.005
    kind: str = "tone"


INSTRUMENTS = {
    "piano": Instrument(program=0, low=28, high=100, kind="pluck"),
    "violin": Instrument(
        program=40,
        low=55,
        high=96,
        attack_ms=90,
        partials=(1, 0.9, 0.7, 0.55, 0.5),
        fall=1.2,
        vibrato=0.22,
        breath=0.02,
    ),
    "viola": Instrument(
        program=41, low=48, high=84, attack_ms=100, partials=(1, 1, 0.6, 0.5, 0.3), vibrato=0.2, breath=0.02
    ),
    "cello": Instrument(
        program=42, low=36, high=76, attack_ms=110, partials=(0.8, 1, 0.7, 0.4, 0.3), vibrato=0.18, breath=0.02
    ),
    "flute": Instrument(
        program=73, low=60, high=96, attack_ms=70, partials=(1, 0.5, 0.2, 0.06), fall=2.5, vibrato=0.12, breath=0.05
    ),
    "clarinet": Instrument(
        program=71, low=50, high=91, attack_ms=45, partials=(1, 0.06, 0.6, 0.06, 0.4, 0.08, 0.2), fall=2
    ),
    "oboe": Instrument(
        program=68, low=58, high=91, attack_ms=40, partials=(0.6, 0.9, 1, 0.9, 0.5, 0.3), fall=1.8, vibrato=0.08
    ),
    "bassoon": Instrument(program=70, low=34, high=72, attack_ms=45, partials=(0.6, 1, 1, 0.7, 0.4), fall=2),
    "trumpet": Instrument(
        program=56, low=54, high=84, attack_ms=35, partials=(0.7, 0.9, 1, 0.9, 0.7, 0.6, 0.4), fall=1.5
    ),
    "horn": Instrument(program=60, low=41, high=77, attack_ms=80, partials=(1, 0.8, 0.5, 0.25, 0.1), fall=2.2),
    "organ": Instrument(
        program=19,
        low=36,
        high=96,
        attack_ms=60,
        release_ms=90,
        partials=(1, 0.7, 0.2, 0.45, 0.05, 0.25, 0.02, 0.2),
        fall=2,
        breath=0.01,
    ),
    "strings": Instrument(
        program=48,
        low=36,
        high=96,
        attack_ms=140,
        release_ms=200,
        partials=(1, 0.8, 0.6, 0.45),
        fall=1.3,
        vibrato=0.15,
        breath=0.03,
    ),
    "guitar": Instrument(program=24, low=40, high=84, attack_ms=3, kind="pluck"),
    "voice": Instrument(program=52, low=53, high=79, attack_ms=80, kind="voice"),
}


def render_tones(played: Played, instrument: Instrument, rng: Rng, sample_rate: int, cents: float = 0.0) -> Audio:
    """Return mono sound (sample), two seconds longer than the keys, by the project's own synthesis."""
    out = np.zeros(int((played.end + TAIL_S) * sample_rate) + 1, np.float32)
    noise = rng.standard_normal(sample_rate).astype(np.float32)
    hz = 440 * 2 ** ((played.pitch - 69 + cents / 100) / 12)
    levels = (played.velocity / 127.0) ** 1.5
    for i, start_s in enumerate(played.start_s):
        held = int((played.end_s[i] - start_s) * sample_rate)
        first, strength = round(start_s * sample_rate), float(levels[i])
        if instrument.kind == "pluck":
            _pluck(out[first:], noise, float(hz[i]) / sample_rate, held, 0.6 * sample_rate, strength)
        else:
            shape = _shape(instrument, rng, sample_rate)
            _tone(out[first:], noise, _spectrum(instrument, rng), float(hz[i]) / sample_rate, held, shape, strength)
    return np.asarray(out * np.float32(0.5 / max(float(np.abs(out).max()), 1e-9)))


def _spectrum(instrument: Instrument, rng: Rng) -> Floats:
    """Return levels of the partials, each a little different in every tone."""
    given = np.array(instrument.partials)
    k = np.arange(1, N_PARTIALS + 1)
    levels = given[-1] * (k / len(given)) ** -instrument.fall
    levels[: len(given)] = given
    return np.asarray(levels * 10 ** (rng.normal(0, 1.5, N_PARTIALS) / 20))


def _shape(instrument: Instrument, rng: Rng, sample_rate: int) -> tuple[float, float, float, float, float]:
    """Return attack, release (samples until 63 %), vibrato's depth (share of the pitch) and step, and breath."""
    attack = instrument.attack_ms / 1000 * rng.uniform(0.7, 1.4) * sample_rate / np.log(10)
    release = instrument.release_ms / 1000 * sample_rate / np.log(10)
    depth = (2 ** (instrument.vibrato / 12) - 1) * rng.uniform(0.5, 1.2)
    return float(attack), float(release), float(depth), float(rng.uniform(4.8, 6.5) / sample_rate), instrument.breath


@njit(nogil=True, cache=True)
def _tone(
    out: npt.NDArray[np.float32],
    noise: npt.NDArray[np.float32],
    levels: Floats,
    step: float,
    held: int,
    shape: tuple[float, float, float, float, float],
    strength: float,
) -> None:
    """Add a tone to `out`: partials by sin(k x) = 2 cos(x) sin((k-1) x) - sin((k-2) x); high ones come later.

    step: fundamental, periods a sample
    held: samples until the release
    shape: attack, release, vibrato's depth and step, breath
    """
    attack, release, depth, swing, breath = shape
    total = np.sqrt(np.sum(levels * levels))
    n_partials = min(len(levels), int(0.45 / step))
    phase, end, level = 0.0, 0.0, 0.0
    for i in range(min(len(out), held + int(5 * release))):
        if i < held:
            level = 1 - np.exp(-i / attack)
            end = level
        else:
            level = end * np.exp(-(i - held) / release)
        ready = min(1.0, i * swing * 0.6)
        phase += step * (1 + depth * ready * np.sin(6.283185307179586 * swing * i))
        phase -= np.floor(phase)
        x = 6.283185307179586 * phase
        double = 2 * np.cos(x)
        last, now, late, value = 0.0, np.sin(x), level, 0.0
        bright = 0.7 + 0.3 * level
        for k in range(n_partials):
            value += levels[k] * late * now
            late *= bright
            last, now = now, double * now - last
        value = value / total + breath * level * noise[(i + held) % len(noise)]
        out[i] += np.float32(strength * value)


@njit(nogil=True, cache=True)
def _pluck(
    out: npt.NDArray[np.float32], noise: npt.NDArray[np.float32], step: float, held: int, ring: float, strength: float
) -> None:
    """Add a plucked string to `out`: a delay line with a low-pass and a fractional delay by linear interpolation."""
    period = 1 / step - 0.5  # the low-pass delays by half a sample
    n = int(period) + 2
    line = np.zeros(n)
    mean = 0.0
    for i in range(n):
        line[i] = noise[(i * 7 + held) % len(noise)]
        mean += line[i] / n
    for i in range(n):
        line[i] -= mean
    share = period - int(period)
    keep = 0.001 ** (1 / (step * ring * 6))
    before, level = 0.0, 1.0
    for i in range(min(len(out), held + int(ring))):
        a, b = line[(i - int(period)) % n], line[(i - int(period) - 1) % n]
        value = (1 - share) * a + share * b
        line[i % n] = keep * 0.5 * (value + before)
        before = value
        if i > held:
            level *= 1 - 12 / ring
        out[i] += np.float32(strength * 0.3 * level * value)


def render_voice(played: Played, rng: Rng, sample_rate: int, cents: float = 0.0) -> Audio:
    """Return mono sound (sample) of a singing voice, a syllable of espeak-ng on each note; one note at a time."""
    order = np.argsort(played.start_s, kind="stable")
    ends = np.minimum(played.end_s[order], np.append(played.start_s[order][1:], np.inf))
    rows = zip(played.start_s[order], ends, played.pitch[order], played.velocity[order], strict=True)
    hits = [Hit(float(a), max(float(b - a), 0.08), float(p) + cents / 100, int(v)) for a, b, p, v in rows]  # type: ignore[arg-type]
    sound = sing(rng, hits, _bank(str(rng.choice(VOICES))), tempo_bpm=60.0, sample_rate=sample_rate)
    out = np.zeros(int((played.end + TAIL_S) * sample_rate) + 1, np.float32)
    out[: min(len(sound), len(out))] = sound[: len(out)]
    return out


def _bank(voice: str) -> list[Syllable]:
    return syllables(voice, SUNG)
