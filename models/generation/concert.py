"""CONCERT (Mozer 1994): a recurrent network that gives points in a space of perceived pitch, time and harmony."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import Settings, plain, ranged
from models.generation.graph import Graphs, played
from models.generation.tokens import psychoacoustic_code

__all__ = ["Concert", "ConcertConfig", "chord_points", "duration_points"]

NAMES = ("pitch_points", "duration_points", "chord_points")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcertConfig(Settings):
    """Set the sizes of CONCERT."""

    n_tokens: tuple[int, ...] = plain(MISSING, "tokens of pitch, duration and chord")
    low: int = ranged(54, 0, 127, "MIDI pitch of pitch token 1")
    hidden: int = ranged(40, 1, 8192, "context units")
    slowest: float = ranged(0.9, 0, 0.999, "largest time constant of a context unit; the others lie between 0 and it")
    sharpness: float = ranged(1.0, 0.1, 1000, "of the softmax over distances, at first")


class Concert(nn.Module):
    """Estimate rows (batch, time, 3) of pitch, duration and chord, each given those of the row before it.

    The context units remember at different rates (Mozer's reduced descriptions, equation 4), are trained by
    back-propagation through time, and give one point for each of the three, in the space in which its tokens are points
    (the next-note-distributed layer); a token's probability falls with its distance (the next-note-local layer).
    """

    rates: Tensor

    def __init__(self, config: ConcertConfig) -> None:
        super().__init__()
        self.config = c = config
        points = (psychoacoustic_code(c.low, c.n_tokens[0]), duration_points(c.n_tokens[1]), chord_points())
        points = (torch.cat([points[0], torch.eye(c.n_tokens[0])[:, :1]], dim=1), *points[1:])  # a rest is a place too
        for name, point in zip(NAMES, points, strict=True):
            self.register_buffer(name, point)
        width = sum(point.shape[1] for point in points)
        self.register_buffer("rates", torch.linspace(0, c.slowest, c.hidden))
        self.inner = nn.Linear(width + c.hidden, c.hidden)
        before = [0, *(point.shape[1] for point in points)]
        seen = [sum(before[: i + 1]) for i in range(len(points))]
        self.outer = nn.ModuleList(
            nn.Sequential(nn.Linear(c.hidden + n, c.hidden), nn.Tanh(), nn.Linear(c.hidden, point.shape[1]))
            for n, point in zip(seen, points, strict=True)
        )
        self.sharp = nn.Parameter(torch.full((len(points),), math.log(c.sharpness)))
        self.rarity = nn.ParameterList(nn.Parameter(torch.zeros(n)) for n in c.n_tokens)

    def points(self, stream: int) -> Tensor:
        """Return the points (token, dimension) of a stream."""
        found: Tensor = getattr(self, NAMES[stream])
        return found

    def initial(self, batch: int) -> Tensor:
        """Return the context (batch, unit) before the first row."""
        return self.rates.new_zeros(batch, self.config.hidden)

    def context(self, row: Tensor, state: Tensor) -> Tensor:
        """Return the context after a row (batch, 3)."""
        seen = torch.cat([*(self.points(s)[row[:, s]] for s in range(len(NAMES))), state], dim=1)
        return self.rates * state + (1 - self.rates) * torch.tanh(self.inner(seen))

    def logits(self, state: Tensor, row: Tensor, stream: int) -> Tensor:
        """Return logits (..., token) of a stream of the next row; of `row` (..., 3) only what is before it is read."""
        known = [self.points(s)[row[..., s]] for s in range(stream)]
        place = self.outer[stream](torch.cat([state, *known], dim=-1))
        distance = ((place[..., None, :] - self.points(stream)) ** 2).sum(-1)
        return self.rarity[stream] - self.sharp[stream].exp() * distance

    def forward(self, rows: Tensor) -> Tensor:
        """Return the nats (batch, time, 3) of rows[:, 1:]."""
        state, contexts = self.initial(len(rows)), []
        for row in rows[:, :-1].unbind(1):
            state = self.context(row, state)
            contexts.append(state)
        states, wanted = torch.stack(contexts, dim=1), rows[:, 1:]
        nll = [
            F.cross_entropy(self.logits(states, wanted, s).flatten(0, 1), wanted[..., s].flatten(), reduction="none")
            for s in range(rows.shape[2])
        ]
        return torch.stack([n.view(wanted.shape[:2]) for n in nll], dim=2)

    def play(self, row: Tensor, h: Tensor) -> Tensor:
        """Take a row (1, 3); return the context."""
        return self.context(row, h)

    def play_next(self, context: Tensor, row: Tensor) -> tuple[Tensor, ...]:
        """Return logits (token,) of each stream after a context (1, unit); `row` (1, 3) is read as in `logits`."""
        return tuple(self.logits(context, row, s)[0] for s in range(len(NAMES)))

    def graphs(self) -> Graphs:
        """Return the step of the context, and what it says of the next row."""
        row, h = torch.zeros(1, len(NAMES), dtype=torch.long), self.initial(1)
        names = tuple(f"logits_{s}" for s in range(len(NAMES)))
        return {
            "": played(self, self.play, {"row": row, "h_in": h}, ("h_out",)),
            "next": played(self, self.play_next, {"context": h, "row": row}, names),
        }


def duration_points(n: int) -> Tensor:
    """Return duration tokens as points (token, 5): length, and its place on circles of a beat and of a third of one."""
    rows = []
    for steps in range(1, n + 1):
        circles = [2 * math.pi * steps / period for period in (4, 3)]
        rows.append([math.log2(steps) / 2, *(f(angle) for angle in circles for f in (math.cos, math.sin))])
    return torch.tensor(rows)


def chord_points() -> Tensor:
    """Return chord tokens as points (25, 12): how loud each pitch class is in it, by its notes' first overtones."""
    overtones = ((0, 1.0), (7, 0.3), (4, 0.2))  # octaves and unison, twelfth, seventeenth
    rows = torch.zeros(25, 12)
    for token in range(1, 25):
        root, third = (token - 1) % 12, 3 if token > 12 else 4
        for step in (0, third, 7):
            for overtone, strength in overtones:
                rows[token, (root + step + overtone) % 12] += strength
    return rows
