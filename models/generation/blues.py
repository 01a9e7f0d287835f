"""The blues networks: LSTM cells in blocks that share their gates (Eck & Schmidhuber 2002)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import Settings, ranged
from models.generation.graph import Graphs, played

__all__ = ["BlockLstm", "BluesConfig", "BluesLstm"]

State = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class BluesConfig(Settings):
    """Set the sizes of the blues networks; the defaults are the published ones."""

    n_chord: int = ranged(12, 1, 128, "bits of the chords")
    n_melody: int = ranged(13, 0, 128, "bits of the melody; 0 for chords alone")
    blocks: int = ranged(4, 1, 1024, "memory blocks of the chords, and as many of the melody")
    cells: int = ranged(2, 1, 64, "cells of a block, which share its three gates")


class BlockLstm(nn.Module):
    """An LSTM layer of memory blocks: each block has an input, a forget and an output gate for all its cells."""

    def __init__(self, n_inputs: int, blocks: int, cells: int) -> None:
        super().__init__()
        self.cells, self.hidden = cells, blocks * cells
        self.gates = nn.Linear(n_inputs + self.hidden, 3 * blocks)
        self.content = nn.Linear(n_inputs + self.hidden, self.hidden)
        with torch.no_grad():
            self.gates.bias[blocks : 2 * blocks] = 1.0  # remember at first

    def step(self, x: Tensor, state: State) -> State:
        """Return the outputs and the contents (batch, cell) after inputs (batch, n_inputs)."""
        seen = torch.cat([x, state[0]], dim=1)
        gates = torch.sigmoid(self.gates(seen)).repeat_interleave(self.cells, dim=1)
        take, keep, show = gates.chunk(3, dim=1)
        content = keep * state[1] + take * torch.tanh(self.content(seen))
        return show * torch.tanh(content), content

    def run(self, x: Tensor) -> Tensor:
        """Return the outputs (batch, time, cell) of a sequence (batch, time, n_inputs), as steps from zero give them.

        An LSTM whose cells of one block have equal rows of gate weights is this layer, and runs at once.
        """
        n, zero = x.shape[2], x.new_zeros(1, len(x), self.hidden)
        rows = [row.repeat_interleave(self.cells, dim=0) for row in self.gates.weight.chunk(3)]
        offsets = [row.repeat_interleave(self.cells) for row in self.gates.bias.chunk(3)]
        weight = torch.cat([*rows[:2], self.content.weight, rows[2]])  # input, forget, content, output, as torch's
        bias = torch.cat([*offsets[:2], self.content.bias, offsets[2]])
        parameters = [weight[:, :n], weight[:, n:], bias, torch.zeros_like(bias)]
        out: Tensor = torch.lstm(x, (zero, zero), parameters, True, 1, 0.0, self.training, False, True)[0]
        return out


class BluesLstm(nn.Module):
    """Estimate the bits of chords and of a melody, each by its own blocks; only the melody's read both.

    Eck & Schmidhuber (2002), section 4: four blocks of two cells for the chords, four for the melody.
    """

    def __init__(self, config: BluesConfig) -> None:
        super().__init__()
        self.config = c = config
        self.chords = BlockLstm(c.n_chord, c.blocks, c.cells)
        self.chord_bits = nn.Linear(self.chords.hidden, c.n_chord)
        if c.n_melody:
            self.melody = BlockLstm(c.n_chord + c.n_melody + self.chords.hidden, c.blocks, c.cells)
            self.melody_bits = nn.Linear(2 * self.chords.hidden, c.n_melody)

    def initial(self, batch: int) -> tuple[State, State]:
        """Return the states of both layers before the first step."""
        zero = self.chord_bits.weight.new_zeros(batch, self.chords.hidden)
        return (zero, zero), (zero, zero)

    def step(self, bits: Tensor, states: tuple[State, State]) -> tuple[Tensor, tuple[State, State]]:
        """Return logits (batch, bit) of the step after `bits`, and the states."""
        n = self.config.n_chord
        first = self.chords.step(bits[:, :n], states[0])
        chords = self.chord_bits(first[0])
        if not self.config.n_melody:
            return chords, (first, states[1])
        harmony = first[0].detach()
        second = self.melody.step(torch.cat([bits, harmony], dim=1), states[1])
        melody = self.melody_bits(torch.cat([second[0], harmony], dim=1))
        return torch.cat([chords, melody], dim=1), (first, second)

    def logits(self, roll: Tensor) -> Tensor:
        """Return logits (batch, time, bit) of the next step's bits after each step of roll (batch, time, bit)."""
        harmony = self.chords.run(roll[:, :, : self.config.n_chord])
        chords = self.chord_bits(harmony)
        if not self.config.n_melody:
            return torch.as_tensor(chords)
        harmony = harmony.detach()
        melody = self.melody.run(torch.cat([roll, harmony], dim=2))
        return torch.cat([chords, self.melody_bits(torch.cat([melody, harmony], dim=2))], dim=2)

    def forward(self, roll: Tensor) -> Tensor:
        """Return the nats (batch, time) of roll[:, 1:], summed over bits."""
        logits = self.logits(roll[:, :-1])
        return F.binary_cross_entropy_with_logits(logits, roll[:, 1:], reduction="none").sum(dim=2)

    def play(self, bits: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Take a step's bits (1, bit); return the probabilities (bit,) of the next step's, and the states."""
        logits, states = self.step(bits, ((state[0], state[1]), (state[-2], state[-1])))
        memories = states[: len(state) // 2]
        return (torch.sigmoid(logits)[0], *(part for memory in memories for part in memory))

    def graphs(self) -> Graphs:
        """Return the step."""
        zero, c = self.initial(1)[0][0], self.config
        names = ("chords", "melody") if c.n_melody else ("chords",)
        states = [f"{name}_{part}" for name in names for part in "hc"]
        inputs = {"bits": torch.zeros(1, c.n_chord + c.n_melody), **{f"{name}_in": zero for name in states}}
        return {"": played(self, self.play, inputs, ("p", *(f"{name}_out" for name in states)))}
