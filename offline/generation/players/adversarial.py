"""Players of the networks trained against a critic: C-RNN-GAN and MidiNet."""

from __future__ import annotations

import numpy as np

from offline.generation.players.blocks import BlockPlayer
from offline.generation.stream import Segment, changes_of
from offline.music.codecs import BarImage, NoteTuples
from offline.music.corpora import chord_code
from offline.music.sampling import draw

__all__ = ["CRnnGanPlayer", "MidiNetPlayer"]


class CRnnGanPlayer(BlockPlayer):
    """Write notes as (length, pitch, intensity, wait), sixteen at a time, each from noise and the note before."""

    names, steps, N_NOTES = ("Notes",), 1, 16

    def start(self) -> None:
        """Start from a note of zeros."""
        self.net.reset()
        self.codec = NoteTuples()

    def row(self, noise: np.ndarray) -> np.ndarray:
        """Return the next note, (4,)."""
        note: np.ndarray = self.net.run({"noise": noise[None]})["note_out"][0]
        return note

    def next(self, given: np.ndarray) -> Segment:
        """Write sixteen notes."""
        rows = [
            self.row(self.rng.standard_normal(self.files.size("noise")).astype(np.float32)) for _ in range(self.N_NOTES)
        ]
        piece = self.codec.decode(np.stack(rows))
        n_steps = max(int(piece.notes["onset"].max()) + 1, 1)
        return Segment(n_steps=n_steps, changes=changes_of(piece.notes))


class MidiNetPlayer(BlockPlayer):
    """Write a bar as an image, from noise, a chord and the bar before it."""

    names, steps = ("Melody",), 16

    def start(self) -> None:
        """Start from a bar by Bach, over the chords of a chorale."""
        self.image, self.bar = BarImage(), np.eye(128, dtype=np.float32)[self.files.array("first")].T
        self.chords, self._number = self.files.array("chords"), 0

    def next(self, given: np.ndarray) -> Segment:
        """Write a bar."""
        chord = chord_code(self.chords[self._number % len(self.chords)][None].astype(np.int64))[0]
        p = self.generate(self.rng.standard_normal(self.files.size("noise")).astype(np.float32), chord, self.bar)
        pitches = [draw(column ** (1 / self.config.temperature), self.rng) for column in p.T]
        self.bar, self._number = np.eye(128, dtype=np.float32)[pitches].T, self._number + 1
        return Segment(n_steps=self.steps, changes=changes_of(self.image.decode(self.bar[None]).notes))

    def generate(self, noise: np.ndarray, chord: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Return the bar (128, 16), each step's pitches sum to one."""
        bar: np.ndarray = self.net.run({"noise": noise[None], "chord": chord[None], "before": before[None]})["bar"][0]
        return bar
