"""The player of RL-Tuner."""

from __future__ import annotations

import numpy as np

from offline.generation.players.melody import melody_step
from offline.generation.players.tokens import TokenPlayer
from offline.generation.stream import Segment
from offline.music.codecs import MelodyTokens
from offline.music.piece import REST, Piece
from offline.music.sampling import draw, soften

__all__ = ["RlTunerPlayer"]


class RlTunerPlayer(TokenPlayer):
    """Write a melody by the values that the network learnt from rewards.

    Where the corpus ties equal neighbours, to strike the pitch that sounds is to hold it.
    """

    FEWEST_REPEATS = 0.005  # of strikes; a corpus of fewer ties equal neighbours

    def start(self) -> None:
        """Start from a hold of silence."""
        super().start()
        self.codec = MelodyTokens()
        self._ties = self.files.value("repeats", float) < self.FEWEST_REPEATS
        self._row, self._pitch = np.array([0]), REST

    def prime(self, piece: Piece) -> None:
        """Take a melody as what was written before."""
        self.start()
        for token in self.codec.encode(piece):
            self.take(self._row)
            self._row = np.array([token])

    def write(self, given: np.ndarray) -> Segment:
        """Write a sixteenth."""
        self.take(self._row)
        p = soften(self.p(), self.config.temperature, keep=np.array([0, 1]))
        token = draw(p, self.rng)
        held = self._ties and self._pitch != REST and token == self._pitch - self.codec.low + 2
        self._row = np.array([0 if held else token])
        segment, self._pitch = melody_step(int(self._row[0]), self._pitch, self.codec)
        return segment
