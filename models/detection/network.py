"""The convolutional recurrent network of audio tagging and sound event detection, and its causal twin.

Boes & Van hamme, "Audiovisual transfer learning for audio tagging and sound event detection" (Interspeech 2021),
sections 2.1 and 3. Axes: log-mel (batch, frame, mel); probabilities (batch, step, class), a step being the
`POOL` = 4 log-mel frames that the two time poolings make one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import require, require_one_of
from engine.core.errors import ConfigError

__all__ = ["POOL", "Crnn", "CrnnConfig", "EmbeddingInput", "State", "linear_pool"]

TIME_POOLS = (2, 2, 1, 1, 1, 1, 1)  # Table 2
POOL = 4  # their product: log-mel frames a step
KERNEL = 3
State = list[Tensor]  # the hidden state (layer, batch, hidden), then per stack (batch, channel, 2, bin)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingInput:
    """A pretrained embedding that is fused: its name, its size (1 to 65,536), and the size it is projected to.

    Section 3: 16 (auditory) and 4 (visual) beside the spectral input, 64 and 16 without it.
    """

    name: str
    n_in: int
    n_out: int = 16

    def __post_init__(self) -> None:
        require("n_in", self.n_in, 1, 65_536)
        require("n_out", self.n_out, 1, 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrnnConfig:
    """What to build; the defaults are the paper's.

    classes: their labels; activation: "relu", or "glu" (gated linear units, as in DCASE baselines); causal: left
    convolutions and a GRU that runs forwards only, which can stream; look_ahead: steps (66 ms) that the causal
    network waits for before it speaks of a step, 0 to 8; dropout: 0 to 0.9; drop_channels: of whole channels of a
    clip at once, which takes half the time of a training on a CPU; momentum: of the batch-norm statistics; filters:
    channels of the seven stacks; hidden: size of the two recurrent layers; spectral: whether the log-mel is used at
    all; embeddings: what else is.
    """

    classes: tuple[str, ...]
    activation: str = "relu"
    causal: bool = False
    look_ahead: int = 0
    dropout: float = 1 / 3
    drop_channels: bool = False
    momentum: float = 0.1
    n_mels: int = 128
    filters: tuple[int, ...] = (16, 32, 64, 128, 128, 128, 128)
    hidden: int = 128
    spectral: bool = True
    embeddings: tuple[EmbeddingInput, ...] = ()

    def __post_init__(self) -> None:
        require_one_of("activation", self.activation, ("relu", "glu"))
        require("look_ahead", self.look_ahead, 0, 8 if self.causal else 0)
        require("dropout", self.dropout, 0.0, 0.9)
        require("momentum", self.momentum, 1e-4, 1.0)
        require("number of classes", len(self.classes), 1, 10_000)
        if len(self.filters) != 7 or self.n_mels != 2**7:
            got = f"{len(self.filters)} and {self.n_mels}"
            raise ConfigError("filters and n_mels", expected="7 stacks, which halve 128 bands to one", got=got)
        if not (self.spectral or self.embeddings):
            raise ConfigError("spectral", expected="true where there is no embedding", got="false")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for checkpoints and cards; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CrnnConfig:
        """The inverse of `as_dict`, from JSON too."""
        known = dict(values)
        known["embeddings"] = tuple(EmbeddingInput(**e) for e in known.get("embeddings", ()))
        for name in ("classes", "filters"):
            if name in known:
                known[name] = tuple(known[name])
        return cls(**known)


def linear_pool(probability: Tensor) -> Tensor:
    """Clip probabilities (batch, class) of step probabilities (batch, step, class): equation (1)."""
    return (probability**2).sum(1) / probability.sum(1).clamp_min(1e-7)


class Stack(nn.Module):
    """Convolution 3 x 3, batch norm, ReLU or GLU, dropout, average pooling: (batch, channel, frame, bin)."""

    def __init__(self, n_in: int, n_out: int, time_pool: int, config: CrnnConfig) -> None:
        super().__init__()
        self.causal = config.causal
        self.convolution = nn.Conv2d(n_in, n_out, KERNEL, padding=(0 if config.causal else 1, 1))
        self.norm = nn.BatchNorm2d(n_out, momentum=config.momentum)
        self.linear = nn.Conv2d(n_out, n_out, 1) if config.activation == "glu" else None
        self.dropout = (nn.Dropout2d if config.drop_channels else nn.Dropout)(config.dropout)
        self.pool = (time_pool, 2)

    def forward(self, x: Tensor, cache: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The stack's output and, if causal, its last two input frames, which the next call gets as `cache`."""
        x, cache = self.convolved(x, cache)
        x = self.norm(x)
        x = F.relu(x) if self.linear is None else self.linear(x) * torch.sigmoid(x)
        return F.avg_pool2d(self.dropout(x), self.pool), cache

    def convolved(self, x: Tensor, cache: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """What the batch norm sees, and the cache."""
        if self.causal:
            if cache is None:
                cache = x.new_zeros(x.shape[0], x.shape[1], KERNEL - 1, x.shape[3])
            x = torch.cat([cache.to(x.dtype), x], 2)
            cache = x[:, :, -(KERNEL - 1) :]
        return self.convolution(x), cache


class Crnn(nn.Module):
    """Log-mel and embeddings to logits (batch, step, class); `torch.sigmoid` of them are the step probabilities."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: CrnnConfig) -> None:
        super().__init__()
        self.config = config
        channels = (1, *config.filters)
        stacks = zip(channels, channels[1:], TIME_POOLS, strict=False) if config.spectral else ()
        self.stacks = nn.ModuleList(Stack(n_in, n_out, pool, config) for n_in, n_out, pool in stacks)
        self.projections = nn.ModuleList(nn.Linear(e.n_in, e.n_out) for e in config.embeddings)
        self.dropout = nn.Dropout(config.dropout)
        width = config.spectral * config.filters[-1] + sum(e.n_out for e in config.embeddings)
        self.recurrent = nn.GRU(width, config.hidden, num_layers=2, batch_first=True, bidirectional=not config.causal)
        self.head = nn.Linear(config.hidden * (1 if config.causal else 2), len(config.classes))
        self.register_buffer("mean", torch.zeros(config.n_mels))
        self.register_buffer("scale", torch.ones(config.n_mels))

    def set_statistics(self, mean: Tensor, deviation: Tensor) -> None:
        """Fix what each band is standardised by: its mean and standard deviation (n_mels), measured once."""
        self.mean.copy_(mean)
        self.scale.copy_(1 / deviation.clamp_min(1e-3))

    def forward(self, mel: Tensor, embeddings: tuple[Tensor, ...] = ()) -> Tensor:
        """Logits of a whole recording: mel (batch, frame, mel), embeddings (batch, step, n_in) each.

        The causal network sees `look_ahead` steps of nothing at the end, so that the last steps get an answer too.
        """
        ahead = self.config.look_ahead
        x = F.pad(self.standardised(mel), (0, 0, 0, POOL * ahead))
        side = [F.pad(e, (0, 0, 0, ahead)) for e in embeddings]
        logits, _ = self._run(x, side, None)
        return logits[:, ahead:]

    def stream(self, mel: Tensor, state: State, embeddings: tuple[Tensor, ...] = ()) -> tuple[Tensor, State]:
        """Logits of the next frames, a multiple of 4, and the new state; row t speaks of step t - look_ahead."""
        return self._run(self.standardised(mel), list(embeddings), state)

    def initial_state(self, batch: int = 1) -> State:
        """The state before the first frame: silence has passed."""
        if not self.config.causal:
            raise ConfigError("Crnn.stream", expected="a causal network", got="one that hears both ways")
        h = self.mean.new_zeros(2, batch, self.config.hidden)
        channels = (1, *self.config.filters)
        sizes = [(channels[i], self.config.n_mels >> i) for i in range(len(self.stacks))]
        return [h, *(self.mean.new_zeros(batch, c, KERNEL - 1, bins) for c, bins in sizes)]

    def standardised(self, mel: Tensor) -> Tensor:
        """Log-mel with each band brought to mean 0 and deviation 1."""
        return (mel - self.mean) * self.scale

    def _run(self, x: Tensor, embeddings: list[Tensor], state: State | None) -> tuple[Tensor, State]:
        caches: list[Any] = list(state[1:]) if state else [None] * len(self.stacks)
        parts = []
        if self.config.spectral:
            x = x[:, None]
            for i, stack in enumerate(self.stacks):
                x, caches[i] = stack(x, caches[i])
            parts.append(x[..., 0].transpose(1, 2))
        for projection, embedding in zip(self.projections, embeddings, strict=True):
            parts.append(self.dropout(F.relu(projection(embedding))))
        y, h = self.recurrent(torch.cat(parts, 2), state[0] if state else None)
        return self.head(y), [h, *caches]
