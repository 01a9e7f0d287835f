"""Players of the networks trained against a critic: C-RNN-GAN and MidiNet."""

from __future__ import annotations

import numpy as np

from offline.generation.layers import Lstm, Weights, linear
from offline.generation.players.blocks import BlockPlayer
from offline.generation.stream import Segment, changes_of
from offline.music.codecs import BarImage, NoteTuples
from offline.music.corpora import chord_code
from offline.music.sampling import draw, softmax

__all__ = ["CRnnGanPlayer", "MidiNetPlayer"]

EPSILON = 1e-5  # of torch's batch normalisation


class CRnnGanPlayer(BlockPlayer):
    """Write notes as (length, pitch, intensity, wait), sixteen at a time, each from noise and the note before."""

    names, steps, N_NOTES = ("Notes",), 1, 16

    def start(self) -> None:
        """Start from a note of zeros."""
        self.cells = [Lstm(_cell(self.weights, i), "cell") for i in (0, 1)]
        self.noise, self.codec = int(self.weights.meta["network"]["noise"]), NoteTuples()
        self._note = np.zeros(4, np.float32)

    def row(self, noise: np.ndarray) -> np.ndarray:
        """Return the next note, (4,)."""
        x = np.concatenate([noise, self._note])[None]
        for cell in self.cells:
            x = cell.step(x)
        self._note = linear(self.weights, "out", x)[0]
        return self._note

    def next(self, given: np.ndarray) -> Segment:
        """Write sixteen notes."""
        rows = [self.row(self.rng.standard_normal(self.noise).astype(np.float32)) for _ in range(self.N_NOTES)]
        piece = self.codec.decode(np.stack(rows))
        n_steps = max(int(piece.notes["onset"].max()) + 1, 1)
        return Segment(n_steps=n_steps, changes=changes_of(piece.notes))


def _cell(weights: Weights, i: int) -> dict[str, np.ndarray]:
    """Return the arrays of an LSTM cell by the names of a layer."""
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return {f"cell.{kind}_l0": weights[f"cells.{i}.{kind}"] for kind in kinds}


class MidiNetPlayer(BlockPlayer):
    """Write a bar as an image, from noise, a chord and the bar before it."""

    names, steps = ("Melody",), 16

    def start(self) -> None:
        """Start from a bar by Bach, over the chords of a chorale."""
        self.image, self.bar = BarImage(), np.eye(128, dtype=np.float32)[self.weights["first"]].T
        self.noise, self._number = int(self.weights.meta["network"]["noise"]), 0

    def next(self, given: np.ndarray) -> Segment:
        """Write a bar."""
        chords = self.weights["chords"]
        chord = chord_code(chords[self._number % len(chords)][None].astype(np.int64))[0]
        p = self.generate(self.rng.standard_normal(self.noise).astype(np.float32), chord, self.bar)
        pitches = [draw(column ** (1 / self.config.temperature), self.rng) for column in p.T]
        self.bar, self._number = np.eye(128, dtype=np.float32)[pitches].T, self._number + 1
        return Segment(n_steps=self.steps, changes=changes_of(self.image.decode(self.bar[None]).notes))

    def generate(self, noise: np.ndarray, chord: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Return the bar (128, 16), as `models.generation.adversarial.MidiNet.generate`."""
        w, seen = self.weights, []
        x = w["look.0.0.weight"][:, 0, :, 0] @ before + w["look.0.0.bias"][:, None]
        seen.append(x := _leaky(_norm(w, "look.0.1", x)))
        for i in (1, 2, 3):
            kernel = w[f"look.{i}.0.weight"][:, :, 0]  # (out, in, 2)
            pairs = x.reshape(len(x), -1, 2)
            x = np.einsum("oik,itk->ot", kernel, pairs) + w[f"look.{i}.0.bias"][:, None]
            seen.append(x := _leaky(_norm(w, f"look.{i}.1", x)))
        x = np.concatenate([noise, chord])[:, None]
        for name in ("full", "full2"):
            x = np.maximum(_norm(w, f"{name}.1", linear(w, f"{name}.0", x[:, 0])[:, None]), 0)
        x = x.reshape(128, 2)
        for i, bar in enumerate(seen[:0:-1]):
            x = _wide(x, bar, chord)
            grown = np.einsum("it,iok->otk", x, w[f"grow.{i}.weight"][:, :, 0])
            x = grown.reshape(grown.shape[0], -1) + w[f"grow.{i}.bias"][:, None]
            x = np.maximum(_norm(w, f"norms.{i}", x), 0)
        painted = np.einsum("it,ip->pt", _wide(x, seen[0], chord), w["paint.weight"][:, 0, :, 0]) + w["paint.bias"]
        return np.stack([softmax(column) for column in painted.T], axis=1)


def _wide(x: np.ndarray, bar: np.ndarray, chord: np.ndarray) -> np.ndarray:
    return np.concatenate([x, bar, np.repeat(chord[:, None], x.shape[1], axis=1)])


def _norm(w: Weights, name: str, x: np.ndarray) -> np.ndarray:
    """Normalise x (channel, time) by the statistics of training."""
    scale = w[f"{name}.weight"] / np.sqrt(w[f"{name}.running_var"] + EPSILON)
    return (x - w[f"{name}.running_mean"][:, None]) * scale[:, None] + w[f"{name}.bias"][:, None]


def _leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.2 * x)
