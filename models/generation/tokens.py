"""Recurrent networks over rows of tokens: one stream or several that are written one after another, with conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import require

__all__ = ["BluesConfig", "BluesLstm", "TokenLstm", "TokenLstmConfig", "psychoacoustic_code"]

State = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLstmConfig:
    """n_tokens: of each stream; n_condition: values that come with every row; low: MIDI pitch of token 1 of stream 0
    where it is to be read in Mozer's psychoacoustic code, None where all embeddings are learnt.
    """

    n_tokens: tuple[int, ...]
    n_condition: int = 0
    low: int | None = None
    embed: int = 32
    hidden: int = 256
    n_layers: int = 3
    dropout: float = 0.3

    def __post_init__(self) -> None:
        require("hidden", self.hidden, 1, 8192)
        require("n_layers", self.n_layers, 1, 16)
        require("dropout", self.dropout, 0, 0.9)


class TokenLstm(nn.Module):
    """Rows (batch, time, stream) -> nats; p(row | past) is the product over streams, each knowing those before it."""

    def __init__(self, config: TokenLstmConfig) -> None:
        super().__init__()
        self.config = c = config
        self.embed = nn.ModuleList(nn.Embedding(n, c.embed) for n in c.n_tokens)
        width = c.embed * len(c.n_tokens)
        if c.low is not None:
            self.register_buffer("code", psychoacoustic_code(c.low, c.n_tokens[0]))
            width += self.code.shape[1]
        self.condition = nn.Sequential(nn.Linear(c.n_condition, c.embed), nn.ReLU()) if c.n_condition else None
        width += c.embed if c.n_condition else 0
        dropout = c.dropout if c.n_layers > 1 else 0.0
        self.lstm = nn.LSTM(width, c.hidden, c.n_layers, batch_first=True, dropout=dropout)
        self.drop = nn.Dropout(c.dropout)
        inside = c.hidden + (c.embed if c.n_condition else 0)
        self.heads = nn.ModuleList(nn.Linear(inside, n) for n in c.n_tokens)
        pairs = [(s, u) for s in range(len(c.n_tokens)) for u in range(s)]
        self.between = nn.ModuleDict({f"{u}>{s}": nn.Embedding(c.n_tokens[u], c.n_tokens[s]) for s, u in pairs})
        for table in self.between.values():
            nn.init.zeros_(table.weight)

    def initial(self, batch: int) -> State:
        """The state before the first row: h and c, (layer, batch, hidden)."""
        zero = self.heads[0].weight.new_zeros(self.config.n_layers, batch, self.config.hidden)
        return zero, zero

    def memory(self, last: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """Rows that are past (batch, time, stream), conditions of the rows to come -> features and state."""
        parts = [table(last[..., s]) for s, table in enumerate(self.embed)]
        if self.config.low is not None:
            parts.append(self.code[last[..., 0]])
        context = []
        if self.condition is not None and condition is not None:
            context.append(self.condition(condition))
        hidden, state = self.lstm(torch.cat([*parts, *context], dim=2), state)
        return self.drop(torch.cat([hidden, *context], dim=2)), state

    def logits(self, features: Tensor, row: Tensor, stream: int) -> Tensor:
        """Logits (batch, time, token) of a stream; `row` needs only the streams before it."""
        out = self.heads[stream](features)
        for u in range(stream):
            out = out + self.between[f"{u}>{stream}"](row[..., u])
        return out

    def forward(self, rows: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """Nats (batch, time, stream) of rows[:, 1:] and the state after; condition: of rows[:, 1:]."""
        features, state = self.memory(rows[:, :-1], state, condition)
        wanted = rows[:, 1:]
        nll = [
            F.cross_entropy(self.logits(features, wanted, s).flatten(0, 1), wanted[..., s].flatten(), reduction="none")
            for s in range(rows.shape[2])
        ]
        return torch.stack([n.view(wanted.shape[:2]) for n in nll], dim=2), state


def psychoacoustic_code(low: int, n_tokens: int) -> Tensor:
    """Pitch height, chroma and circle of fifths of each token, (token, 5); 0 is a rest (Mozer 1994, after Shepard)."""
    rows = [[0.0] * 5]
    for pitch in range(low, low + n_tokens - 1):
        chroma, fifth = (2 * math.pi * step / 12 for step in (pitch, pitch * 7))
        rows.append([(pitch - 60) / 24, math.cos(chroma), math.sin(chroma), math.cos(fifth), math.sin(fifth)])
    return torch.tensor(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class BluesConfig:
    """n_chord, n_melody: bits of the roll, 0 melody bits for chords alone; cells: of each of the two memories."""

    n_chord: int = 12
    n_melody: int = 13
    cells: int = 8

    def __post_init__(self) -> None:
        require("n_chord", self.n_chord, 1, 128)
        require("n_melody", self.n_melody, 0, 128)
        require("cells", self.cells, 1, 4096)


class BluesLstm(nn.Module):
    """Bits of chords and melody by their own memories; the melody hears the chords, never the other way round.

    Eck & Schmidhuber (2002), section 4: four blocks of two cells each for chords, four for the melody.
    """

    def __init__(self, config: BluesConfig) -> None:
        super().__init__()
        self.config = c = config
        self.chords = nn.LSTM(c.n_chord, c.cells, batch_first=True)
        self.chord_bits = nn.Linear(c.cells, c.n_chord)
        if c.n_melody:
            self.melody = nn.LSTM(c.n_chord + c.n_melody + c.cells, c.cells, batch_first=True)
            self.melody_bits = nn.Linear(2 * c.cells, c.n_melody)

    def initial(self, batch: int) -> tuple[State, State]:
        """States of both memories before the first step."""
        zero = self.chord_bits.weight.new_zeros(1, batch, self.config.cells)
        return (zero, zero), (zero, zero)

    def logits(self, roll: Tensor, states: tuple[State, State]) -> tuple[Tensor, tuple[State, State]]:
        """Logits of the next step's bits after each step of roll (batch, time, bit), and the states."""
        n = self.config.n_chord
        harmony, first = self.chords(roll[..., :n], states[0])
        bits = self.chord_bits(harmony)
        if not self.config.n_melody:
            return bits, (first, states[1])
        line, second = self.melody(torch.cat([roll, harmony.detach()], dim=2), states[1])
        return torch.cat([bits, self.melody_bits(torch.cat([line, harmony.detach()], dim=2))], dim=2), (first, second)

    def forward(self, roll: Tensor) -> Tensor:
        """Nats (batch, time) of roll[:, 1:], all bits together."""
        logits, _ = self.logits(roll[:, :-1], self.initial(len(roll)))
        return F.binary_cross_entropy_with_logits(logits, roll[:, 1:], reduction="none").sum(dim=2)
