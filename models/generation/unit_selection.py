"""Unit selection (Bretan et al. 2016): an autoencoder of bars, and a recurrent network that guesses the next code."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from models.generation.blocks import StackConfig, StackedAutoencoder

__all__ = ["UnitSelectionNetwork"]

SHARPNESS = 10.0  # of the softmax over cosines


class UnitSelectionNetwork(nn.Module):
    """Score the bars of a library by how well their codes follow the bars before."""

    def __init__(self, sizes: tuple[int, ...], hidden: int) -> None:
        super().__init__()
        self.auto = StackedAutoencoder(StackConfig(sizes=sizes))
        self.lstm = nn.LSTM(sizes[-1], hidden, batch_first=True)
        self.guess = nn.Linear(hidden, sizes[-1])

    def scores(self, codes: Tensor, library: Tensor) -> Tensor:
        """Return scores (batch, time, bar) of the library's codes after each of codes (batch, time, code)."""
        guessed = self.guess(self.lstm(codes - 0.5)[0])
        return SHARPNESS * F.normalize(guessed, dim=-1) @ F.normalize(library - 0.5, dim=-1).T
