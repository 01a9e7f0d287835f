"""The player of RL-Tuner."""

from __future__ import annotations

import numpy as np

from offline.generation.players.tokens import TokenPlayer
from offline.generation.stream import VELOCITY, Change, Segment
from offline.music.codecs import MelodyTokens
from offline.music.piece import REST, Piece
from offline.music.sampling import draw, soften

__all__ = ["RlTunerPlayer", "melody_step"]


class RlTunerPlayer(TokenPlayer):
    """Write a melody by the values that the network learnt from rewards."""

    SHARPNESS = 5.0  # values differ by tenths where logits differ by units

    def start(self) -> None:
        """Start from a hold of silence."""
        super().start()
        self.codec = MelodyTokens()
        self._row, self._pitch = np.array([0]), REST

    def prime(self, piece: Piece) -> None:
        """Take a melody as what was written before."""
        self.start()
        for token in self.codec.encode(piece):
            self.take(self._row)
            self._row = np.array([token])

    def next(self, given: np.ndarray) -> Segment:
        """Write a sixteenth."""
        self.take(self._row)
        p = soften(self.p(0, self._row, self.SHARPNESS), self.config.temperature, keep=np.array([0, 1]))
        self._row = np.array([draw(p, self.rng)])
        segment, self._pitch = melody_step(int(self._row[0]), self._pitch, self.codec)
        return segment


def melody_step(token: int, pitch: int, codec: MelodyTokens) -> tuple[Segment, int]:
    """Return what a melody token changes where `pitch` sounds, and the pitch that sounds after it."""
    if token == 0:
        return Segment(n_steps=1, changes=()), pitch
    after = REST if token == 1 else token - 2 + codec.low
    changes: list[Change] = [(0, 0, pitch, 0)] if pitch != REST else []
    changes += [(0, 0, after, VELOCITY)] if after != REST else []
    return Segment(n_steps=1, changes=tuple(changes)), after
