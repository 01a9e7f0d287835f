"""Two protocols of likelihood, with baselines beside every model: nats per note on a grid, per step on rolls.

Sixteenth grid (Jsb16thSeparated.json): mean over all notes of all frames and voices, whole pieces, silence before the
first frame, every note of the split counted once. Rolls (Boulanger-Lewandowski et al. 2012): mean over steps of the
log-likelihood of a whole step. The two sets of chorales are transposed and ordered differently: never compare them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.core.errors import ModelError
from models.generation.rolls import Rbm, RnnRbm, RnnRbmConfig
from offline.generation.cards import find_weights
from offline.generation.players.markov import Markov, chorale_contexts
from offline.generation.weights import SystemFiles
from offline.music.codecs import VoiceGrid
from offline.music.roll_sets import Split
from offline.training.common.checkpoint import CHECKPOINT, restore

__all__ = [
    "NoteFigures",
    "markov_nll",
    "note_figures",
    "persistence_nll",
    "rnn_rbm_nll",
    "roll_baselines",
    "shipped_rnn_rbm",
    "trained_rnn_rbm",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteFigures:
    """Likelihood of pieces, in nats.

    nats_per_note: mean over all notes
    nats_per_change: mean over notes that differ from the voice's last
    n_notes: number of notes
    """

    nats_per_note: float
    nats_per_change: float
    n_notes: int


def note_figures(pieces: list[np.ndarray], nll: list[np.ndarray]) -> NoteFigures:
    """Average the nats (frame, voice) of pieces (frame, voice)."""
    flat = np.concatenate([n.ravel() for n in nll])
    moved = np.concatenate([_changes(piece).ravel() for piece in pieces])
    return NoteFigures(nats_per_note=float(flat.mean()), nats_per_change=float(flat[moved].mean()), n_notes=len(flat))


def _changes(piece: np.ndarray) -> np.ndarray:
    return np.asarray(piece != np.vstack([np.full((1, piece.shape[1]), -1, piece.dtype), piece[:-1]]))


def persistence_nll(chorales: Split, codec: VoiceGrid, split: str) -> list[np.ndarray]:
    """Return the nats of holding or moving by voice, and of the pitch after a move by its rate in training."""
    train = [codec.tokens(piece) for piece in chorales["train"]]
    last = np.concatenate([np.vstack([np.zeros((1, 4), int), t[:-1]]) for t in train])
    now = np.concatenate(train)
    stay = (last == now).mean(axis=0)
    pitch = np.stack([np.bincount(now[:, v], minlength=codec.n_tokens) + 1.0 for v in range(now.shape[1])])
    pitch /= pitch.sum(axis=1, keepdims=True)
    nll = []
    for piece in map(codec.tokens, chorales[split]):
        held = piece == np.vstack([np.zeros((1, 4), int), piece[:-1]])
        nll.append(-np.log(held * stay + (1 - stay) * pitch[np.arange(now.shape[1]), piece]))
    return nll


def markov_nll(model: Markov, codec: VoiceGrid, pieces: list[np.ndarray]) -> list[np.ndarray]:
    """Return the nats (frame, voice) of chorales under the blended Markov chains."""
    nll = []
    for piece in pieces:
        contexts, tokens = chorale_contexts(codec.tokens(piece))
        nll.append(-np.log(model.probability(contexts, tokens)).reshape(piece.shape[::-1]).T)
    return nll


def roll_baselines(rolls: Split, split: str) -> dict[str, float]:
    """Return nats per step on rolls: each key at its own rate, and each given whether it sounded the step before."""
    train, wanted = rolls["train"], rolls[split]
    counts = np.ones((2, 2, 88))
    for roll in train:
        before = np.vstack([np.zeros((1, 88), np.uint8), roll[:-1]])
        for was in (0, 1):
            for now in (0, 1):
                counts[was, now] += ((before == was) & (roll == now)).sum(axis=0)
    alone = counts.sum(axis=0) / counts.sum(axis=(0, 1))
    given = counts / counts.sum(axis=1, keepdims=True)
    totals, steps, key = np.zeros(2), 0, np.arange(88)
    for roll in wanted:
        before = np.vstack([np.zeros((1, 88), np.uint8), roll[:-1]])
        totals += -np.log(alone[roll, key]).sum(), -np.log(given[before, roll, key]).sum()
        steps += len(roll)
    return {"each key's rate": totals[0] / steps, "Markov, key by key": totals[1] / steps}


class ExportedRnnRbm:
    """The RNN-RBM of a file, to measure pieces with."""

    def __init__(self, files: SystemFiles) -> None:
        self.net = files.main
        self.rbm = Rbm(files.size("n_visible"), files.size("n_hidden"))
        self.rbm.load_state_dict({"weight": torch.from_numpy(files.array("weight"))}, strict=False)

    @torch.no_grad()
    def nll(self, roll: Tensor, n_chains: int, n_temperatures: int) -> Tensor:
        """Return the nats (time,) of every step of a piece (1, time, visible)."""
        b, c = (torch.from_numpy(np.stack(rows)) for rows in zip(*self._biases(roll[0].numpy()), strict=True))
        return self.rbm.free_energy(roll[0], b, c) + self.rbm.log_partition(b, c, n_chains, n_temperatures)

    def _biases(self, roll: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Make both biases of every step of roll (time, visible) from the steps before."""
        self.net.reset()
        uniform = np.zeros(self.net.inputs["uniform"], np.float32)  # the sample is not used
        for row in np.vstack([np.zeros_like(roll[:1]), roll[:-1]]):
            out = self.net.run({"v": row[None, None], "uniform": uniform})
            yield out["visible_bias"].copy(), out["hidden_bias"].copy()


def shipped_rnn_rbm() -> ExportedRnnRbm:
    """Return the shipped RNN-RBM, trained on the chorales."""
    path = find_weights("RNN-RBM")
    if path is None:
        raise ModelError("RNN-RBM", expected="shipped weights", got="none")
    return ExportedRnnRbm(SystemFiles(path))


def trained_rnn_rbm(run: Path) -> tuple[str, RnnRbm]:
    """Return the set that a run of RNN-RBM learnt, and its network; ModelError if it is no such run."""
    try:
        model, found = restore(
            run / CHECKPOINT, lambda task: RnnRbm(RnnRbmConfig(**task["network"])), "a run of RNN-RBM"
        )
        return found.task["rolls"], model
    except (ModelError, KeyError) as error:
        remedy = "give folders of `collaparte train generation --system RNN-RBM --rolls SET -o FOLDER`"
        raise ModelError(str(run), expected="a run of RNN-RBM", got=type(error).__name__, remedy=remedy) from error


def rnn_rbm_nll(
    model: RnnRbm | ExportedRnnRbm, pieces: list[np.ndarray], *, n_chains: int = 16, n_temperatures: int = 100
) -> float:
    """Return the nats per step of rolls (step, 88); log Z by annealed importance sampling."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        rolls = [torch.from_numpy(piece.astype(np.float32))[None] for piece in pieces]
        total = sum(float(model.nll(roll, n_chains, n_temperatures).sum()) for roll in rolls)
    return total / sum(map(len, pieces))
