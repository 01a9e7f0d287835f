"""The player of CONCERT."""

from __future__ import annotations

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.players.base import Player
from offline.generation.stream import VELOCITY, Change, Segment
from offline.generation.weights import SystemFiles
from offline.music.chords import triad_of
from offline.music.codecs import TuneTuples
from offline.music.sampling import draw, soften, softmax

__all__ = ["ConcertPlayer"]

PITCH, DURATION, CHORD = range(3)
REST_OF_A_QUARTER = (0, 3, 1)


class ConcertPlayer(Player):
    """Write notes with their chords, which sound as triads below."""

    names = ("Melody", "Chords")
    AGAIN = 0.1  # factor on the odds of the last pitch: nearest to itself, it is likelier than the corpus has it

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.following = files.part("next")
        super().__init__(files, config)

    def start(self) -> None:
        """Start from a rest of a quarter."""
        self.net.reset()
        n_pitches = self.files.value("network", dict)["n_tokens"][PITCH] - 1
        self.codec = TuneTuples(low=self.files.size("low"), n_pitches=n_pitches)
        self._row, self._chord = np.array(REST_OF_A_QUARTER), 0

    def p(self, context: np.ndarray, row: np.ndarray, stream: int) -> np.ndarray:
        """Return the probability of each token of a stream; of `row` only what is before it is read."""
        return softmax(self.following.run({"context": context, "row": row[None]})[f"logits_{stream}"])

    def context(self, row: np.ndarray) -> np.ndarray:
        """Take the row (3,) that was written; return the context."""
        return self.net.run({"row": row[None]})["h_out"].copy()

    def write(self, given: np.ndarray) -> Segment:
        """Write a note."""
        context, row = self.context(self._row), np.zeros(3, np.int64)
        for stream in (PITCH, DURATION, CHORD):
            p = self.p(context, row, stream)
            if stream == PITCH and self._row[PITCH]:
                p[self._row[PITCH]] *= self.AGAIN
            row[stream] = draw(soften(p, self.config.temperature) if stream != DURATION else p, self.rng)
        self._row = row
        n_steps = self.codec.durations[row[DURATION]]
        changes: list[Change] = []
        if row[PITCH]:
            pitch = int(row[PITCH]) - 1 + self.codec.low
            changes += [(0, 0, pitch, VELOCITY), (n_steps, 0, pitch, 0)]
        return Segment(n_steps=n_steps, changes=(*changes, *self._chord_changes(int(row[CHORD]))))

    def _chord_changes(self, chord: int) -> list[Change]:
        if chord == self._chord:
            return []
        changes = [(0, 1, pitch, 0) for pitch in triad_of(self._chord)]
        self._chord = chord
        return changes + [(0, 1, pitch, VELOCITY - 20) for pitch in triad_of(chord)]
