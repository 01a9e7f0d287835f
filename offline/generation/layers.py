"""Layers in numpy, one row at a time, with the names that torch gives to weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["Lstm", "linear", "sigmoid"]

Weights = Mapping[str, np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5)


def linear(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    """X (.., in) through the layer `name`; without a bias where it has none."""
    out = x @ weights[f"{name}.weight"].T
    return out + weights[f"{name}.bias"] if f"{name}.bias" in weights else out


class Lstm:
    """Stacked LSTM layers with their state; rows (batch, in) -> (batch, hidden).

    Hochreiter & Schmidhuber (1997) with forget gates, gates in torch's order: input, forget, cell, output.
    """

    def __init__(self, weights: Weights, name: str, n_layers: int = 1, batch: int = 1) -> None:
        suffixes = [f"_l{i}" for i in range(n_layers)] if f"{name}.weight_ih_l0" in weights else [""] * n_layers
        self._layers = [
            (
                np.ascontiguousarray(np.hstack([weights[f"{name}.weight_{k}{s}"] for k in ("ih", "hh")]).T),
                weights[f"{name}.bias_ih{s}"] + weights[f"{name}.bias_hh{s}"],
            )
            for s in suffixes
        ]
        self.hidden = len(self._layers[0][1]) // 4
        self.batch = batch
        self.reset()

    def reset(self) -> None:
        """Begin from zeros."""
        shape = (len(self._layers), self.batch, self.hidden)
        self.h, self.c = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def step(self, x: np.ndarray) -> np.ndarray:
        """One row of the sequence, (batch, in)."""
        n = self.hidden
        for i, (matrix, bias) in enumerate(self._layers):
            gates = np.concatenate([x, self.h[i]], axis=1) @ matrix + bias
            squashed = sigmoid(gates)
            self.c[i] = squashed[:, n : 2 * n] * self.c[i] + squashed[:, :n] * np.tanh(gates[:, 2 * n : 3 * n])
            x = self.h[i] = squashed[:, 3 * n :] * np.tanh(self.c[i])
        return x

    def run(self, rows: np.ndarray) -> np.ndarray:
        """A whole sequence (time, batch, in) from where it stands; the last output."""
        out = self.h[-1]
        for row in rows:
            out = self.step(row)
        return out
