"""Players that write rolls: the blues systems, RNN-RBM and Hexahedria step by step, C-RBM a piece at once."""

from __future__ import annotations

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.players.base import Player
from offline.generation.stream import Segment, bit_changes, changes_of
from offline.generation.weights import SystemFiles
from offline.music.corpora import blues
from offline.music.piece import make_notes
from offline.music.sampling import sigmoid

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
        self.net.reset()
        self._bits = blues(self.rng, melody=self.files.size("n_melody") > 0)[0]
        self._sounding = np.zeros(len(self._bits), bool)

    def next(self, given: np.ndarray) -> Segment:
        """Write an eighth."""
        n = self.N_CHORD
        p = self.net.run({"bits": self._bits[None, None]})["p"]
        bits = p[:n] > 0.5
        if len(p) > n:
            drawn = p[n:] * (self.rng.random(len(p) - n) < p[n:])
            bits = np.concatenate([bits, (drawn == drawn.max()) & (drawn > 0)])
        changes = bit_changes(self._sounding[:n], bits[:n], 48)
        changes += bit_changes(self._sounding[n:], bits[n:], 72, voice=1)
        self._sounding, self._bits = bits, bits.astype(np.float32)
        return Segment(n_steps=1, changes=changes)


class RnnRbmPlayer(RollPlayer):
    """Write quarters, each a sample of the RBM whose biases the past sets, by 25 rounds of Gibbs sampling."""

    names, steps_per_quarter = ("Chorale",), 1

    def start(self) -> None:
        """Start from silence."""
        self.net.reset()
        self._v = np.zeros(self.files.size("n_visible"), np.float32)

    def next(self, given: np.ndarray) -> Segment:
        """Write a quarter."""
        uniform = self.rng.random(self.net.inputs["uniform"]).astype(np.float32)
        before, self._v = self._v > 0, self.net.run({"v": self._v[None, None], "uniform": uniform})["sample"]
        return Segment(n_steps=1, changes=bit_changes(before, self._v > 0, A0))


class HexahedriaPlayer(RollPlayer):
    """Write sixteenths: memory along time for every pitch, then along pitch from the lowest up."""

    names, PHASES = ("Piano",), 16

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.pitches = files.part("pitch")
        super().__init__(files, config)

    def start(self) -> None:
        """Start from silence."""
        self.net.reset()
        self.low = self.files.size("low")
        self._roll = np.zeros((self.files.size("n_pitches"), 2), np.float32)
        self._step = 0

    def next(self, given: np.ndarray) -> Segment:
        """Write a sixteenth."""
        phase = np.array([[self._step % self.PHASES]])
        features = self.net.run({"roll": self._roll[None, None], "phase": phase})["features"]
        self.pitches.reset()
        below, rows = np.zeros(2, np.float32), []
        for row in features:
            below = self.chance(self.pitches.run({"x": row[None], "below": below[None]})["p"])
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
        self.n_maps, self.low = self.files.size("n_maps"), self.files.value("low", int)
        self.templates = self.files.array("templates")

    def next(self, given: np.ndarray) -> Segment:
        """Write a piece as long as its template."""
        picked = self.templates[int(self.rng.integers(len(self.templates)))].astype(np.float32)
        wanted = column_similarity(picked)[0]
        v = self.chance(np.full(picked.shape, 0.05))
        for _ in range(self.ROUNDS):
            sample, logits = self.round(v)
            v = self.chance(sigmoid(logits - self.RATE * pull(sample, wanted)))
        rows = []
        for pitch, line in enumerate(v > 0):
            edges = np.flatnonzero(np.diff(np.r_[False, line, False]))
            rows += [(int(a), int(b - a), pitch + self.low, 0) for a, b in edges.reshape(-1, 2)]
        return Segment(n_steps=v.shape[1], changes=changes_of(make_notes(rows)))

    def round(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a sample from v (pitch, step), and the mean-field inputs from that, both (pitch, step)."""
        random = {"for_hidden": self.rng.random((self.n_maps, v.shape[1])), "for_visible": self.rng.random(v.shape)}
        out = self.net.run({"v": v[None], **{name: x[None].astype(np.float32) for name, x in random.items()}})
        return out["sample"][0], out["logits"][0]


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
