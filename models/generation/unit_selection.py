"""Unit selection (Bretan et al. 2016): a network that ranks bars by what they mean after a bar, and one of notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.generation.graph import Graphs, played
from models.generation.tokens import TokenLstm

__all__ = ["SHARPNESS", "UnitSelectionNetwork"]

SHARPNESS = 10.0  # of the softmax over cosines


class UnitSelectionNetwork(nn.Module):
    """Two networks: a deep structured semantic model of bars (section 3.2), and an LSTM of notes (section 3.3).

    The first has a tower for the bar before and one for what may follow; the cosine of both ranks the library. The
    second gives the cost of joining: how likely its notes are after those before.
    """

    def __init__(self, width: int, hidden: int, embedding: int, melody: Callable[[], TokenLstm]) -> None:
        super().__init__()
        self.towers = nn.ModuleList(
            nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, embedding)) for _ in range(2)
        )
        self.notes = melody()
        self.width = width

    def meaning(self, bars: Tensor, tower: int) -> Tensor:
        """Return unit vectors (.., embedding) of bars (.., width), as what comes before (0) or after (1)."""
        return F.normalize(self.towers[tower](bars), dim=-1)

    def scores(self, before: Tensor, after: Tensor) -> Tensor:
        """Return scores (n, m) of m bars as the next of each of n bars."""
        return SHARPNESS * self.meaning(before, 0) @ self.meaning(after, 1).T

    def before(self, bars: Tensor) -> Tensor:
        """Return the vectors of bars as what comes before."""
        return self.meaning(bars, 0)

    def after(self, bars: Tensor) -> Tensor:
        """Return the vectors of bars as what comes after."""
        return self.meaning(bars, 1)

    def graphs(self) -> Graphs:
        """Return the step of the notes, and both towers for any number of bars."""
        bars = torch.zeros(2, self.width)
        towers = {"before": self.before, "after": self.after}
        parts = {name: played(self, tower, {"bars": bars}, ("meaning",)) for name, tower in towers.items()}
        dynamic = {"bars": {0: "bar"}, "meaning": {0: "bar"}}
        return self.notes.graphs() | {name: replace(part, dynamic=dynamic) for name, part in parts.items()}
