"""Players of what does not write tokens or rolls: notes as real numbers, bars as images, bars from a library."""

from __future__ import annotations

import numpy as np

from offline.generation.layers import Lstm, Weights, linear, sigmoid
from offline.generation.players.blocks import BlockPlayer
from offline.generation.players.tokens import melody_step
from offline.generation.stream import Change, Segment, changes_of
from offline.music.codecs import BarImage, MelodyTokens, NoteTuples
from offline.music.corpora import chord_code
from offline.music.piece import REST
from offline.music.sampling import draw, softmax

__all__ = ["CRnnGan", "MidiNet", "UnitSelection"]

EPSILON = 1e-5  # of torch's batch normalisation


class CRnnGan(BlockPlayer):
    """Notes as (length, pitch, intensity, wait), sixteen at a time, each from noise and the note before it."""

    names, steps, N_NOTES = ("Notes",), 1, 16

    def start(self) -> None:
        """From a note of zeros."""
        self.cells = [Lstm(_cell(self.weights, i), "cell") for i in (0, 1)]
        self.noise, self.codec = int(self.weights.meta["network"]["noise"]), NoteTuples()
        self._note = np.zeros(4, np.float32)

    def row(self, noise: np.ndarray) -> np.ndarray:
        """The next note, (4,)."""
        x = np.concatenate([noise, self._note])[None]
        for cell in self.cells:
            x = cell.step(x)
        self._note = linear(self.weights, "out", x)[0]
        return self._note

    def next(self, given: np.ndarray) -> Segment:
        """Sixteen notes."""
        rows = [self.row(self.rng.standard_normal(self.noise).astype(np.float32)) for _ in range(self.N_NOTES)]
        piece = self.codec.decode(np.stack(rows))
        n_steps = max(int(piece.notes["onset"].max()) + 1, 1)
        return Segment(n_steps=n_steps, changes=changes_of(piece.notes))


def _cell(weights: Weights, i: int) -> dict[str, np.ndarray]:
    """The arrays of an LSTM cell by the names of a layer."""
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return {f"cell.{kind}_l0": weights[f"cells.{i}.{kind}"] for kind in kinds}


class MidiNet(BlockPlayer):
    """A bar as an image, from noise, a chord and the bar before it."""

    names, steps = ("Melody",), 16

    def start(self) -> None:
        """From a bar by Bach, over the chords of a chorale."""
        self.image, self.bar = BarImage(), np.eye(128, dtype=np.float32)[self.weights["first"]].T
        self.noise, self._number = int(self.weights.meta["network"]["noise"]), 0

    def next(self, given: np.ndarray) -> Segment:
        """A bar."""
        chords = self.weights["chords"]
        chord = chord_code(chords[self._number % len(chords)][None].astype(np.int64))[0]
        p = self.generate(self.rng.standard_normal(self.noise).astype(np.float32), chord, self.bar)
        pitches = [draw(column ** (1 / self.config.temperature), self.rng) for column in p.T]
        self.bar, self._number = np.eye(128, dtype=np.float32)[pitches].T, self._number + 1
        return Segment(n_steps=self.steps, changes=changes_of(self.image.decode(self.bar[None]).notes))

    def generate(self, noise: np.ndarray, chord: np.ndarray, before: np.ndarray) -> np.ndarray:
        """The bar, (128, 16), each step's pitches sum to one; as `models.generation.adversarial.MidiNet`."""
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
    """Batch normalisation as it is after training; x (channel, time)."""
    scale = w[f"{name}.weight"] / np.sqrt(w[f"{name}.running_var"] + EPSILON)
    return (x - w[f"{name}.running_mean"][:, None]) * scale[:, None] + w[f"{name}.bias"][:, None]


def _leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.2 * x)


class UnitSelection(BlockPlayer):
    """Bars of real melodies, joined by what should come next and by how small a leap the join is."""

    names, steps = ("Melody",), 16

    def start(self) -> None:
        """From a bar by chance."""
        self.tokens, self.library = MelodyTokens(), self.weights["library"].astype(np.int64)
        x = np.eye(self.tokens.n_tokens, dtype=np.float32)[self.library].reshape(len(self.library), -1)
        for i in range(int(self.weights.meta["n_layers"])):
            x = sigmoid(linear(self.weights, f"auto.down.{i}", x))
        self.codes = x - 0.5
        self._aims = self.codes / np.maximum(np.linalg.norm(self.codes, axis=1, keepdims=True), 1e-12)
        self._first, self._last = zip(*(_ends(row) for row in self.library), strict=True)
        self.lstm, self._free = Lstm(self.weights, "lstm"), np.ones(len(self.library), bool)
        self._now, self._pitch = int(self.rng.integers(len(self.library))), REST

    def scores(self) -> np.ndarray:
        """How well each bar of the library follows the one that was taken last."""
        guess = linear(self.weights, "guess", self.lstm.step(self.codes[self._now][None]))[0]
        return 10 * self._aims @ (guess / max(float(np.linalg.norm(guess)), 1e-12))

    def next(self, given: np.ndarray) -> Segment:
        """A bar; none twice until all were played."""
        bar, self._free[self._now] = self.library[self._now], False
        if not self._free.any():
            self._free[:] = True
        scores = self.scores() - np.abs(np.array(self._first) - self._last[self._now]) / 3
        p = np.where(self._free, softmax(scores / max(self.config.temperature, 0.05)), 0)
        self._now = draw(p, self.rng)
        changes: list[Change] = []
        for step, token in enumerate(bar.tolist()):  # a bar may go on with the note of the one before
            segment, self._pitch = melody_step(token, self._pitch, self.tokens)
            changes += [(step, *change[1:]) for change in segment.changes]
        return Segment(n_steps=self.steps, changes=tuple(changes))


def _ends(tokens: np.ndarray) -> tuple[int, int]:
    """The first and the last pitch token of a bar."""
    pitched = tokens[tokens > 1]
    return (int(pitched[0]), int(pitched[-1])) if len(pitched) else (20, 20)
