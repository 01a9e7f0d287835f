"""What the built-in synthesiser's instruments are made of: partials, how they fade, how a tone begins and ends."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.core.arrays import F64

__all__ = [
    "N_PARTIALS",
    "Partials",
    "Tone",
    "drum_partials",
    "drum_tone",
    "string_partials",
    "tone_of",
    "tone_partials",
]

N_PARTIALS = 12
MIDDLE_C_HZ = 440 * 2 ** (-9 / 12)
STRETCH = 4e-4  # inharmonicity of a piano's string
HIGHEST = 0.45  # of the sample rate: no partial is above


class Partials(NamedTuple):
    """Partials of a tone.

    hz: (partial) frequency
    amplitude: (partial) at the beginning, 0 for those that are left out
    decay: (partial) how fast it fades, nepers a second
    """

    hz: F64
    amplitude: F64
    decay: F64


class Tone(NamedTuple):
    """How the tones of a family of instruments sound.

    slope: amplitude of partial h is h to the power of minus this
    attack_s: time in which a tone begins
    release_s: time constant of its end
    sustained: whether it sounds as long as it is held
    noise: amplitude of the noise, as of a drum; noise_s: time constant of its decay
    """

    slope: float
    attack_s: float
    release_s: float
    sustained: bool
    noise: float = 0.0
    noise_s: float = 0.1


STRUCK = Tone(1.5, 0.003, 0.05, False)
BOWED = Tone(1.2, 0.05, 0.06, True)
FAMILIES = {  # by the program's number divided by 8; all others are struck
    2: Tone(1.4, 0.005, 0.02, True),  # organ
    5: BOWED,
    6: BOWED,  # ensembles and choirs
    7: Tone(1.0, 0.02, 0.04, True),  # brass
    8: Tone(1.1, 0.02, 0.04, True),  # reeds
    9: Tone(2.5, 0.03, 0.05, True),  # flutes
    10: Tone(1.2, 0.005, 0.03, True),  # lead
    11: BOWED,  # pads
}
PLUCKED = (45, 46, 47)  # pizzicato, harp and timpani among the strings
SKINS_HZ = {35: 50, 36: 60, 41: 80, 43: 95, 45: 110, 47: 130, 48: 150, 50: 175}  # keys of bass drums and toms
CYMBALS_S = {38: 0.06, 40: 0.06, 42: 0.02, 44: 0.02, 46: 0.15, 49: 0.5, 51: 0.3, 52: 0.5, 55: 0.3, 57: 0.5, 59: 0.3}


def tone_of(program: int) -> Tone:
    """Return how an instrument of General MIDI (0 to 127) sounds."""
    return STRUCK if program in PLUCKED else FAMILIES.get(program // 8, STRUCK)


def string_partials(hz: float, sample_rate: int, slope: float = STRUCK.slope) -> Partials:
    """Return the slightly stretched, decaying partials of a struck string; high strings fade sooner."""
    h = np.arange(1, N_PARTIALS + 1)
    ring_s = 1.5 * (MIDDLE_C_HZ / hz) ** 0.5
    return _kept(h * hz * np.sqrt(1 + STRETCH * h * h), h**-slope, (0.5 + 0.5 * h) / ring_s, sample_rate)


def tone_partials(tone: Tone, hz: float, sample_rate: int) -> Partials:
    """Return the partials of a tone."""
    if not tone.sustained:
        return string_partials(hz, sample_rate, tone.slope)
    h = np.arange(1, N_PARTIALS + 1)
    return _kept(h * hz, 0.5 * h**-tone.slope, np.zeros(N_PARTIALS), sample_rate)


def drum_tone(key: int) -> Tone:
    """Return how a drum of General MIDI sounds."""
    if key in SKINS_HZ:
        return Tone(1.0, 0.001, 0.5, False, noise=0.1, noise_s=0.01)
    return Tone(1.0, 0.001, 0.5, False, noise=0.5, noise_s=CYMBALS_S.get(key, 0.04))


def drum_partials(key: int, sample_rate: int) -> Partials:
    """Return the one partial of a skin; cymbals and small percussion have none."""
    hz, amplitude = np.zeros(N_PARTIALS), np.zeros(N_PARTIALS)
    hz[0], amplitude[0] = SKINS_HZ.get(key, 0), float(key in SKINS_HZ)
    return _kept(hz, amplitude, np.full(N_PARTIALS, 8.0), sample_rate)


def _kept(hz: npt.ArrayLike, amplitude: npt.ArrayLike, decay: npt.ArrayLike, sample_rate: int) -> Partials:
    """Leave out what the sample rate cannot hold."""
    all_hz = np.asarray(hz, np.float64)
    kept = np.where(all_hz < HIGHEST * sample_rate, np.asarray(amplitude, np.float64), 0.0)
    return Partials(all_hz, kept, np.asarray(decay, np.float64))
