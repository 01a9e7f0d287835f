"""The rows of table II of Agrawal & Dixon (2020): frame similarities, each with the warping that aligns by it.

Features of both sides, from trained networks or plain, are aligned by the same exact warping with equal weights for all
three steps, equation (3). Binary: a cell costs 0 or 1, as the network decides; distance: it costs the distance D_W
itself. The rows SCNN are the network of the paper's table I.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from engine.core.errors import EngineError
from engine.core.format import AudioFormat, FrameFormat
from engine.core.processor import Chain
from engine.dsp.features import FeatureConfig, SpectralFeatures
from engine.dsp.stft import Stft
from engine.following.embedder import EMBED_HOP, EMBED_RATE, Embedder, EmbedderConfig
from engine.following.warping.config import WarpConfig
from engine.following.warping.online_warping import warp_numbers, warp_online
from models.similarity.config import AHEAD
from models.similarity.network import PairMlp, SiameseCnn
from offline.alignment.dtw.exact import DtwConfig, warp
from offline.alignment.match_path import match_path
from offline.run import collect_frames
from offline.training.common.checkpoint import CHECKPOINT
from offline.training.similarity.binary_path import binary_costs, cheapest_path
from offline.training.similarity.config import OBJECTIVES
from offline.training.similarity.match_features import energy_growth
from offline.training.similarity.pairs import FeatureTrack, as_planes, feature_track, pad_windows
from offline.training.similarity.train import restore_similarity

__all__ = ["NEAR_OTHERS", "OTHER_TEMPI", "RATE", "SimilarityMethod", "similarity_methods"]

Features = npt.NDArray[np.float32]
Pairs = npt.NDArray[np.int64]
Aligned = tuple[FeatureTrack, FeatureTrack, Pairs]

RATE = EMBED_RATE
EMBEDDING_SHARE = 0.5  # length of an embedding beside bands of unit length: better than 1 on takes of our own
OTHER_TEMPI = "tempo"  # what a network is called by that learned from renderings at other tempi
NEAR_OTHERS = "near"  # of one whose frames that do not match were near those that do
CHUNK = 1024  # frames that a network embeds at once
MATCH = WarpConfig(start_s=WarpConfig().band_s, distance="share", diagonal=2.0, again_s=0.0)  # as published
EUCLIDEAN, COSINE = DtwConfig(metric="euclidean"), DtwConfig(metric="cosine")


@dataclass(frozen=True, slots=True, eq=False)
class SimilarityMethod:
    """A row of the table.

    name: of the model
    binary: whether the matrix holds decisions instead of distances
    align: mono sounds (sample) at RATE of reference and audio to frames of both and the path (pair, 2) through them
    """

    name: str
    binary: bool
    align: Callable[[Features, Features], Aligned]


def similarity_methods(
    networks: Path | None = None, live: Path | None = None, *, device: torch.device | str = "cpu"
) -> list[SimilarityMethod]:
    """List the rows: hand-made features, each trained network in a folder of runs, the live network in a file."""
    found = [
        SimilarityMethod("MATCH", False, _match(live=False)),
        SimilarityMethod("MATCH, path as told live", False, _match(live=True)),
        SimilarityMethod("DTW spectral bands, 23 ms", False, _warped(partial(_bands, hop=512, lag=1), COSINE)),
        SimilarityMethod("DTW spectral bands, 12 ms", False, _warped(partial(_bands, hop=EMBED_HOP, lag=2), COSINE)),
        SimilarityMethod("DTW chroma", False, _warped(partial(_plain, "chroma"), COSINE)),
        SimilarityMethod("DTW CQT chroma", False, _warped(partial(_plain, "cqt_chroma"), COSINE)),
        SimilarityMethod("DTW CQT", False, _warped(partial(_plain, "cqt"), COSINE)),
    ]
    for run in _runs(networks) if networks is not None else []:
        found += list(_trained(run, torch.device(device)))
    if live is not None:
        embed = _embedded(live)
        found.append(SimilarityMethod(f"live network, {live.stem}", False, _warped(embed, COSINE)))
        found.append(SimilarityMethod("bands 12 ms + live network", False, _warped(partial(_beside, embed), COSINE)))
    return found


def _runs(networks: Path) -> list[Path]:
    found = sorted(networks.glob(f"*/{CHECKPOINT}"))
    if not found:
        remedy = "collaparte recipe siamese-table makes those of the paper, small"
        raise EngineError(str(networks), expected="runs of `train similarity`", got="none", remedy=remedy)
    return found


def _plain(feature: str, sound: Features) -> FeatureTrack:
    return feature_track(feature, sound, RATE)


def _trained(run: Path, device: torch.device) -> Iterator[SimilarityMethod]:
    network, found = restore_similarity(run)
    network.to(device)
    task = found.task
    if isinstance(network, PairMlp):
        yield SimilarityMethod("MLP semigram", True, _decided_by_mlp(network))
        return
    if not isinstance(network, SiameseCnn):
        return  # the live network is compared as a file
    tempo = task.get("tempo", 1) > 1  # older runs have none
    more = {
        "DA": task["augment"],
        OTHER_TEMPI: tempo,
        NEAR_OTHERS: task.get("near", 0) > 0,
        "attention": network.attention is not None,
        "soft warping": task.get("objective", OBJECTIVES[0]) != OBJECTIVES[0],
        f"{network.config.ahead} frames ahead": network.config.ahead != AHEAD,
    }
    name = " + ".join([f"SCNN {task['feature']}", *(word for word, had in more.items() if had)])
    embed, threshold = _by_network(network, task["feature"]), float(task["threshold"])
    if network.attention is not None:
        yield SimilarityMethod(name, True, _by_pairs(embed, network, threshold))
        yield SimilarityMethod(name, False, _by_pairs(embed, network, None))
        return
    yield SimilarityMethod(name, True, _decided_by_distance(embed, threshold))
    yield SimilarityMethod(name, False, _warped(embed, EUCLIDEAN))


def _warped(features: Callable[[Features], FeatureTrack], config: DtwConfig) -> Callable[..., Aligned]:
    def align(reference: Features, audio: Features) -> Aligned:
        ours, theirs = features(reference), features(audio)
        return ours, theirs, warp(ours.features, theirs.features, config).path

    return align


def _match(*, live: bool) -> Callable[..., Aligned]:
    """Align by MATCH: the path read back from its end, or as it was told while the audio was heard."""

    def align(reference: Features, audio: Features) -> Aligned:
        ours, theirs = (energy_growth(sound, RATE) for sound in (reference, audio))
        if not live:
            return ours, theirs, match_path(ours.features, theirs.features, MATCH, ours.hop_s)
        met = warp_online(theirs.features, ours.features, *warp_numbers(MATCH, ours.hop_s)).met
        return ours, theirs, np.stack([met, np.arange(len(met))], axis=1)

    return align


def _decided_by_distance(embed: Callable[[Features], FeatureTrack], threshold: float) -> Callable[..., Aligned]:
    def align(reference: Features, audio: Features) -> Aligned:
        ours, theirs = embed(reference), embed(audio)
        return ours, theirs, cheapest_path(binary_costs(ours.features, theirs.features, threshold))

    return align


def _by_pairs(
    embed: Callable[[Features], FeatureTrack], network: SiameseCnn, threshold: float | None
) -> Callable[..., Aligned]:
    """Align by the network's own distance of each pair, or by whether it is above a threshold."""

    def align(reference: Features, audio: Features) -> Aligned:
        ours, theirs = embed(reference), embed(audio)
        device = next(network.parameters()).device
        rows, columns = (torch.from_numpy(t.features).to(device) for t in (ours, theirs))
        costs = np.zeros((len(rows), len(columns)), np.float32 if threshold is None else np.uint8)
        with torch.no_grad():
            for i, row in enumerate(rows):
                near = network.compare(row, columns).cpu().numpy()
                costs[i] = near if threshold is None else near > threshold
        return ours, theirs, cheapest_path(costs)

    return align


def _decided_by_mlp(network: PairMlp) -> Callable[..., Aligned]:
    def align(reference: Features, audio: Features) -> Aligned:
        ours, theirs = (feature_track("semigram", sound, RATE) for sound in (reference, audio))
        device = next(network.parameters()).device
        rows, columns = (torch.from_numpy(t.features).to(device) for t in (ours, theirs))
        costs = np.zeros((len(rows), len(columns)), np.uint8)
        with torch.no_grad():
            for i, row in enumerate(rows):
                costs[i] = (network(row, columns) <= 0).cpu().numpy()
        return ours, theirs, cheapest_path(costs)

    return align


def _by_network(network: SiameseCnn, feature: str) -> Callable[[Features], FeatureTrack]:
    """Make a function that computes the embedding of every frame, chunk by chunk along time."""
    device = next(network.parameters()).device

    def embed(sound: Features) -> FeatureTrack:
        found = feature_track(feature, sound, RATE)
        planes = torch.from_numpy(pad_windows(as_planes(found.features), network.config.ahead))
        around = planes.shape[1] - len(found.features)
        parts = []
        with torch.no_grad():
            for start in range(0, len(found.features), CHUNK):
                part = planes[None, :, start : start + CHUNK + around].to(device)
                parts.append(network.along(part)[0].cpu().numpy())
        return FeatureTrack(np.concatenate(parts), found.first_s, found.hop_s)

    return embed


def _embedded(model: Path) -> Callable[[Features], FeatureTrack]:
    """Make a function that computes embeddings with the live node."""
    node = Embedder(EmbedderConfig(model=model), AudioFormat(sample_rate=RATE, n_channels=1))
    return lambda sound: FeatureTrack(collect_frames(node, sound[:, None]), node.centre(0) / RATE, node.hop_s)


def _beside(embed: Callable[[Features], FeatureTrack], sound: Features) -> FeatureTrack:
    """Put bands and embeddings side by side, both of unit length before their weights: cosines add up."""
    bands, embedded = _bands(sound, hop=EMBED_HOP, lag=2), embed(sound)
    n = min(len(bands.features), len(embedded.features))
    lengths = np.linalg.norm(bands.features[:n], axis=1, keepdims=True)
    both = np.hstack([bands.features[:n] / np.maximum(lengths, 1e-6), EMBEDDING_SHARE * embedded.features[:n]])
    return FeatureTrack(both.astype(np.float32), bands.first_s, bands.hop_s)


def _bands(sound: Features, *, hop: int, lag: int) -> FeatureTrack:
    """Compute the live follower's hand-made features: sustained bands and onset bands."""
    frames = FrameFormat(audio=AudioFormat(sample_rate=RATE, n_channels=1), n_fft=1024, hop=hop)
    features = collect_frames(Chain(Stft(frames), SpectralFeatures(frames, FeatureConfig(lag=lag))), sound[:, None])
    return FeatureTrack(features, frames.centre(0) / RATE, frames.hop / RATE)
