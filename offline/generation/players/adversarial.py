"""Players of the networks trained against a critic: C-RNN-GAN and MidiNet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from offline.generation.players.blocks import BlockPlayer
from offline.generation.stream import VELOCITY, Change, Segment, changes_of
from offline.music.chords import chord_code, chords_of, moved_chords, triad_of
from offline.music.codecs import BarImage, NoteTuples
from offline.music.own_corpus import OwnPiece, by_height
from offline.music.piece import REST

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

    def write(self, given: np.ndarray) -> Segment:
        """Write sixteen notes."""
        rows = [
            self.row(self.rng.standard_normal(self.files.size("noise")).astype(np.float32)) for _ in range(self.N_NOTES)
        ]
        piece = self.codec.decode(np.stack(rows))
        n_steps = max(int(piece.notes["onset"].max()) + 1, 1)
        return Segment(n_steps=n_steps, changes=changes_of(piece.notes))


class MidiNetPlayer(BlockPlayer):
    """Write a bar as an image, from noise, a chord and the bar before it; the chord sounds below as a triad."""

    names, steps, LEAP = ("Melody", "Chords"), 16, 0.8  # nats of each semitone beyond a second

    def start(self) -> None:
        """Start from a bar of the corpus, over the chords of one of its pieces, which the seed chooses."""
        self.image, scores = BarImage(), self.files.array("scores")
        first, *self.chords = scores[int(self.rng.integers(len(scores)))].astype(np.int64)
        bars = self.files.array("firsts")[first]
        self.bar, self._number = np.eye(128, dtype=np.float32)[bars].T, 0
        self._sounding, self._chord = REST, 0

    def follow(self, band: OwnPiece) -> None:
        """Take the chords of a piece, a bar each, and its key unless the settings have one."""
        frames = by_height(band.piece)
        self.find_key(frames.astype(np.int64))
        self.chords = list(moved_chords(chords_of(frames, self.steps), -self.shift))

    def write(self, given: np.ndarray) -> Segment:
        """Write a bar."""
        chord = int(self.chords[self._number % len(self.chords)])
        noise = self.rng.standard_normal(self.files.size("noise")).astype(np.float32)
        p = self.generate(noise, chord_code(np.array([chord]))[0], self.bar)
        pitches = self._drawn(np.log(np.maximum(p, 1e-9)) / self.config.temperature)
        self.bar, self._number = np.eye(128, dtype=np.float32)[pitches].T, self._number + 1
        return Segment(n_steps=self.steps, changes=(*self._line(pitches), *self._harmony(chord)))

    def _drawn(self, logits: np.ndarray) -> np.ndarray:
        """Return the likeliest pitches (step,) of logits (128, step) under noise that the bar shares, leaps at a cost.

        As in training the noise lets steps that are alike be drawn alike, and so notes last.
        """
        noisy, pitch, out = logits + self.rng.gumbel(size=(len(logits), 1)), int(self.bar[:, -1].argmax()), []
        for column in noisy.T:
            away = np.abs(np.arange(len(column)) - pitch)
            pitch = int((column - self.LEAP * np.maximum(away - 2, 0)).argmax())
            out.append(pitch)
        return np.array(out)

    def _line(self, pitches: np.ndarray) -> Iterator[Change]:
        """Return the melody's changes; a pitch that goes on is held, over bar lines too."""
        for step, pitch in enumerate(pitches.tolist()):
            if pitch != self._sounding:
                if self._sounding != REST:
                    yield step, 0, self._sounding, 0
                yield step, 0, pitch, VELOCITY
                self._sounding = pitch

    def _harmony(self, chord: int) -> Iterator[Change]:
        if chord != self._chord:
            yield from ((0, 1, pitch, 0) for pitch in triad_of(self._chord))
            yield from ((0, 1, pitch, VELOCITY - 20) for pitch in triad_of(chord))
            self._chord = chord

    def generate(self, noise: np.ndarray, chord: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Return the bar (128, 16), each step's pitches sum to one."""
        bar: np.ndarray = self.net.run({"noise": noise[None], "chord": chord[None], "before": before[None]})["bar"][0]
        return bar
