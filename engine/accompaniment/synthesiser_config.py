"""How the synthesiser sounds."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from pathlib import Path

from engine.core.config import Settings, choice, plain, ranged

__all__ = ["ACCOMPANIMENT_DB", "CONCERT_HZ", "SYNTHESISERS", "SynthesiserConfig"]

SYNTHESISERS = ("auto", "fluidsynth", "built-in")
GAIN = 0.5  # of FluidSynth at 0 dB: a full chord of eight at velocity 100 stays below full scale
# Gain of an accompaniment beside its soloist. Of 12 pieces for a soloist recorded with peaks of -3 to -8 dB, FluidR3 at
# 0 dB is 9 to 28 dB softer than the solo, 15.5 in the median (loudness by ITU-R BS.1770), other soundfonts 4 to 6 dB
# more, the built-in synthesiser 3 less; the highest peak is -10 dB.
ACCOMPANIMENT_DB = 9.0
CONCERT_HZ = 440.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesiserConfig(Settings):
    """Settings of the synthesiser."""

    engine: str = choice(
        "auto", SYNTHESISERS, "what makes the sound; auto takes FluidSynth if it and a soundfont are installed"
    )
    soundfont: Path | None = plain(None, "soundfont with the instruments (default the first that is installed)")
    gain_db: float = ranged(0.0, -60, 24, "gain", unit="dB")
    reverb: float = ranged(0.5, 0, 1, "level of the reverberation; 0 turns it off")
    chorus: float = ranged(0.0, 0, 10, "level of the chorus; 0 turns it off")
    a4_hz: float = ranged(CONCERT_HZ, 380, 500, "concert pitch", unit="Hz")
    transposition: int = ranged(0, -48, 48, "transposition of all but the drums", unit="semitones")
    polyphony: int = ranged(256, 1, 4096, "most voices that sound at once; the weakest gives way")

    @property
    def fluidsynth_gain(self) -> float:
        """Return the gain that FluidSynth takes, 0 to 10."""
        return min(GAIN * 10 ** (self.gain_db / 20), 10.0)

    @property
    def cents(self) -> float:
        """Return how far the concert pitch is above 440 Hz."""
        return 1200 * log2(self.a4_hz / CONCERT_HZ)
