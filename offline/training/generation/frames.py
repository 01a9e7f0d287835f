"""Training of the frame network on four-voice chorales at sixteenths."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.config import require
from models.generation.frames import FrameLstm, FrameLstmConfig
from offline.generation.key_normalisation import KEY_NATS, at_home
from offline.generation.markov import ages
from offline.generation.repetition import echoes
from offline.music.codecs import VoiceGrid
from offline.music.piece import REST
from offline.music.roll_sets import Split

__all__ = ["ChoraleFrames", "FrameTraining", "prepare"]

N_PHASES = 16
EVALUATION_BATCH = 16
CPU = torch.device("cpu")
Piece = tuple[np.ndarray, ...]  # of one length: tokens, ages, echoes and how far they agreed


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTraining:
    """n_streams: chorales read side by side; n_frames: through which gradients go; semitones: of transposition."""

    n_streams: int = 8
    n_frames: int = 64
    semitones: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        require("n_streams", self.n_streams, 1, 4096)
        require("n_frames", self.n_frames, 1, 4096)
        require("semitones", self.semitones, 0, 11)


class ChoraleFrames:
    """Truncated back-propagation through whole chorales, each time in another key; state carried, reset at a start."""

    def __init__(
        self,
        chorales: Split,
        config: FrameLstmConfig,
        training: FrameTraining,
        device: torch.device = CPU,
    ) -> None:
        self.chorales, self.config, self.training, self.device = chorales, config, training, device
        self.codec = VoiceGrid()
        torch.manual_seed(training.seed)
        self.model = FrameLstm(config).to(device)
        self.windows: Iterator[tuple[np.ndarray, ...]] | None = None
        self.state = self.model.initial(training.n_streams)

    def describe(self) -> dict[str, Any]:
        """The network's settings."""
        return asdict(self.config)

    def _windows(self, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
        """Windows of `n_frames` of `n_streams` chorales, one after another, and which streams begin anew."""
        n_streams = self.training.n_streams
        streams = [prepare(np.zeros((0, 4), np.int64))] * n_streams
        at = [0] * n_streams
        while True:
            batch = _blank(n_streams, self.training.n_frames)
            begins = np.zeros(n_streams, np.float32)
            for b in range(n_streams):
                if at[b] >= len(streams[b][0]) - 1:
                    streams[b], at[b], begins[b] = self._draw(rng), 0, 1
                at[b] += _fill(batch, b, streams[b], at[b])
            yield (*batch, begins)

    def _draw(self, rng: np.random.Generator) -> Piece:
        train = self.chorales["train"]
        piece = train[rng.integers(len(train))]
        if self.config.home:
            return prepare(self.codec.tokens(at_home(piece)))
        shift = rng.integers(-self.training.semitones, self.training.semitones + 1)
        return prepare(self.codec.tokens(np.where(piece == REST, piece, piece + shift)))

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Nats per note of window number `index`, over the frames that are there."""
        if self.windows is None:  # a resumed run draws other pieces than the run before
            self.windows = self._windows(np.random.default_rng((self.training.seed, index)))
        frames, age, phase, echo, agreed, there, begins = self._to_device(next(self.windows))
        keep = (1 - begins)[None, :, None]
        nll, after = self.model(frames, age, phase, (echo, agreed), (self.state[0] * keep, self.state[1] * keep))
        self.state = (after[0].detach(), after[1].detach())
        return (nll * there[..., None]).sum() / (there.sum() * nll.shape[2]), {}

    def _to_device(self, arrays: tuple[np.ndarray, ...]) -> list[Tensor]:
        return [torch.from_numpy(array).to(self.device, non_blocking=True) for array in arrays]

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Nats per note on the validation split, and the CPU seconds that this process has spent so far."""
        nll = np.concatenate([n.ravel() for n in self.nll(model, "valid")])
        return {"nats_per_note": float(nll.mean()), "cpu_s": round(time.process_time(), 1)}

    def nll(self, model: nn.Module, split: str) -> list[np.ndarray]:
        """Nats of every note of every piece, (frame, voice), whole pieces from silence on; the key's in the first."""
        home = self.config.home
        pieces = [prepare(self.codec.tokens(at_home(p) if home else p)) for p in self.chorales[split]]
        order = sorted(range(len(pieces)), key=lambda i: len(pieces[i][0]))
        found: dict[int, np.ndarray] = {}
        with torch.no_grad():
            for start in range(0, len(order), EVALUATION_BATCH):
                members = order[start : start + EVALUATION_BATCH]
                batch = _blank(len(members), max(len(pieces[i][0]) - 1 for i in members))
                for b, i in enumerate(members):
                    _fill(batch, b, pieces[i], 0)
                frames, age, phase, echo, agreed, _ = self._to_device(batch)
                nll = (
                    model(frames, age, phase, (echo, agreed), self.model.initial(len(members)))[0].float().cpu().numpy()
                )
                found.update({i: nll[b, : len(pieces[i][0]) - 1] for b, i in enumerate(members)})
        for nll in found.values():
            nll[0] += KEY_NATS / nll.shape[1] if home else 0
        return [found[i] for i in range(len(pieces))]


def prepare(tokens: np.ndarray) -> Piece:
    """Tokens (frame, voice) with the silence before them, how long each has lasted, and their echoes."""
    padded = np.vstack([np.zeros((1, tokens.shape[1]), np.int64), tokens])
    return padded, ages(padded), *echoes(padded)


def _blank(n: int, length: int) -> tuple[np.ndarray, ...]:
    """frames, age, phase, echo, how far it agreed, there."""
    return (
        np.zeros((n, length + 1, 4), np.int64),
        np.zeros((n, length, 4), np.int64),
        np.zeros((n, length), np.int64),
        np.zeros((n, length, 2, 4), np.int64),
        np.zeros((n, length, 2, 4), np.int64),
        np.zeros((n, length), np.float32),
    )


def _fill(batch: tuple[np.ndarray, ...], b: int, piece: Piece, start: int) -> int:
    """Write a window of a piece into row b; returns how many frames it has."""
    frames, age, phase, echo, agreed, there = batch
    tokens, *along = piece
    n = min(age.shape[1], len(tokens) - 1 - start)
    frames[b, : n + 1] = tokens[start : start + n + 1]
    for row, values in zip((age, echo, agreed), along, strict=True):
        row[b, :n] = values[start : start + n]
    phase[b, :n] = (start + np.arange(n)) % N_PHASES
    there[b, :n] = 1
    return n
