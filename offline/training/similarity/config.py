"""The settings of training, exporting and comparing networks of frame similarity; light to import, for `--help`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path

from engine.core.config import Settings, check, choice, plain, ranged, require
from engine.core.errors import ConfigError
from models.similarity.config import AHEAD, EDGE, FULL_WIDTH, MARGIN, SPAN
from offline.training.common.config import ExportConfig, LoopConfig, RunConfig

__all__ = [
    "OBJECTIVES",
    "ONLY_OF",
    "PAIR_FEATURES",
    "SIMILARITY_NETWORKS",
    "PairConfig",
    "SimilarityExport",
    "SimilarityLoop",
    "SimilarityTable",
    "SimilarityTraining",
    "StreamingTaskConfig",
]

SIMILARITY_NETWORKS = ("live", "cnn", "mlp")
SEMIGRAM = "semigram"  # of the mlp, which takes no other
PAIR_FEATURES = ("stft", "cqt", "chroma", "salience", SEMIGRAM)
LOSSES = ("time", "contrastive")
OBJECTIVES = ("contrastive", "warping")
ONLY_OF = {  # the networks that an option has a meaning for, where that is not all of them
    **dict.fromkeys(("attention", "objective", "softness", "width", "margin", "feature", "ahead"), ("cnn",)),
    **dict.fromkeys(("augment", "tempo", "near", "pair_frames"), ("cnn", "mlp")),
    **dict.fromkeys(("hidden", "layers", "loss", "take_frames", "label_frames", "dropout"), ("live",)),
    "embedding": ("live", "cnn"),
}
SOFTNESS = 0.1
N_EMBEDDING = {"live": 48, "cnn": 128}
# The dense layer of the cnn sums so many values that 3e-4 still upsets its distances, with every feature but salience.
RATES = {"live": 1e-3, "cnn": 1e-4, "mlp": 1e-3}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityLoop(LoopConfig):
    """How long and how fast a network learns; the learning rate depends on the network."""

    learning_rate: float | None = ranged(  # type: ignore[assignment]
        None, 0, 1, "largest learning rate of Adam (default: 0.001; of cnn 0.0001)"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairConfig(Settings):
    """Pairs of frames, for cnn and mlp."""

    feature: str = choice("cqt", PAIR_FEATURES, "what the cnn compares")
    augment: bool = plain(False, "add a fifth more takes, shifted by up to 30 cents (cnn, mlp)")
    tempo: float = ranged(1.0, 1, 4, "largest factor of the tempo of a rendering, faster or slower (cnn, mlp)")
    near: float = ranged(0.0, 0, 1, "share of frames that do not match drawn within 0.2 s of the match (cnn, mlp)")
    ahead: int = ranged(
        AHEAD,
        0,
        SPAN - 1 + 2 * EDGE,
        "frames that the cnn hears after the one that it compares; live, they are waited for",
    )
    pair_frames: int = ranged(64, 2, 4096, "frames of a take in a batch (cnn, mlp)")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingTaskConfig(Settings):
    """What the live network learns from."""

    loss: str = choice("time", LOSSES, "find each frame in time, or tell matching frames from others")
    take_frames: int = ranged(320, 32, 100_000, "frames of a performance in a batch")
    label_frames: float = ranged(1.0, 0.1, 10.0, "standard deviation of the label in time", unit="frames")
    dropout: float = ranged(0.1, 0.0, 0.9, "share of input bands that are hidden")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityTraining(RunConfig):
    """Train a network that tells whether two frames are the same music."""

    data: Path = plain(MISSING, "folder of takes to train on, made by `data takes`")
    validation: Path = plain(MISSING, "folder of takes of other pieces")
    architecture: str = choice("live", SIMILARITY_NETWORKS, "small and causal; as published; or the perceptron")
    batch: int = ranged(4, 1, 1024, "takes a step, each of which gives many pairs; at least 2 for cnn and mlp")
    embedding: int | None = ranged(None, 2, 1024, "numbers of an embedding (default: 48; of cnn 128)")
    hidden: int = ranged(128, 2, 4096, "width of the live network")
    layers: int = ranged(4, 1, 10, "convolutions of the live network")
    width: float = ranged(FULL_WIDTH, 1 / 64, 4, "width of the cnn's layers, 1 as published")
    margin: float = ranged(MARGIN, 1e-3, 1e3, "distance beyond which frames count as different, of the cnn")
    attention: bool = plain(False, "let the cnn weigh the numbers of two embeddings by the pair, beyond the paper")
    objective: str = choice(
        OBJECTIVES[0], OBJECTIVES, "of the cnn: pairs apart by a margin, or end to end, the true path of a soft warping"
    )
    softness: float = ranged(
        SOFTNESS, 1e-3, 10, "of the warping: distance by which another path is e times less likely"
    )
    mixed: bool = plain(True, "train the cnn in bfloat16 where it is safe")
    pairs: PairConfig = plain(PairConfig, "pairs of frames")
    streaming: StreamingTaskConfig = plain(StreamingTaskConfig, "what the live network learns from")
    loop: SimilarityLoop = plain(SimilarityLoop, "how long and how fast the network learns")

    def __post_init__(self) -> None:
        check(self)
        if self.architecture != "live":
            require("batch", self.batch, 2, 1024)
        for part in (self, self.pairs, self.streaming):
            for option in fields(part):
                networks = ONLY_OF.get(option.name, SIMILARITY_NETWORKS)
                if self.architecture not in networks and getattr(part, option.name) != option.default:
                    asked = "architecture " + " or ".join(networks)
                    raise ConfigError(option.name, expected=asked, got=self.architecture, remedy="or leave it out")
        if self.softness != SOFTNESS and self.objective != "warping":
            raise ConfigError("softness", expected="objective warping", got=self.objective, remedy="or leave it out")
        if self.architecture == "cnn" and self.pairs.feature == SEMIGRAM:
            others = [name for name in PAIR_FEATURES if name != SEMIGRAM]
            raise ConfigError("feature", expected="one of " + ", ".join(others), got=SEMIGRAM)

    @property
    def n_embedding(self) -> int:
        """Numbers of an embedding of the network asked for; 0 if it has none."""
        return N_EMBEDDING.get(self.architecture, 0) if self.embedding is None else self.embedding

    def with_rate(self) -> SimilarityTraining:
        """Return the same settings with the learning rate of the network asked for."""
        rate = RATES[self.architecture] if self.loop.learning_rate is None else self.loop.learning_rate
        return replace(self, loop=replace(self.loop, learning_rate=rate))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityExport(ExportConfig):
    """Export the live network, or the published one."""

    takes: Path | None = plain(None, "folder of takes that show the cnn's usual level, such as those of the validation")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityTable(Settings):
    """Align pieces by every frame similarity there is."""

    folder: Path = plain(MISSING, "folder of pieces: score, performance and truth.csv")
    networks: Path | None = plain(None, "folder of runs of `train similarity`")
    live: Path | None = plain(None, "exported live network, NAME.onnx")
    soundfont: Path | None = plain(None, "soundfont that plays the score (default: the system's first)")
    device: str = plain("auto", "device of the networks: cpu, cuda, or auto for cuda where there is one")
    csv: Path | None = plain(None, "file to write the table into too, and the rows of each piece")
    plot: Path | None = plain(None, "picture of the table")
