"""Players that write rolls: RNN-RBM and Hexahedria, step by step."""

from __future__ import annotations

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.players.base import Player
from offline.generation.stream import Segment, bit_changes
from offline.generation.weights import SystemFiles
from offline.music.sampling import sigmoid

__all__ = ["HexahedriaPlayer", "RnnRbmPlayer", "RollPlayer"]

A0 = 21


class RollPlayer(Player):
    """A player that draws bits."""

    names: tuple[str, ...] = ("Roll",)

    def chance(self, p: np.ndarray) -> np.ndarray:
        """Draw bits that are 1 with probability p, float32."""
        return (self.rng.random(p.shape) < p).astype(np.float32)


class RnnRbmPlayer(RollPlayer):
    """Write quarters, each a sample of the RBM whose biases the past sets, by Gibbs sampling from silence.

    From the quarter before, the chain would stay there: half as many notes as in the corpus.
    """

    names, steps_per_quarter, ROUNDS = ("Chorale",), 1, 40

    def start(self) -> None:
        """Start from silence."""
        self.net.reset()
        self._v, self._weight = np.zeros(self.files.size("n_visible"), np.float32), self.files.array("weight")

    def write(self, given: np.ndarray) -> Segment:
        """Write a quarter."""
        uniform = self.rng.random(self.net.inputs["uniform"]).astype(np.float32)
        out = self.net.run({"v": self._v[None, None], "uniform": uniform})
        before, self._v = self._v > 0, self._gibbs(out["visible_bias"], out["hidden_bias"])
        return Segment(n_steps=1, changes=bit_changes(before, self._v > 0, A0))

    def _gibbs(self, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Return a sample of the visible units; the temperature acts on the last round, on which notes they are."""
        v = self.chance(sigmoid(b))
        for _ in range(self.ROUNDS):
            h = self.chance(sigmoid(v @ self._weight + c))
            v = self.chance(sigmoid(h @ self._weight.T + b))
        return v


class HexahedriaPlayer(RollPlayer):
    """Write sixteenths: memory along time for every pitch, then along pitch from the lowest up.

    As in Johnson's program the first step is music of the corpus, and the power to which probabilities of notes are
    raised adapts, there where fewer than two notes sound, here to the number of notes that the corpus has. Where the
    corpus ties equal neighbours, a note that sounds is held.
    """

    names, PHASES = ("Piano",), 16
    GAIN, POWERS = 0.02, (0.1, 3.0)  # change of the power by a note too many, and its ends
    FEWEST_REPEATS = 0.05  # of notes, which pass between voices; a corpus of fewer ties equal neighbours

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.pitches = files.part("pitch")
        super().__init__(files, config)

    def start(self) -> None:
        """Start from the first step of a piece of the corpus, which the seed chooses."""
        self.net.reset()
        beginnings = self.files.array("beginnings").astype(np.float32)
        self.low, self._first = self.files.size("low"), beginnings[int(self.rng.integers(len(beginnings)))]
        self._roll = np.zeros((self.files.size("n_pitches"), 2), np.float32)
        self._step, self._power, self._density = 0, 1.0, self.files.value("density", float)
        self._ties = self.files.value("repeats", float) < self.FEWEST_REPEATS

    def write(self, given: np.ndarray) -> Segment:
        """Write a sixteenth."""
        before, self._roll = self._roll[:, 0] > 0, self._drawn() if self._step else self._first
        self._step += 1
        now, struck = self._roll[:, 0] > 0, self._roll[:, 1] > 0
        return Segment(n_steps=1, changes=bit_changes(before, now, self.low, restruck=now & struck))

    def _drawn(self) -> np.ndarray:
        """Return the next step (pitch, 2)."""
        phase = np.array([[(self._step - 1) % self.PHASES]])
        features = self.net.run({"roll": self._roll[None, None], "phase": phase})["features"]
        self.pitches.reset()
        below, rows = np.zeros(2, np.float32), []
        for row, sounded in zip(features, self._roll[:, 0], strict=True):
            p = self.pitches.run({"x": row[None], "below": below[None]})["p"]
            below = self.chance(warmed(p, self.config.temperature) ** np.array([self._power, 1.0]))
            below[1] *= below[0] * (1 - sounded * self._ties)
            rows.append(below)
        too_many = float(sum(row[0] for row in rows)) - self._density
        self._power = float(np.clip(self._power + self.GAIN * too_many, *self.POWERS))
        return np.stack(rows)


def warmed(p: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities whose odds are raised to 1 / temperature."""
    one, other = (np.maximum(x, 1e-12) ** (1 / temperature) for x in (p, 1 - p))
    return np.asarray(one / (one + other))
