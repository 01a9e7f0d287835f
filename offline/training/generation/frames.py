"""Training of Frames on four-voice chorales at sixteenths."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.generation.frames import FrameLstm, FrameLstmConfig
from offline.generation.key_normalisation import KEY_NATS, normalise_key
from offline.generation.players.markov import ages
from offline.generation.repetition import repetitions
from offline.music.codecs import VoiceGrid
from offline.music.piece import REST
from offline.training.generation.task import Extras, SystemTraining

__all__ = ["FramesTraining", "prepare_frames"]

N_PHASES = 16
EVALUATION_BATCH = 16
SEMITONES = 6  # of transposition, up and down
PreparedPiece = tuple[np.ndarray, ...]  # of one length: tokens, ages, repetitions and their confidence
NETWORKS = (
    FrameLstmConfig(hidden=512, width=256, dropout=0.3),
    FrameLstmConfig(hidden=256, width=256, dropout=0.5, blank=0.05, home=True),
    FrameLstmConfig(hidden=12, width=8, embed=4),
)
CHOSEN = ("hidden", "width", "embed", "dropout", "blank")  # settings of the training that replace the network's


class FramesTraining(SystemTraining):
    """Frames: truncated back-propagation through whole chorales, each time in another key, with the state carried."""

    model: FrameLstm
    default_batch = 8  # chorales read side by side
    weight_decay = 1e-5  # its tables of pairs are large for the little data there is
    n_frames = 32  # short windows are more steps for the same work, and the state is carried across them

    @property
    def size_text(self) -> str:
        """Return whose design it is."""
        return "our own"

    def build(self) -> FrameLstm:
        """Load the chorales and make the network."""
        self.chorales, self.codec = self.corpora.chorales(), VoiceGrid()
        chosen = {name: getattr(self.config, name) for name in CHOSEN if getattr(self.config, name) is not None}
        self.network = replace(self.pick(*NETWORKS), **chosen)
        self.windows: Iterator[tuple[np.ndarray, ...]] | None = None
        self.state: tuple[Tensor, Tensor] | None = None
        return FrameLstm(self.network)

    def extras(self) -> Extras:
        """Return the range."""
        return {}, {"low": self.codec.low, "high": self.codec.high}

    def _windows(self, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, ...]]:
        """Make windows of `n_frames` of a batch of chorales, and which of these begin."""
        n_streams = self.n_batch
        streams = [prepare_frames(np.zeros((0, 4), np.int64))] * n_streams
        at = [0] * n_streams
        while True:
            batch = _blank(n_streams, self.n_frames)
            begins = np.zeros(n_streams, np.float32)
            for b in range(n_streams):
                if at[b] >= len(streams[b][0]) - 1:
                    streams[b], at[b], begins[b] = self._draw(rng), 0, 1
                at[b] += _fill(batch, b, streams[b], at[b])
            yield (*batch, begins)

    def _draw(self, rng: np.random.Generator) -> PreparedPiece:
        train = self.chorales["train"]
        piece = train[rng.integers(len(train))]
        if self.network.home:
            return prepare_frames(self.codec.tokens(normalise_key(piece)))
        shift = rng.integers(-SEMITONES, SEMITONES + 1)
        return prepare_frames(self.codec.tokens(np.where(piece == REST, piece, piece + shift)))

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the nats per note of window number `index`, over the frames that are not padding."""
        if self.windows is None:  # a resumed run draws other pieces than the run before
            self.windows = self._windows(np.random.default_rng((self.config.seed, index)))
        frames, age, phase, echo, agreed, there, begins = self.to_device(next(self.windows))
        keep = (1 - begins)[None, :, None]
        h, c = self.model.initial(self.n_batch) if self.state is None else self.state
        nll, after = self.model(frames, age, phase, (echo, agreed), (h * keep, c * keep))
        self.state = (after[0].detach(), after[1].detach())
        return (nll * there[..., None]).sum() / (there.sum() * nll.shape[2]), {}

    def validate(self, model: Any) -> dict[str, float]:
        """Return the nats per note on the validation split, and the CPU seconds of this process so far."""
        nll = np.concatenate([n.ravel() for n in self.nll(model, "valid")])
        return {"nats_per_note": float(nll.mean()), "cpu_s": round(time.process_time(), 1)}

    def nll(self, model: Any, split: str) -> list[np.ndarray]:
        """Return the nats (frame, voice) of whole pieces from silence on; those of the key are in the first frame."""
        home = self.network.home
        pieces = [prepare_frames(self.codec.tokens(normalise_key(p) if home else p)) for p in self.chorales[split]]
        order = sorted(range(len(pieces)), key=lambda i: len(pieces[i][0]))
        found: dict[int, np.ndarray] = {}
        with torch.no_grad():
            for start in range(0, len(order), EVALUATION_BATCH):
                members = order[start : start + EVALUATION_BATCH]
                batch = _blank(len(members), max(len(pieces[i][0]) - 1 for i in members))
                for b, i in enumerate(members):
                    _fill(batch, b, pieces[i], 0)
                frames, age, phase, echo, agreed, _ = self.to_device(batch)
                nll = (
                    model(frames, age, phase, (echo, agreed), self.model.initial(len(members)))[0].float().cpu().numpy()
                )
                found.update({i: nll[b, : len(pieces[i][0]) - 1] for b, i in enumerate(members)})
        for nll in found.values():
            nll[0] += KEY_NATS / nll.shape[1] if home else 0
        return [found[i] for i in range(len(pieces))]


def prepare_frames(tokens: np.ndarray) -> PreparedPiece:
    """Return tokens (frame, voice) with silence before them, how long each has lasted, and their repetitions."""
    padded = np.vstack([np.zeros((1, tokens.shape[1]), np.int64), tokens])
    return padded, ages(padded), *repetitions(padded)


def _blank(n: int, length: int) -> tuple[np.ndarray, ...]:
    """Return empty arrays: frames, ages, phases, repetitions, their confidence, and which frames are no padding."""
    return (
        np.zeros((n, length + 1, 4), np.int64),
        np.zeros((n, length, 4), np.int64),
        np.zeros((n, length), np.int64),
        np.zeros((n, length, 2, 4), np.int64),
        np.zeros((n, length, 2, 4), np.int64),
        np.zeros((n, length), np.float32),
    )


def _fill(batch: tuple[np.ndarray, ...], b: int, piece: PreparedPiece, start: int) -> int:
    """Write a window of a piece into row b; return how many frames it has."""
    frames, age, phase, echo, agreed, there = batch
    tokens, *along = piece
    n = min(int(age.shape[1]), len(tokens) - 1 - start)
    frames[b, : n + 1] = tokens[start : start + n + 1]
    for row, values in zip((age, echo, agreed), along, strict=True):
        row[b, :n] = values[start : start + n]
    phase[b, :n] = (start + np.arange(n)) % N_PHASES
    there[b, :n] = 1
    return n
