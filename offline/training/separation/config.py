"""The settings of training, exporting and blending networks that separate; light to import, for `--help`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from engine.core.config import Settings, check, choice, plain, ranged, require
from engine.core.errors import ConfigError
from engine.core.format import STEREO
from models.separation.config import ALPHA, FLOOR_DB, SEPARATOR_SIZES, TARGETS, SeparationNetworkConfig
from models.weight_bits import FLOAT_BITS, WEIGHT_BITS
from offline.training.common.config import ExportConfig, LoopConfig, RunConfig
from offline.training.separation.published import PRESET_NAMES, SEPARATION_PRESETS

__all__ = [
    "ARCHITECTURES",
    "BlendConfig",
    "SeparationExport",
    "SeparationObjective",
    "SeparationTable",
    "SeparationTraining",
    "StemMixConfig",
]

ARCHITECTURES = ("umx", "xumx", "bands")
WIDTHS = {"umx": (256, 3), "xumx": (256, 3), "bands": (64, 4)}  # units and layers where none are given


@dataclass(frozen=True, slots=True, kw_only=True)
class StemMixConfig(Settings):
    """How random the mixes are."""

    coherent: float = ranged(0.3, 0, 1, "share of examples that are one song as it is, not a mix across songs")
    gain_low: float = ranged(0.25, 0, 100, "smallest factor on a stem")
    gain_high: float = ranged(1.25, 0, 100, "largest factor on a stem")
    speed: float = ranged(0.08, 0, 0.5, "largest change of tempo and pitch together")
    tilt: float = ranged(0.3, 0, 0.9, "largest change of tone, by a first-order shelf")
    width: float = ranged(0.0, 0, 1, "largest change of stereo width; 1: from mono to twice as wide")
    wide: float = ranged(0.0, 0, 1, "share of stems made wide by a late copy of their middle, as in a chorus")
    mono: float = ranged(0.0, 0, 1, "share of examples in mono")
    drop: float = ranged(0.05, 0, 1, "probability that a target is silent")
    active: float = ranged(0.9, 0, 1, "share of excerpts chosen where the stem sounds")

    def __post_init__(self) -> None:
        check(self)
        require("gain_high", self.gain_high, self.gain_low, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationObjective(Settings):
    """What is minimised, on how much at once."""

    snr: bool = plain(False, "minimise the error in decibels instead of the paper's losses")
    floor_db: float = ranged(FLOOR_DB, -60, 0, "error of --snr below which nothing is gained", unit="dB")
    equalise_db: float = ranged(0.0, 0, 20, "deviation of each stem's random equaliser, with --snr", unit="dB")
    post_stft: bool = plain(False, "compare spectra of the stems' samples, figure 1b, not the masked ones")
    multi_domain: bool = plain(True, "add the loss in the time domain, equation (4)")
    combine: bool = plain(True, "add the losses of all combinations of targets, equation (7)")
    alpha: float = ranged(ALPHA, 0, 1e6, "weight of the loss in the time domain, equation (4)")
    batch: int = ranged(16, 1, 4096, "examples a step")
    segment_s: float = ranged(4.0, 0.2, 60, "length of an example", unit="s")
    mixed: bool = plain(True, "train in bfloat16 where it is safe")

    def __post_init__(self) -> None:
        check(self)
        if self.equalise_db and not self.snr:
            raise ConfigError("equalise_db", expected="--snr, which needs no samples", got="the paper's losses")
        if self.post_stft and self.snr:
            raise ConfigError("post_stft", expected="the paper's losses", got="--snr")
        if self.floor_db != FLOOR_DB and not self.snr:
            raise ConfigError("floor_db", expected="--snr, whose floor it is", got="the paper's losses")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationTraining(RunConfig):
    """Train a network that separates songs into stems."""

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = SEPARATION_PRESETS

    preset: str = choice("none", PRESET_NAMES, "settings as published; whatever is given besides wins")
    data: tuple[str, ...] = plain((), "folders of songs as stems: DIR[:WEIGHT[:bass+other]]")
    musdb: Path | None = plain(None, "folder of MUSDB18-HQ instead, with its own songs to validate on and to test on")
    validation: tuple[str, ...] = plain((), "names of the songs to validate on, never trained on")
    targets: tuple[str, ...] = plain(TARGETS, "stems to separate into")
    architecture: str = choice("xumx", ARCHITECTURES, "networks apart, networks that cross, or one network of bands")
    size: str = choice(
        "standard", tuple(sorted(SEPARATOR_SIZES)), "window and hop: 4096 and 1024 samples, or 1024 and 512"
    )
    hidden: int | None = ranged(None, 8, 4096, "units of an LSTM (default: 256; of bands 64)")
    layers: int | None = ranged(None, 1, 8, "layers of the LSTM (default: 3; of bands 4 blocks)")
    stereo: str = choice(STEREO[0], STEREO, "channels that the masks are for; mid-side of bands only")
    bidirectional: bool = plain(False, "look at the whole file; the network cannot run live")
    init_weights: Path | None = plain(
        None, "checkpoint, or exported network of bands, to begin with: of any window; bands also of fewer targets"
    )
    mix: StemMixConfig = plain(StemMixConfig, "how random the mixes are")
    objective: SeparationObjective = plain(SeparationObjective, "what is minimised")
    loop: LoopConfig = plain(partial(LoopConfig, validate_every_s=600.0), "how long and how fast the network learns")

    def __post_init__(self) -> None:
        check(self)
        if bool(self.data) == (self.musdb is not None):
            got = "both" if self.data else "neither"
            raise ConfigError("data", expected="folders of songs or --musdb, one of the two", got=got)
        if self.musdb is not None and self.validation:
            raise ConfigError("validation", expected="none: MUSDB18-HQ has its own", got=", ".join(self.validation))

    @property
    def network(self) -> SeparationNetworkConfig:
        """The network that the settings ask for; ConfigError if there is none."""
        hidden, n_layers = WIDTHS[self.architecture]
        return SeparationNetworkConfig(
            network="bands" if self.architecture == "bands" else "open-unmix",
            cross=self.architecture == "xumx",
            targets=self.targets,
            hidden=hidden if self.hidden is None else self.hidden,
            n_layers=n_layers if self.layers is None else self.layers,
            bidirectional=self.bidirectional,
            stereo=self.stereo,
            **SEPARATOR_SIZES[self.size],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationFinetuning(RunConfig):
    """Teach a finished network of bands targets that it takes for `other`, and leave all else as it is.

    Only the last layers of the lower bands learn, from examples whose features are taken once; so it takes minutes.
    """

    data: tuple[str, ...] = plain(MISSING, "folders of songs as stems: DIR[:WEIGHT[:bass+other]]")
    validation: tuple[str, ...] = plain((), "names of the songs to validate on, never trained on")
    targets: tuple[str, ...] = plain(TARGETS, "stems to separate into, among them those of the network")
    init_weights: Path = plain(MISSING, "checkpoint or exported network of bands to begin with")
    groups: int = ranged(2, 1, 5, "groups of bands that learn, from the lowest on: 2 reach to 4.1 kHz")
    pool: int = ranged(256, 1, 1_000_000, "examples that the features are taken of")
    mix: StemMixConfig = plain(StemMixConfig, "how random the mixes are")
    objective: SeparationObjective = plain(partial(SeparationObjective, snr=True, batch=8), "what is minimised")
    loop: LoopConfig = plain(
        partial(LoopConfig, weight_decay=0.0, learning_rate=2e-3, warmup=10, decay=0.7),
        "how long and how fast it learns",
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.objective.snr:
            raise ConfigError("objective", expected="--snr, which needs no samples", got="the paper's losses")
        if self.loop.weight_decay:
            raise ConfigError("weight_decay", expected="0: what does not learn stays", got=str(self.loop.weight_decay))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationTable(SeparationTraining):
    """Train the eight settings of the paper's table 1 and measure them; --minutes or --steps are for each."""

    em: int = ranged(1, 0, 10, "iterations of the Wiener filter over whole songs, as published; 0 for none")
    csv: Path | None = plain(None, "file to write the table to as well")

    def __post_init__(self) -> None:
        SeparationTraining.__post_init__(self)
        if not self.validation and self.musdb is None:
            raise ConfigError("validation", expected="the songs that the table is measured on", got="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationExport(ExportConfig):
    """Export a trained network that separates."""

    bits: int | None = choice(None, (None, *WEIGHT_BITS), "bits of a weight, None for the fewest that cost no quality")
    music: Path | None = plain(None, "recording to compare the stems of small weights with those of 32-bit ones on")
    level: float | None = ranged(None, 0, 1, "root mean square that live input is brought to (default: as trained)")
    temperature: float = ranged(1.0, 0.1, 10, "of bands: above 1 the masks are less sure")


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteConfig(Settings):
    """Write an exported network of bands anew, its weights with so many bits."""

    network: Path = plain(MISSING, "exported network of bands, NAME.onnx")
    output: Path = plain(MISSING, "network file to write; its card NAME.toml, with what the old one says, is beside it")
    bits: int = choice(8, (8, FLOAT_BITS), "bits of a weight")
    music: Path | None = plain(None, "recording to compare the stems of the two files on")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendConfig(Settings):
    """Blend several exported networks into one file whose masks are the mean of theirs."""

    files: tuple[Path, ...] = plain(MISSING, "exported networks of the same targets and spectra")
    output: Path = plain(MISSING, "network file to write, NAME.onnx; its card NAME.toml is written beside it")
    shares: tuple[float, ...] = plain((), "share of each network in the mean (default: equal shares)")
    level: float | None = ranged(None, 0, 1, "root mean square of live input (default: the first file's)")
    licence: str = plain(MISSING, "licence of the weights")
    split: str = plain("", "data that was kept from all of them for validation and test")
    metrics: str = plain("", "what the blend reaches on the test data")

    def __post_init__(self) -> None:
        check(self)
        shares = self.shares
        if shares and (len(shares) != len(self.files) or min(shares) < 0 or sum(shares) <= 0):
            expected = f"{len(self.files)} numbers from 0 up, not all 0"
            raise ConfigError("shares", expected=expected, got=str(list(shares)))
