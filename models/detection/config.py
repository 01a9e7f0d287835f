"""The settings of the sound event network and its loss; light to import, since `--help` reads them."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass
from typing import Any

from engine.core.config import Settings, check, choice, plain, ranged, require
from engine.core.errors import ConfigError

__all__ = ["CrnnConfig", "CrnnOptions", "EmbeddingInput", "LossConfig"]

FILTERS = (16, 32, 64, 128, 128, 128, 128)  # table 1
BANDS = 2 ** len(FILTERS)  # every stack halves them


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingInput(Settings):
    """A pretrained embedding that the network fuses with the log-mel (section 3)."""

    name: str = plain(MISSING, "name of the embedding")
    n_in: int = ranged(MISSING, 1, 65_536, "numbers of a vector")
    n_out: int = ranged(16, 1, 1024, "numbers that a vector is projected to")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrnnOptions(Settings):
    """What can be chosen about the network; the defaults are the paper's."""

    activation: str = choice("relu", ("relu", "glu"), "nonlinearity; glu are gated linear units, as in DCASE baselines")
    causal: bool = plain(False, "causal convolutions and a unidirectional GRU, for live use")
    look_ahead: int = ranged(
        0, 0, 8, "steps of 66 ms that a causal network waits before it reports a step", unit="steps"
    )
    dropout: float = ranged(1 / 3, 0, 0.9, "share of the activations that are dropped")
    drop_channels: bool = plain(False, "drop whole channels of a clip at once: half the training time on a CPU")
    momentum: float = ranged(0.1, 1e-4, 1, "share of a batch in the running statistics of batch normalisation")
    filters: tuple[int, ...] = plain(FILTERS, "channels of the seven convolution stacks")
    hidden: int = ranged(128, 1, 4096, "size of the two recurrent layers")
    spectral: bool = plain(True, "use the log-mel besides the embeddings")
    onsets: bool = plain(False, "learn by a second output, too, where sounds begin; only training uses it")

    def __post_init__(self) -> None:
        check(self)
        if self.look_ahead and not self.causal:
            raise ConfigError("look_ahead", expected="0 for a bidirectional network", got=str(self.look_ahead))
        if len(self.filters) != len(FILTERS):
            got = ", ".join(map(str, self.filters))
            raise ConfigError("filters", expected=f"{len(FILTERS)} numbers, one for each stack", got=got)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrnnConfig(CrnnOptions):
    """Everything that rebuilds the network: what was chosen, and what the data gave."""

    classes: tuple[str, ...] = plain(MISSING, "labels of the classes")
    n_mels: int = ranged(BANDS, BANDS, BANDS, "log-mel bands")
    embeddings: tuple[EmbeddingInput, ...] = plain((), "embeddings that are fused")

    def __post_init__(self) -> None:
        CrnnOptions.__post_init__(self)
        require("number of classes", len(self.classes), 1, 10_000)
        if not (self.spectral or self.embeddings):
            raise ConfigError("spectral", expected="true where there is no embedding", got="false")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for checkpoints and cards, which `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CrnnConfig:
        """Rebuild the config from the values of `as_dict`, also where JSON made lists of tuples."""
        known = dict(values)
        known["embeddings"] = tuple(EmbeddingInput(**e) for e in known.get("embeddings", ()))
        for name in ("classes", "filters"):
            if name in known:
                known[name] = tuple(known[name])
        return cls(**known)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig(Settings):
    """Weights of the parts of the loss; the paper's are 1 for `weak`, 2 for `consistency`, 0 for `strong`."""

    weak: float = ranged(1.0, 0, 1000, "weight of the labels of whole clips")
    strong: float = ranged(1.0, 0, 1000, "weight of the labels of steps")
    consistency: float = ranged(2.0, 0, 1000, "weight of the agreement with the teacher")
    onset: float = ranged(0.5, 0, 1000, "weight of the output that learns where sounds begin, where there is one")
    edges: float = ranged(1.0, 0, 1000, "weight of the four steps after each onset and offset, against other steps")
