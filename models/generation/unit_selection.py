"""Unit selection (Bretan et al. 2016): an autoencoder of bars, and a recurrent network that guesses the next code."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.generation.blocks import StackConfig, StackedAutoencoder
from models.generation.graph import Graphs, played

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

    def play(self, code: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take the code (1, 1, code) of a bar, around 0; return the guess (code,) of the next, and the state."""
        hidden, (h, c) = self.lstm(code, (h, c))
        return self.guess(hidden)[0, 0], h, c

    def graphs(self) -> Graphs:
        """Return the step of a bar, and the encoder of any number of bars."""
        sizes, state = self.auto.config.sizes, torch.zeros(1, 1, self.lstm.hidden_size)
        inputs = {"code": torch.zeros(1, 1, sizes[-1]), "h_in": state, "c_in": state}
        encoder = played(self.auto, self.auto.encode, {"bars": torch.zeros(2, sizes[0])}, ("codes",))
        return {
            "": played(self, self.play, inputs, ("guess", "h_out", "c_out")),
            "encoder": replace(encoder, dynamic={"bars": {0: "bar"}, "codes": {0: "bar"}}),
        }
