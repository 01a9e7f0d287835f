"""The soloist's pitch reaches the accompaniment: transposition by the notes that begin, tuning by a MIDI controller.

Fine tuning is MIDI's registered parameter 1, in 1/8192 of a semitone (MIDI 1.0 Detailed Specification, 4.2): the
synthesiser takes it, and any other on the port.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

from engine.core.events import State

__all__ = ["SoloistPitch"]

A4_HZ, OCTAVE, SEMITONE = 440.0, 1200.0, 100.0  # Hz, cents
TOP_KEY = 127
PARAMETER, FINE_TUNING = (101, 100), (0, 1)  # controllers of its number, most significant first
NO_PARAMETER = 127
COARSE, FINE = 6, 38  # controllers of its value
CENTRE = 8192


class SoloistPitch:
    """Transposition and tuning as the follower last stated them.

    channels: MIDI channels of the accompaniment
    own_cents: how far the instrument itself is tuned above A = 440 Hz
    """

    def __init__(self, channels: Sequence[int], own_cents: float) -> None:
        self._channels, self._own_cents = channels, own_cents
        self.reset()

    def reset(self) -> None:
        """Forget what was stated."""
        self._semitones, self._a4_hz = 0, A4_HZ

    def transposed(self, pitch: int) -> int:
        """Return a key as high as the soloist would have it, by octaves inside the keyboard."""
        pitch += self._semitones
        return pitch - 12 * max(-(-(pitch - TOP_KEY) // 12), 0) + 12 * max(-(pitch // 12), 0)

    def take(self, state: State) -> list[tuple[int, int, int]]:
        """Take a statement; return (channel, controller, value) that tune the instrument, if the pitch has changed."""
        if (state.transposition, state.a4_hz) == (self._semitones, self._a4_hz):
            return []
        self._semitones, self._a4_hz = state.transposition, state.a4_hz
        sharp = OCTAVE * log2(state.a4_hz / A4_HZ) - SEMITONE * state.transposition - self._own_cents
        value = min(max(CENTRE + round(sharp / SEMITONE * CENTRE), 0), 2 * CENTRE - 1)
        # The fine half comes before the coarse one, by which FluidSynth acts, and after it, as the standard has it.
        settings = (
            *zip(PARAMETER, FINE_TUNING, strict=True),
            (FINE, value & 127),
            (COARSE, value >> 7),
            (FINE, value & 127),
            *((controller, NO_PARAMETER) for controller in PARAMETER),
        )
        return [(channel, *setting) for channel in self._channels for setting in settings]
