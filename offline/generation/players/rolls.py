"""Players that write rolls: the blues systems, RNN-RBM and Hexahedria step by step, C-RBM a piece at once."""

from __future__ import annotations

import numpy as np

from offline.generation.layers import Lstm, linear, sigmoid
from offline.generation.players.base import Player
from offline.generation.stream import Segment, bit_changes, changes_of
from offline.music.corpora import blues
from offline.music.piece import make_notes

__all__ = ["BluesPlayer", "ConvRbmPlayer", "HexahedriaPlayer", "RnnRbmPlayer"]

A0 = 21


class RollPlayer(Player):
    """A player that draws bits."""

    names: tuple[str, ...] = ("Roll",)

    def chance(self, p: np.ndarray) -> np.ndarray:
        """Draw bits that are 1 with probability p, float32."""
        return (self.rng.random(p.shape) < p).astype(np.float32)


class BluesPlayer(RollPlayer):
    """Write eighths: chord tones above a threshold from C3, the melody's likeliest bit or none from C5."""

    names, steps_per_quarter = ("Chords", "Melody"), 2
    N_CHORD = 12

    def start(self) -> None:
        """Start from the first step of a chorus."""
        self.n_melody = int(self.weights.meta["network"]["n_melody"])
        self.chords = Lstm(self.weights, "chords")
        self.melody = Lstm(self.weights, "melody") if self.n_melody else None
        self._bits = blues(self.rng, melody=bool(self.n_melody))[0]
        self._sounding = np.zeros(len(self._bits), bool)

    def next(self, given: np.ndarray) -> Segment:
        """Write an eighth."""
        harmony = self.chords.step(self._bits[None, : self.N_CHORD])
        bits = sigmoid(linear(self.weights, "chord_bits", harmony)[0]) > 0.5
        if self.melody is not None:
            line = self.melody.step(np.concatenate([self._bits[None], harmony], axis=1))
            p = sigmoid(linear(self.weights, "melody_bits", np.concatenate([line, harmony], axis=1))[0])
            drawn = p * (self.rng.random(len(p)) < p)
            bits = np.concatenate([bits, (drawn == drawn.max()) & (drawn > 0)])
        n = self.N_CHORD
        changes = bit_changes(self._sounding[:n], bits[:n], 48)
        changes += bit_changes(self._sounding[n:], bits[n:], 72, voice=1)
        self._sounding, self._bits = bits, bits.astype(np.float32)
        return Segment(n_steps=1, changes=changes)


class RnnRbmPlayer(RollPlayer):
    """Write quarters, each a sample of the RBM whose biases the past sets, by 25 rounds of Gibbs sampling."""

    names, steps_per_quarter, ROUNDS = ("Chorale",), 1, 25

    def start(self) -> None:
        """Start from silence."""
        self.rnn = Lstm(self.weights, "rnn")
        self._v = np.zeros(len(self.weights["rbm.b"]), np.float32)

    def next(self, given: np.ndarray) -> Segment:
        """Write a quarter."""
        hidden, w = self.rnn.step(self._v[None])[0], self.weights["rbm.weight"]
        b = self.weights["rbm.b"] + linear(self.weights, "to_b", hidden)
        c = self.weights["rbm.c"] + linear(self.weights, "to_c", hidden)
        before, v = self._v > 0, self._v
        for _ in range(self.ROUNDS):
            v = self.chance(sigmoid(self.chance(sigmoid(v @ w + c)) @ w.T + b))
        self._v = v
        return Segment(n_steps=1, changes=bit_changes(before, v > 0, A0))


class HexahedriaPlayer(RollPlayer):
    """Write sixteenths: memory along time for every pitch, then along pitch from the lowest up."""

    names, VICINITY = ("Piano",), 25

    def start(self) -> None:
        """Start from silence."""
        config = self.weights.meta["network"]
        self.low, self.n_pitches = int(config["low"]), int(config["n_pitches"])
        self.time = [Lstm(self.weights, f"along_time.{i}", batch=self.n_pitches) for i in (0, 1)]
        self.pitch = [Lstm(self.weights, f"along_pitch.{i}") for i in (0, 1)]
        self._roll = np.zeros((self.n_pitches, 2), np.float32)
        self._step = 0

    def features(self) -> np.ndarray:
        """Return the features (pitch, 79) of the last step, as `models.generation.rolls.Biaxial.features`."""
        half, n = self.VICINITY // 2, self.n_pitches
        padded = np.pad(self._roll, ((half, half), (0, 0)))
        near = np.lib.stride_tricks.sliding_window_view(padded, self.VICINITY, axis=0).reshape(n, -1)
        chord = np.tile(self._roll[:, 0] @ self.weights["chroma"], (n, 1))
        phase = self._step % 16
        beat = np.tile([(phase >> bit & 1) * 2.0 - 1 for bit in range(4)], (n, 1))
        parts = [self.weights["height"], self.weights["chroma"], near, chord, beat]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def next(self, given: np.ndarray) -> Segment:
        """Write a sixteenth."""
        x = self.features()
        for layer in self.time:
            x = layer.step(x)
        for layer in self.pitch:
            layer.reset()
        below, rows = np.zeros(2, np.float32), []
        for row in x:
            y = np.concatenate([row, below])[None]
            for layer in self.pitch:
                y = layer.step(y)
            below = self.chance(sigmoid(linear(self.weights, "out", y)[0]))
            below[1] *= below[0]
            rows.append(below)
        before, self._roll, self._step = self._roll[:, 0] > 0, np.stack(rows), self._step + 1
        now, struck = self._roll[:, 0] > 0, self._roll[:, 1] > 0
        return Segment(n_steps=1, changes=bit_changes(before, now, self.low, restruck=now & struck))


class ConvRbmPlayer(RollPlayer):
    """Write a piece by Gibbs sampling with descent towards the self-similarity of a piece by Bach between rounds.

    Lattner et al. (2016), section 3.
    """

    names, ROUNDS, RATE = ("Roll",), 50, 2.0

    def start(self) -> None:
        """Start; a segment is a whole piece."""
        self.filters, self.low = self.weights["weight"], int(self.weights.meta["low"])

    def hidden(self, v: np.ndarray) -> np.ndarray:
        """Return the inputs of the hidden maps (map, step) for v (pitch, step)."""
        n_maps, _, width = self.filters.shape
        padded = np.pad(v, ((0, 0), (width // 2, width // 2)))
        seen = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)  # (pitch, step, width)
        flat = seen.transpose(1, 0, 2).reshape(v.shape[1], -1)
        return (flat @ self.filters.reshape(n_maps, -1).T + self.weights["c"]).T

    def visible(self, h: np.ndarray) -> np.ndarray:
        """Return the inputs of the visible units (pitch, step) for h (map, step)."""
        n_maps, n_pitches, width = self.filters.shape
        n, half = h.shape[1], width // 2
        spread = (h.T @ self.filters.reshape(n_maps, -1)).reshape(n, n_pitches, width)
        out = np.zeros((n_pitches, n + 2 * half), np.float32)
        for k in range(width):
            out[:, k : k + n] += spread[:, :, k].T
        return out[:, half : half + n] + self.weights["b"]

    def next(self, given: np.ndarray) -> Segment:
        """Write a piece as long as its template."""
        templates = self.weights["templates"]
        picked = templates[int(self.rng.integers(len(templates)))].astype(np.float32)
        wanted = column_similarity(picked)[0]
        v = self.chance(np.full(picked.shape, 0.05))
        for _ in range(self.ROUNDS):
            v = self.chance(sigmoid(self.visible(self.chance(sigmoid(self.hidden(v))))))
            logits = self.visible(sigmoid(self.hidden(v)))
            v = self.chance(sigmoid(logits - self.RATE * pull(v, wanted)))
        rows = []
        for pitch, line in enumerate(v > 0):
            edges = np.flatnonzero(np.diff(np.r_[False, line, False]))
            rows += [(int(a), int(b - a), pitch + self.low, 0) for a, b in edges.reshape(-1, 2)]
        return Segment(n_steps=v.shape[1], changes=changes_of(make_notes(rows)))


def column_similarity(v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the cosine products of all steps of v (pitch, step), the unit columns, and the lengths (step,)."""
    lengths = np.maximum(np.linalg.norm(v, axis=0), 1e-6)
    unit = v / lengths
    return unit.T @ unit, unit, lengths


def pull(v: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the gradient for v (pitch, step) of its self-similarity's squared distance from the wanted one."""
    found, unit, lengths = column_similarity(v)
    gradient = 4 * unit @ (found - wanted)
    along = np.where(lengths > 1e-6, (unit * gradient).sum(axis=0), 0)
    return np.asarray((gradient - unit * along) / lengths)
