"""Networks that write a block at once: they fill in what is missing, or decode a latent code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import Settings, check, plain, ranged, require
from models.generation.graph import Graphs, layers_of, played

__all__ = [
    "DeepBach",
    "DeepBachConfig",
    "MiniBach",
    "MiniBachConfig",
    "StackConfig",
    "StackedAutoencoder",
    "Vrae",
    "VraeConfig",
]

PLAY_BATCH = 8  # of the example of windows
VOICE_PARTS = ("", "alto", "tenor", "bass")


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniBachConfig(Settings):
    """Set the sizes of MiniBach."""

    n_steps: int = ranged(64, 1, 1024, "length of the window; 64 sixteenths are four bars", unit="steps")
    n_tokens: int = ranged(59, 2, 4096, "tokens of a voice")
    hidden: int = ranged(200, 1, 8192, "units of the hidden layer")
    dropout: float = ranged(0.3, 0, 0.95, "dropout of the hidden layer")


class MiniBach(nn.Module):
    """Map a one-hot soprano to alto, tenor and bass by one hidden layer (Briot et al. 2017, section 6.1.1)."""

    def __init__(self, config: MiniBachConfig) -> None:
        super().__init__()
        self.config = c = config
        self.hidden = nn.Linear(c.n_steps * c.n_tokens, c.hidden)
        self.drop = nn.Dropout(c.dropout)
        self.out = nn.Linear(c.hidden, c.n_steps * 3 * c.n_tokens)

    def logits(self, soprano: Tensor) -> Tensor:
        """Return logits (batch, step, 3, token) for soprano tokens (batch, step)."""
        x = F.one_hot(soprano, self.config.n_tokens).flatten(1).float()
        out: Tensor = self.out(self.drop(torch.relu(self.hidden(x))))
        return out.view(-1, self.config.n_steps, 3, self.config.n_tokens)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the nats (batch, step, 3) of the lower voices of frames (batch, step, 4)."""
        logits = self.logits(frames[..., 0])
        nll = F.cross_entropy(logits.flatten(0, 2), frames[..., 1:].flatten(), reduction="none")
        return nll.view(frames[..., 1:].shape)

    def graphs(self) -> Graphs:
        """Return the whole: logits (1, step, 3, token) of a soprano (1, step) of tokens."""
        soprano = torch.zeros(1, self.config.n_steps, dtype=torch.long)
        return {"": played(self, self.logits, {"soprano": soprano}, ("logits",))}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepBachConfig(Settings):
    """Set the sizes of DeepBach; the defaults are the published ones."""

    n_tokens: int = ranged(60, 2, 4096, "tokens of a voice")
    n_phases: int = ranged(16, 1, 192, "positions in the bar")
    embed: int = ranged(20, 1, 4096, "size of each embedding")
    hidden: int = ranged(256, 1, 8192, "units of each LSTM layer and of the present's layer")
    merge: int = ranged(256, 1, 8192, "units of the layer that merges past, present and future")
    window: int = ranged(32, 1, 256, "context on each side", unit="steps")
    dropout: float = ranged(0.2, 0, 0.95, "dropout of the merging layer")


class DeepBach(nn.Module):
    """Estimate one note from all notes within `window` steps around it, one network a voice (Hadjeres et al. 2017)."""

    def __init__(self, config: DeepBachConfig) -> None:
        super().__init__()
        self.config = c = config
        self.embed = nn.ModuleList(nn.Embedding(c.n_tokens, c.embed) for _ in range(4))
        self.phase = nn.Embedding(c.n_phases, c.embed)
        self.fermata = nn.Embedding(2, c.embed)
        width = 6 * c.embed
        self.past = nn.ModuleList(nn.LSTM(width, c.hidden, 2, batch_first=True) for _ in range(4))
        self.future = nn.ModuleList(nn.LSTM(width, c.hidden, 2, batch_first=True) for _ in range(4))
        self.present = nn.ModuleList(nn.Sequential(nn.Linear(5 * c.embed, c.hidden), nn.ReLU()) for _ in range(4))
        self.merge = nn.ModuleList(
            nn.Sequential(nn.Linear(3 * c.hidden, c.merge), nn.ReLU(), nn.Dropout(c.dropout)) for _ in range(4)
        )
        self.out = nn.ModuleList(nn.Linear(c.merge, c.n_tokens) for _ in range(4))

    def logits(self, v: int, frames: Tensor, phase: Tensor, fermata: Tensor) -> Tensor:
        """Return logits (batch, token) of voice v in the middle of windows (batch, 2 * window + 1, 4).

        phase, fermata: (batch, 2 * window + 1). The note itself is not read.
        """
        w = self.config.window
        voices = [self.embed[u](frames[..., u]) for u in range(4)]
        meta = [self.phase(phase), self.fermata(fermata)]
        around = torch.cat([*voices, *meta], dim=2)
        past = self.past[v](around[:, :w])[0][:, -1]
        future = self.future[v](around[:, w + 1 :].flip(1))[0][:, -1]
        here = torch.cat([x[:, w] for x in (*(voices[u] for u in range(4) if u != v), *meta)], dim=1)
        merged = self.merge[v](torch.cat([past, self.present[v](here), future], dim=1))
        logits: Tensor = self.out[v](merged)
        return logits

    def forward(self, v: int, frames: Tensor, phase: Tensor, fermata: Tensor) -> Tensor:
        """Return the nats (batch,) of the middle token of voice v."""
        wanted = frames[:, self.config.window, v]
        return F.cross_entropy(self.logits(v, frames, phase, fermata), wanted, reduction="none")

    def graphs(self) -> Graphs:
        """Return the network of each voice: logits (batch, token) of windows."""
        window = torch.zeros(PLAY_BATCH, 2 * self.config.window + 1, dtype=torch.long)
        inputs = {"frames": window[..., None].repeat(1, 1, 4), "phase": window, "fermata": window}
        dynamic = {name: {0: "batch"} for name in (*inputs, "logits")}
        voices = [played(self, partial(self.logits, v), inputs, ("logits",)) for v in range(4)]
        return {part: replace(voice, dynamic=dynamic) for part, voice in zip(VOICE_PARTS, voices, strict=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig(Settings):
    """Set the layers of a stacked autoencoder."""

    sizes: tuple[int, ...] = plain((64 * 88, 1024, 256, 64, 16), "sizes of the layers from the input to the code")
    binary: bool = plain(True, "whether inputs are 0 and 1; real inputs are trained by squared error")
    corrupt: float = ranged(0.2, 0, 0.95, "share of the inputs set to 0 in training")

    def __post_init__(self) -> None:
        check(self)
        require("layers", len(self.sizes), 2, 16)


class StackedAutoencoder(nn.Module):
    """Encode to a narrow code and decode (DeepHear, deepAC); each layer may first be trained as an RBM."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.config = config
        pairs = list(pairwise(config.sizes))
        self.down = nn.ModuleList(nn.Linear(a, b) for a, b in pairs)
        self.up = nn.ModuleList(nn.Linear(b, a) for a, b in reversed(pairs))

    def encode(self, x: Tensor) -> Tensor:
        """Return the code (batch, code), 0 to 1, of inputs (batch, input)."""
        for layer in self.down:
            x = torch.sigmoid(layer(x))
        return x

    def decode(self, code: Tensor) -> Tensor:
        """Return logits, or values where inputs are real, (batch, input) of codes (batch, code)."""
        for layer in self.up[:-1]:
            code = torch.sigmoid(layer(code))
        out: Tensor = self.up[-1](code)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Return the loss (batch,): nats over all bits, or the squared error."""
        kept = x * (torch.rand_like(x) >= self.config.corrupt) if self.training else x
        out = self.decode(self.encode(kept))
        if self.config.binary:
            return F.binary_cross_entropy_with_logits(out, x, reduction="none").sum(1)
        return ((out - x) ** 2).sum(1)

    @torch.no_grad()
    def pretrain(self, x: Tensor, layer: int, rate: float = 0.05) -> float:
        """Update a layer once as an RBM with tied weights by CD-1 on its inputs x; return the mean squared error."""
        down = layers_of(self.down, nn.Linear)[layer]
        up = layers_of(self.up, nn.Linear)[len(self.down) - 1 - layer]
        h = torch.sigmoid(down(x))
        seen = torch.sigmoid(F.linear(torch.bernoulli(h), down.weight.T, up.bias))
        again = torch.sigmoid(down(seen))
        down.weight += rate * (h.T @ x - again.T @ seen) / len(x)
        down.bias.add_(rate * (h - again).mean(0))
        up.bias.add_(rate * (x - seen).mean(0))
        up.weight.copy_(down.weight.T)
        return float(((x - seen) ** 2).mean())

    def play(self, code: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Decode a code (1, code), 0 to 1; return probabilities (input,), and how its logits fail to give a target.

        target: bits (1, input) that should be 1; the second result is the gradient (code,) of their cross-entropy for
        the logits of the code, by back-propagation through the sigmoid layers
        """
        layers = [code]
        for layer in self.up[:-1]:
            layers.append(torch.sigmoid(layer(layers[-1])))
        p = torch.sigmoid(self.up[-1](layers[-1]))
        gradient = (p - target) * target
        for linear, x in zip(reversed(layers_of(self.up, nn.Linear)), reversed(layers), strict=True):
            gradient = (gradient @ linear.weight) * x * (1 - x)
        return p[0], gradient[0]

    def graphs(self) -> Graphs:
        """Return the decoder, and the gradient that finds a code."""
        inputs = {"code": torch.zeros(1, self.config.sizes[-1]), "target": torch.zeros(1, self.config.sizes[0])}
        return {"": played(self, self.play, inputs, ("p", "gradient"))}


def sounding(tokens: Tensor) -> Tensor:
    """Return the last token (batch, time) but a hold, 0, up to each step."""
    steps = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    return tokens.gather(1, torch.where(tokens > 0, steps, 0).cummax(1).values)


@dataclass(frozen=True, slots=True, kw_only=True)
class VraeConfig(Settings):
    """Set the sizes of a recurrent variational autoencoder; it reads either bits or tokens."""

    n_bits: int = ranged(0, 0, 8192, "bits of a roll's step; 0 for tokens")
    n_tokens: int = ranged(0, 0, 8192, "tokens of a melody's step; 0 for bits")
    hidden: int = ranged(500, 1, 8192, "units of the encoder and of the decoder")
    latent: int = ranged(20, 1, 4096, "size of the code")
    history: bool = plain(False, "whether the decoder reads what it wrote (VRASH) beside the code (VRAE)")
    kl_weight: float = ranged(1.0, 0, 10, "weight of the code's divergence from the unit Gaussian")

    def __post_init__(self) -> None:
        check(self)
        require("n_bits or n_tokens", self.n_bits + self.n_tokens, 1, 8192)


class Vrae(nn.Module):
    """Encode a sequence into one Gaussian code and decode it again (Fabius & van Amersfoort 2014)."""

    def __init__(self, config: VraeConfig) -> None:
        super().__init__()
        self.config = c = config
        width = c.n_bits or c.n_tokens
        self.encoder = nn.LSTM(width, c.hidden, batch_first=True)
        self.to_code = nn.Linear(c.hidden, 2 * c.latent)
        self.from_code = nn.Linear(c.latent, 2 * c.hidden)
        self.decoder = nn.LSTM(c.latent + (width if c.history else 0), c.hidden, batch_first=True)
        self.out = nn.Linear(c.hidden, width)

    def _inputs(self, x: Tensor) -> Tensor:
        return x if self.config.n_bits else F.one_hot(x, self.config.n_tokens).float()

    def start(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Return the decoder's first state for codes (batch, latent)."""
        h, c = torch.tanh(self.from_code(code)).chunk(2, dim=1)
        return h[None].contiguous(), c[None].contiguous()

    def step(self, code: Tensor, before: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return logits (batch, time, width) after inputs `before`, which only a decoder with history reads."""
        repeated = code[:, None].expand(-1, before.shape[1], -1)
        inputs = torch.cat([repeated, before], dim=2) if self.config.history else repeated
        hidden, state = self.decoder(inputs, state)
        return self.out(hidden), state

    def forward(self, x: Tensor, mean_only: bool = False) -> tuple[Tensor, Tensor]:
        """Return the nats of the sequence given its code and the code's divergence from the unit Gaussian, (batch,).

        With history, the first step of x is what came before the sequence, and the decoder reads each token together
        with the one that struck what sounds.
        """
        inputs, history = self._inputs(x), None
        if self.config.history:
            held = F.one_hot(sounding(x), self.config.n_tokens).float()
            history, inputs, x = torch.maximum(inputs, held)[:, :-1], inputs[:, 1:], x[:, 1:]
        mean, log_var = self.to_code(self.encoder(inputs)[0][:, -1]).chunk(2, dim=1)
        code = mean if mean_only else mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        logits, _ = self.step(code, inputs if history is None else history, self.start(code))
        divergence = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
        if self.config.n_bits:
            return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2)), divergence
        nll = F.cross_entropy(logits.flatten(0, 1), x.flatten(), reduction="none").view(x.shape)
        return nll.sum(1), divergence

    def play_start(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Return the decoder's first state for a code (1, latent)."""
        return self.start(code)

    def play(self, code: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """Return logits (width,) of the next step, and the state.

        rest: the step before (1, 1, width), if the decoder reads it, and the state
        """
        before = rest[0] if self.config.history else code[:, None]
        logits, state = self.step(code, before, (rest[-2], rest[-1]))
        return (logits[0, 0], *state)

    def graphs(self) -> Graphs:
        """Return the decoder's step, and its start from a code."""
        c = self.config
        code, state = torch.zeros(1, c.latent), torch.zeros(1, 1, c.hidden)
        before = {"before": torch.zeros(1, 1, c.n_bits or c.n_tokens)} if c.history else {}
        inputs = {"code": code, **before, "h_in": state, "c_in": state}
        return {
            "": played(self, self.play, inputs, ("logits", "h_out", "c_out")),
            "start": played(self, self.play_start, {"code": code}, ("h", "c")),
        }
