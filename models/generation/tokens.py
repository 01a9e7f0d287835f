"""Recurrent networks over rows of tokens: one stream, or several that are written one after another."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import Settings, plain, ranged
from models.generation.graph import Graphs, layers_of, played

__all__ = ["TokenLstm", "TokenLstmConfig", "psychoacoustic_code"]


State = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLstmConfig(Settings):
    """Set the sizes of a token network."""

    n_tokens: tuple[int, ...] = plain(MISSING, "tokens of each stream")
    n_condition: int = ranged(0, 0, 4096, "values of the condition that comes with every row")
    low: int | None = ranged(None, 0, 127, "MIDI pitch of token 1 of stream 0 in the psychoacoustic code; none: learnt")
    embed: int = ranged(32, 1, 4096, "size of each embedding")
    hidden: int = ranged(256, 1, 8192, "units of an LSTM layer")
    n_layers: int = ranged(3, 1, 16, "LSTM layers")
    dropout: float = ranged(0.3, 0, 0.9, "dropout between layers and before the heads")


class TokenLstm(nn.Module):
    """Estimate rows (batch, time, stream); p(row | past) is the product over streams, each given those before it."""

    code: Tensor

    def __init__(self, config: TokenLstmConfig) -> None:
        super().__init__()
        self.config = c = config
        self.embed = nn.ModuleList(nn.Embedding(n, c.embed) for n in c.n_tokens)
        width = c.embed * len(c.n_tokens)
        if c.low is not None:
            self.register_buffer("code", psychoacoustic_code(c.low, c.n_tokens[0]))
            width += int(self.code.shape[1])
        self.condition = nn.Sequential(nn.Linear(c.n_condition, c.embed), nn.ReLU()) if c.n_condition else None
        width += c.embed if c.n_condition else 0
        dropout = c.dropout if c.n_layers > 1 else 0.0
        self.lstm = nn.LSTM(width, c.hidden, c.n_layers, batch_first=True, dropout=dropout)
        self.drop = nn.Dropout(c.dropout)
        inside = c.hidden + (c.embed if c.n_condition else 0)
        self.heads = nn.ModuleList(nn.Linear(inside, n) for n in c.n_tokens)
        pairs = [(s, u) for s in range(len(c.n_tokens)) for u in range(s)]
        self.between = nn.ModuleDict({f"{u}>{s}": nn.Embedding(c.n_tokens[u], c.n_tokens[s]) for s, u in pairs})
        for table in layers_of(self.between.values(), nn.Embedding):
            nn.init.zeros_(table.weight)

    def initial(self, batch: int) -> State:
        """Return the state before the first row: h and c, (layer, batch, hidden)."""
        zero = next(self.heads.parameters()).new_zeros(self.config.n_layers, batch, self.config.hidden)
        return zero, zero

    def memory(self, last: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """Return features and state after rows (batch, time, stream); condition: of the rows to come."""
        parts = [table(last[..., s]) for s, table in enumerate(self.embed)]
        if self.config.low is not None:
            parts.append(self.code[last[..., 0]])
        context = []
        if self.condition is not None and condition is not None:
            context.append(self.condition(condition))
        hidden, state = self.lstm(torch.cat([*parts, *context], dim=2), state)
        return self.drop(torch.cat([hidden, *context], dim=2)), state

    def logits(self, features: Tensor, row: Tensor, stream: int) -> Tensor:
        """Return logits (batch, time, token) of a stream; only the streams of `row` before it are read."""
        out: Tensor = self.heads[stream](features)
        for u in range(stream):
            out = out + self.between[f"{u}>{stream}"](row[..., u])
        return out

    def forward(self, rows: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """Return the nats (batch, time, stream) of rows[:, 1:] and the state after; condition: of rows[:, 1:]."""
        features, state = self.memory(rows[:, :-1], state, condition)
        wanted = rows[:, 1:]
        nll = [
            F.cross_entropy(self.logits(features, wanted, s).flatten(0, 1), wanted[..., s].flatten(), reduction="none")
            for s in range(rows.shape[2])
        ]
        return torch.stack([n.view(wanted.shape[:2]) for n in nll], dim=2), state

    def play(self, row: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """Take a row (1, 1, stream); return logits (token,) of each stream without the others, and the state.

        rest: the condition (1, 1, n_condition) of the next row, if there is one, and the state
        """
        condition, (h, c) = (rest[0], rest[1:]) if self.config.n_condition else (None, rest)
        features, (h, c) = self.memory(row, (h, c), condition)
        return (*(head(features)[0, 0] for head in self.heads), h, c)

    def play_between(self, row: Tensor) -> tuple[Tensor, ...]:
        """Return what each stream but the first adds to its logits (token,) for the streams before it in a row."""
        n = len(self.config.n_tokens)
        return tuple(sum(self.between[f"{u}>{s}"](row[..., u]) for u in range(s))[0, 0] for s in range(1, n))

    def graphs(self) -> Graphs:
        """Return the step, and, where there are several streams, what they say of each other."""
        n, (h, c) = len(self.config.n_tokens), self.initial(1)
        row = torch.zeros(1, 1, n, dtype=torch.long)
        condition = {"condition": torch.zeros(1, 1, self.config.n_condition)} if self.config.n_condition else {}
        logits = tuple(f"logits_{s}" for s in range(n))
        parts = {
            "": played(self, self.play, {"row": row, **condition, "h_in": h, "c_in": c}, (*logits, "h_out", "c_out"))
        }
        if n > 1:
            parts["between"] = played(self, self.play_between, {"row": row}, logits[1:])
        return parts


def psychoacoustic_code(low: int, n_tokens: int) -> Tensor:
    """Return pitch height, chroma and circle of fifths of each token, (token, 5); 0 is a rest (Mozer 1994)."""
    rows = [[0.0] * 5]
    for pitch in range(low, low + n_tokens - 1):
        chroma, fifth = (2 * math.pi * step / 12 for step in (pitch, pitch * 7))
        rows.append([(pitch - 60) / 24, math.cos(chroma), math.sin(chroma), math.cos(fifth), math.sin(fifth)])
    return torch.tensor(rows)
