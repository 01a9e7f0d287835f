"""The player of the blues systems."""

from __future__ import annotations

import numpy as np

from offline.generation.players.base import Player
from offline.generation.stream import Segment, bit_changes
from offline.music.rules import CHORUS
from offline.music.sampling import draw, soften

__all__ = ["BluesPlayer"]

N_CHORD = 12
CHORD_LOW, MELODY_LOW = 48, 72


class BluesPlayer(Player):
    """Write choruses of eighths: chord tones above a threshold from C3, one note of melody or none from C5, if in C.

    As in the paper a chorus is started by music of the corpus, here its first two bars, which the seed draws.
    """

    names, steps_per_quarter = ("Chords", "Melody"), 2

    def start(self) -> None:
        """Start a chorus."""
        self._n_bits = int(self.net.inputs["bits"][1])
        self._sounding = np.zeros(self._n_bits, bool)
        self._begin()

    def _begin(self) -> None:
        self.net.reset()
        beginnings = self.files.array("beginnings")
        self._given, self._step = beginnings[int(self.rng.integers(len(beginnings)))], 0
        self._p = np.zeros(self._n_bits)

    def write(self, given: np.ndarray) -> Segment:
        """Write an eighth."""
        if self._step == CHORUS:
            self._begin()
        bits = self._given[self._step] > 0 if self._step < len(self._given) else self._drawn()
        self._p = self.net.run({"bits": bits.astype(np.float32)[None]})["p"].astype(np.float64)
        changes = bit_changes(self._sounding[:N_CHORD], bits[:N_CHORD], CHORD_LOW)
        changes += bit_changes(self._sounding[N_CHORD:], bits[N_CHORD:], MELODY_LOW, voice=1)
        self._sounding, self._step = bits, self._step + 1
        return Segment(n_steps=1, changes=changes)

    def _drawn(self) -> np.ndarray:
        """Return the bits of a step: the melody's exclude each other, and nothing has the probability that is left."""
        bits = np.zeros(self._n_bits, bool)
        bits[:N_CHORD] = self._p[:N_CHORD] > 0.5
        melody = self._p[N_CHORD:]
        if len(melody):
            odds = np.append(max(1 - melody.sum(), 0.0), melody)
            chosen = draw(soften(odds, self.config.temperature, keep=0), self.rng)
            bits[N_CHORD + chosen - 1] |= chosen > 0
        return bits
