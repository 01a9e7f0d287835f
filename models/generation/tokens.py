"""Recurrent networks over tokens, one a row."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import Settings, plain, ranged
from models.generation.graph import Graphs, played

__all__ = ["TokenLstm", "TokenLstmConfig", "psychoacoustic_code"]


State = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLstmConfig(Settings):
    """Set the sizes of a token network."""

    n_tokens: tuple[int, ...] = plain(MISSING, "tokens of the one stream")
    n_condition: int = ranged(0, 0, 4096, "values of the condition that comes with every row")
    embed: int = ranged(32, 1, 4096, "size of each embedding")
    hidden: int = ranged(256, 1, 8192, "units of an LSTM layer")
    n_layers: int = ranged(3, 1, 16, "LSTM layers")
    dropout: float = ranged(0.3, 0, 0.9, "dropout between layers and before the head")


class TokenLstm(nn.Module):
    """Estimate rows (batch, time, 1) of tokens from those before them."""

    def __init__(self, config: TokenLstmConfig) -> None:
        super().__init__()
        self.config = c = config
        (n,) = c.n_tokens
        self.embed = nn.ModuleList([nn.Embedding(n, c.embed)])
        self.condition = nn.Sequential(nn.Linear(c.n_condition, c.embed), nn.ReLU()) if c.n_condition else None
        context = c.embed if c.n_condition else 0
        dropout = c.dropout if c.n_layers > 1 else 0.0
        self.lstm = nn.LSTM(c.embed + context, c.hidden, c.n_layers, batch_first=True, dropout=dropout)
        self.drop = nn.Dropout(c.dropout)
        self.heads = nn.ModuleList([nn.Linear(c.hidden + context, n)])

    def initial(self, batch: int) -> State:
        """Return the state before the first row: h and c, (layer, batch, hidden)."""
        zero = next(self.heads.parameters()).new_zeros(self.config.n_layers, batch, self.config.hidden)
        return zero, zero

    def memory(self, last: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """Return features and state after rows (batch, time, 1); condition: of the rows to come."""
        parts = [self.embed[0](last[..., 0])]
        context = []
        if self.condition is not None and condition is not None:
            context.append(self.condition(condition))
        hidden, state = self.lstm(torch.cat([*parts, *context], dim=2), state)
        return self.drop(torch.cat([hidden, *context], dim=2)), state

    def logits(self, features: Tensor) -> Tensor:
        """Return logits (batch, time, token)."""
        out: Tensor = self.heads[0](features)
        return out

    def forward(self, rows: Tensor, state: State, condition: Tensor | None = None) -> tuple[Tensor, State]:
        """Return the nats (batch, time, 1) of rows[:, 1:] and the state after; condition: of rows[:, 1:]."""
        features, state = self.memory(rows[:, :-1], state, condition)
        wanted = rows[:, 1:]
        nll = F.cross_entropy(self.logits(features).flatten(0, 1), wanted.flatten(), reduction="none")
        return nll.view(wanted.shape), state

    def play(self, row: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """Take a row (1, 1, 1); return logits (token,) of the next, and the state.

        rest: the condition (1, 1, n_condition) of the next row, if there is one, and the state
        """
        condition, (h, c) = (rest[0], rest[1:]) if self.config.n_condition else (None, rest)
        features, (h, c) = self.memory(row, (h, c), condition)
        return self.logits(features)[0, 0], h, c

    def graphs(self) -> Graphs:
        """Return the step."""
        h, c = self.initial(1)
        row = torch.zeros(1, 1, 1, dtype=torch.long)
        condition = {"condition": torch.zeros(1, 1, self.config.n_condition)} if self.config.n_condition else {}
        inputs = {"row": row, **condition, "h_in": h, "c_in": c}
        return {"": played(self, self.play, inputs, ("logits_0", "h_out", "c_out"))}


def psychoacoustic_code(low: int, n_tokens: int) -> Tensor:
    """Return pitch height, chroma and circle of fifths of each token, (token, 5); 0 is a rest (Mozer 1994)."""
    rows = [[0.0] * 5]
    for pitch in range(low, low + n_tokens - 1):
        chroma, fifth = (2 * math.pi * step / 12 for step in (pitch, pitch * 7))
        rows.append([(pitch - 60) / 24, math.cos(chroma), math.sin(chroma), math.cos(fifth), math.sin(fifth)])
    return torch.tensor(rows)
