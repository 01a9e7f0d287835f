"""Networks over piano rolls: Boltzmann machines, and the bi-axial LSTM."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import Settings, plain, ranged
from models.generation.graph import Graphs, played

__all__ = [
    "Biaxial",
    "BiaxialConfig",
    "Rbm",
    "RnnRbm",
    "RnnRbmConfig",
]


PLAY_ROUNDS = 25  # of Gibbs sampling of a step that is played


class Rbm(nn.Module):
    """A restricted Boltzmann machine with energy E(v, h) = -v W h - b v - c h; its biases may differ at each step."""

    def __init__(self, n_visible: int, n_hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_visible, n_hidden) * 0.01)
        self.b = nn.Parameter(torch.zeros(n_visible))
        self.c = nn.Parameter(torch.zeros(n_hidden))

    def free_energy(self, v: Tensor, b: Tensor, c: Tensor) -> Tensor:
        """Return -log of the sum over h of exp(-E), (...)."""
        return -(v * b).sum(-1) - F.softplus(v @ self.weight + c).sum(-1)

    def gibbs(self, v: Tensor, b: Tensor, c: Tensor, steps: int, clamp: Tensor | None = None) -> Tensor:
        """Sample by block Gibbs steps from v; clamp: units that stay."""
        first = v
        with torch.no_grad():
            for _ in range(steps):
                h = torch.bernoulli(torch.sigmoid(v @ self.weight + c))
                v = torch.bernoulli(torch.sigmoid(h @ self.weight.T + b))
                v = v if clamp is None else torch.where(clamp, first, v)
        return v

    def log_partition(self, b: Tensor, c: Tensor, n_chains: int = 64, n_temperatures: int = 200) -> Tensor:
        """Estimate log Z (n,) for biases (n, unit) by annealed importance sampling.

        Neal (2001); Salakhutdinov & Murray (2008). The chain starts at weights 0 and the same visible biases.
        """
        n, n_hidden = len(b), c.shape[1]
        b, c = b.repeat_interleave(n_chains, 0), c.repeat_interleave(n_chains, 0)
        v = torch.bernoulli(torch.sigmoid(b))
        log_weight = torch.zeros(len(v), device=b.device)
        betas = torch.linspace(0, 1, n_temperatures + 1, device=b.device)
        for before, beta in pairwise(betas):
            inner = v @ self.weight + c
            log_weight += (F.softplus(beta * inner) - F.softplus(before * inner)).sum(1)
            h = torch.bernoulli(torch.sigmoid(beta * inner))
            v = torch.bernoulli(torch.sigmoid(beta * (h @ self.weight.T) + b))
        base = F.softplus(b).sum(1) + n_hidden * torch.log(torch.tensor(2.0))
        chains = (log_weight + base).view(n, n_chains)
        return torch.logsumexp(chains, 1) - torch.log(torch.tensor(float(n_chains)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RnnRbmConfig(Settings):
    """Set the sizes of an RNN-RBM; the sizes and `cd` are the published ones."""

    n_visible: int = ranged(88, 1, 4096, "visible units")
    n_hidden: int = ranged(150, 1, 8192, "hidden units")
    n_recurrent: int = ranged(100, 1, 8192, "recurrent units")
    cd: int = ranged(15, 1, 1000, "Gibbs steps of contrastive divergence")
    # Dropout and blanking delay overfitting on 229 chorales; they do not prevent it.
    dropout: float = ranged(0.5, 0, 0.9, "dropout of the recurrent units")
    blank: float = ranged(0.3, 0, 0.9, "share of past notes hidden from the recurrent units in training")


class RnnRbm(nn.Module):
    """Set the biases of an RBM at each step from the past (Boulanger-Lewandowski et al. 2012, equations 7 to 9)."""

    def __init__(self, config: RnnRbmConfig) -> None:
        super().__init__()
        self.config = config
        self.rbm = Rbm(config.n_visible, config.n_hidden)
        self.rnn = nn.LSTM(config.n_visible, config.n_recurrent, batch_first=True)
        self.to_b = nn.Linear(config.n_recurrent, config.n_visible, bias=False)
        self.to_c = nn.Linear(config.n_recurrent, config.n_hidden, bias=False)
        self.drop = nn.Dropout(config.dropout)

    def biases(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Return both biases (batch, time, unit) for each step of past (batch, time, visible), from earlier steps."""
        shifted = F.pad(past, (0, 0, 1, 0))[:, :-1]
        if self.training and self.config.blank:
            shifted = shifted * (torch.rand_like(shifted) >= self.config.blank)
        hidden = self.drop(self.rnn(shifted)[0])
        return self.rbm.b + self.to_b(hidden), self.rbm.c + self.to_c(hidden)

    def forward(self, roll: Tensor) -> tuple[Tensor, Tensor]:
        """Return the contrastive loss (batch, time), whose gradient is CD-k's, and the mean-field cross-entropy."""
        b, c = self.biases(roll)
        negative = self.rbm.gibbs(roll, b.detach(), c.detach(), self.config.cd)
        loss = self.rbm.free_energy(roll, b, c) - self.rbm.free_energy(negative, b, c)
        with torch.no_grad():
            mean = torch.sigmoid(torch.sigmoid(roll @ self.rbm.weight + c) @ self.rbm.weight.T + b)
            cross = F.binary_cross_entropy(mean.clamp(1e-6, 1 - 1e-6), roll, reduction="none").sum(2)
        return loss, cross

    @torch.no_grad()
    def nll(self, roll: Tensor, n_chains: int = 64, n_temperatures: int = 200) -> Tensor:
        """Return the nats of every step of a piece (1, time, visible); log Z by annealed importance sampling."""
        b, c = self.biases(roll)
        energy = self.rbm.free_energy(roll, b, c)[0]
        return energy + self.rbm.log_partition(b[0], c[0], n_chains, n_temperatures)

    def play(self, v: Tensor, uniform: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        """Take a step v (1, 1, visible); return a sample of the next one (visible,), its biases, and the state.

        uniform: random numbers (round, hidden + visible), 0 to 1, that decide the rounds of Gibbs sampling
        """
        past, (h, c) = self.rnn(v, (h, c))
        b, bias = self.rbm.b + self.to_b(past)[0], self.rbm.c + self.to_c(past)[0]
        row, n_hidden = v[0], self.config.n_hidden
        for numbers in uniform.unbind(0):
            hidden = (numbers[:n_hidden] < torch.sigmoid(row @ self.rbm.weight + bias)).float()
            row = (numbers[n_hidden:] < torch.sigmoid(hidden @ self.rbm.weight.T + b)).float()
        return row[0], b[0], bias[0], h, c

    def graphs(self) -> Graphs:
        """Return the step."""
        config = self.config
        state = torch.zeros(1, 1, config.n_recurrent)
        uniform = torch.zeros(PLAY_ROUNDS, config.n_hidden + config.n_visible)
        inputs = {"v": torch.zeros(1, 1, config.n_visible), "uniform": uniform, "h_in": state, "c_in": state}
        return {"": played(self, self.play, inputs, ("sample", "visible_bias", "hidden_bias", "h_out", "c_out"))}


VICINITY, CHROMA, PHASES = 25, 12, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BiaxialConfig(Settings):
    """Set the sizes of the bi-axial LSTM; the defaults are the published ones."""

    time: tuple[int, int] = plain((300, 300), "units of the two layers along time")
    note: tuple[int, int] = plain((100, 50), "units of the two layers along pitch")
    low: int = ranged(24, 0, 127, "lowest MIDI pitch")
    n_pitches: int = ranged(78, 1, 128, "number of pitches")
    dropout: float = ranged(0.5, 0, 0.95, "dropout of every layer")


class Biaxial(nn.Module):
    """Estimate rolls (batch, time, pitch, 2) of (sounds, is struck): LSTMs along time, then along pitch.

    Johnson (2015), "Hexahedria". All pitches share the weights.
    """

    height: Tensor
    chroma: Tensor

    def __init__(self, config: BiaxialConfig) -> None:
        super().__init__()
        self.config = c = config
        width = 1 + CHROMA + 2 * VICINITY + CHROMA + PHASES  # 79; along pitch, the note below besides
        self.along_time = nn.ModuleList([nn.LSTM(width, c.time[0]), nn.LSTM(c.time[0], c.time[1])])
        self.along_pitch = nn.ModuleList([nn.LSTM(c.time[1] + 2, c.note[0]), nn.LSTM(c.note[0], c.note[1])])
        self.drop = nn.Dropout(c.dropout)
        self.out = nn.Linear(c.note[1], 2)
        pitch = torch.arange(c.n_pitches) + c.low
        self.register_buffer("height", pitch.float()[:, None] / 127)
        self.register_buffer("chroma", F.one_hot(pitch % 12, 12).float())

    def features(self, roll: Tensor, phase: Tensor) -> Tensor:
        """Return the features (.., pitch, 79) of a step: height, chroma, two octaves around the pitch, chord, beat."""
        half = VICINITY // 2
        padded, n = F.pad(roll, (0, 0, half, half)), self.config.n_pitches
        near = torch.stack([padded[:, :, k : k + n] for k in range(VICINITY)], dim=4).flatten(3)  # (.., 2 * 25)
        chord = roll[..., 0] @ self.chroma
        shape = (*roll.shape[:3], -1)
        bits = [torch.div(phase, 1 << bit, rounding_mode="floor") % 2 for bit in range(PHASES)]
        beat = torch.stack([bit.float() * 2 - 1 for bit in bits], dim=-1)
        parts = [self.height.expand(shape), self.chroma.expand(shape), near]
        parts += [chord[:, :, None].expand(shape), beat[:, :, None].expand(shape)]
        return torch.cat(parts, dim=3)

    def forward(self, roll: Tensor, phase: Tensor) -> Tensor:
        """Return the nats (batch, time) of roll[:, 1:]; phase: (batch, time) of the steps before."""
        x = self.features(roll[:, :-1], phase)
        batch, time, pitches, _ = x.shape
        x = x.permute(1, 0, 2, 3).flatten(1, 2)
        for layer in self.along_time:
            x = self.drop(layer(x)[0])
        wanted = roll[:, 1:].permute(2, 1, 0, 3).flatten(1, 2)  # (pitch, time * batch, 2)
        x = x.view(time, batch, pitches, -1).permute(2, 0, 1, 3).flatten(1, 2)
        x = torch.cat([x, F.pad(wanted, (0, 0, 0, 0, 1, 0))[:-1]], dim=2)
        for layer in self.along_pitch:
            x = self.drop(layer(x)[0])
        nll = F.binary_cross_entropy_with_logits(self.out(x), wanted, reduction="none")
        struck = nll[..., 1] * wanted[..., 0]  # a silent note is neither struck nor held
        return (nll[..., 0] + struck).sum(0).view(time, batch).T

    def play_time(self, roll: Tensor, phase: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Take a step of roll (1, 1, pitch, 2) and its phase (1, 1); return features (pitch, unit) and the states."""
        x = self.features(roll, phase).flatten(0, 2)[None]
        x, first = self.along_time[0](x, (state[0], state[1]))
        x, second = self.along_time[1](x, (state[2], state[3]))
        return (x[0], *first, *second)

    def play_pitch(self, x: Tensor, below: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Take a pitch's features (1, unit) and the note below (1, 2); return its probabilities (2,) and the states."""
        y, first = self.along_pitch[0](torch.cat([x, below], dim=1)[None], (state[0], state[1]))
        y, second = self.along_pitch[1](y, (state[2], state[3]))
        return (torch.sigmoid(self.out(y))[0, 0], *first, *second)

    def graphs(self) -> Graphs:
        """Return the step along time of all pitches, and that along pitch."""
        c = self.config
        names = [f"{part}{layer}" for layer in (0, 1) for part in "hc"]
        roll, phase = torch.zeros(1, 1, c.n_pitches, 2), torch.zeros(1, 1, dtype=torch.long)
        time = {f"{name}_in": torch.zeros(1, c.n_pitches, c.time[int(name[1])]) for name in names}
        note = {f"{name}_in": torch.zeros(1, 1, c.note[int(name[1])]) for name in names}
        after = tuple(f"{name}_out" for name in names)
        x, below = torch.zeros(1, c.time[1]), torch.zeros(1, 2)
        return {
            "": played(self, self.play_time, {"roll": roll, "phase": phase, **time}, ("features", *after)),
            "pitch": played(self, self.play_pitch, {"x": x, "below": below, **note}, ("p", *after)),
        }
