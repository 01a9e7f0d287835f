"""Table II of Agrawal & Dixon (2020) on any folder of pieces: which frame similarity aligns how well.

The score is synthesised; features of both sides, through the trained networks or plain, are aligned by the same exact
warping with equal weights for all three steps, equation (3). Binary: a cell costs 0 or 1, as the network decides;
distance: it costs the distance D_W itself. The network of the paper's table I makes the rows SCNN.
"""

from __future__ import annotations

import csv as csv_files
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from engine.audio.files import AudioReader
from engine.core.format import AudioFormat, FrameFormat
from engine.core.processor import Chain
from engine.dsp.features import FeatureConfig, SpectralFeatures
from engine.dsp.stft import Stft
from engine.following.embedder import EMBED_HOP, EMBED_RATE, Embedder, EmbedderConfig
from engine.score.readers import read_score
from models.similarity.network import PairMlp, SiameseCnn
from offline.alignment.dtw.exact import DtwConfig, warp
from offline.evaluation.following import EvaluationPiece, find_pieces
from offline.evaluation.onsets import THRESHOLDS_MS, Accuracy, PositionTrack, evaluate_track, mean_accuracy, read_truth
from offline.resample import resample
from offline.run import collect_frames
from offline.synthesis.fluidsynth import installed_soundfonts
from offline.synthesis.pianist import exact
from offline.synthesis.piano_sound import Piano, render_piano
from offline.training.similarity.binary_path import decide, path_through
from offline.training.similarity.pairs import Track as Frames
from offline.training.similarity.pairs import as_planes, padded, track
from offline.training.similarity.train import load_pair_network

__all__ = ["Method", "evaluate_folder", "evaluate_piece", "methods", "table"]

Features = npt.NDArray[np.float32]
Path_ = npt.NDArray[np.int64]

RATE = EMBED_RATE
LEAD_S = 0.5  # of silence before the synthesised score
TWIN_SHARE = 0.5  # of an embedding beside bands of unit length: the best of 0.5 and 1 on takes of our own
CHUNK = 1024  # frames that a network embeds at once
EUCLIDEAN, COSINE = DtwConfig(metric="euclidean"), DtwConfig(metric="cosine")
PUBLISHED = "published on the Mazurkas: MATCH 64.8/72.1/77.6/83.7, SCNN salience + DA 71.7/78.2/83.3/90.1"


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """A row of the table: its name, whether its matrix is of binary decisions, and how it aligns reference and audio.

    align: both as mono sound (sample) at RATE to frames of both and the path (pair, 2) through them.
    """

    name: str
    binary: bool
    align: Callable[[Features, Features], tuple[Frames, Frames, Path_]]


def methods(networks: Path | None = None, live: Path | None = None, *, device: str = "cpu") -> list[Method]:
    """The rows that can be had: those of hand-made features, those of each trained network in a folder of runs, and
    the live network in an ONNX file.
    """
    found = [
        Method("DTW spectral bands, as MATCH", False, _warped(partial(_bands, hop=512, lag=1), COSINE)),
        Method("DTW spectral bands, 12 ms", False, _warped(partial(_bands, hop=EMBED_HOP, lag=2), COSINE)),
        Method("DTW chroma", False, _warped(lambda sound: track("chroma", sound, RATE), COSINE)),
        Method("DTW CQT chroma", False, _warped(lambda sound: track("cqt_chroma", sound, RATE), COSINE)),
        Method("DTW CQT", False, _warped(lambda sound: track("cqt", sound, RATE), COSINE)),
    ]
    runs = sorted(networks.glob("*/checkpoint.pt")) if networks is not None else []
    for run in runs:
        found += list(_trained(run, torch.device(device)))
    if live is not None:
        embed = _embedded(live)
        found.append(Method(f"live twin, {live.stem}", False, _warped(embed, COSINE)))
        found.append(Method("bands 12 ms + live twin", False, _warped(partial(_beside, embed), COSINE)))
    return found


def _trained(run: Path, device: torch.device) -> Iterator[Method]:
    network, task = load_pair_network(run)
    network.to(device)
    if isinstance(network, PairMlp):
        yield Method("MLP semigram", True, _decided_by_mlp(network))
        return
    tempo = task.get("tempo", 1) > 1  # of runs before there was one
    name = f"SCNN {task['feature']}{' + DA' if task['augment'] else ''}{' + tempo' if tempo else ''}"
    embed = _by_network(network, task["feature"])
    yield Method(name, True, _decided_by_distance(embed, float(task["threshold"])))
    yield Method(name, False, _warped(embed, EUCLIDEAN))


def _warped(features: Callable[[Features], Frames], config: DtwConfig) -> Callable[..., tuple[Frames, Frames, Path_]]:
    def align(reference: Features, audio: Features) -> tuple[Frames, Frames, Path_]:
        ours, theirs = features(reference), features(audio)
        return ours, theirs, warp(ours.features, theirs.features, config).path

    return align


def _decided_by_distance(
    embed: Callable[[Features], Frames], threshold: float
) -> Callable[..., tuple[Frames, Frames, Path_]]:
    def align(reference: Features, audio: Features) -> tuple[Frames, Frames, Path_]:
        ours, theirs = embed(reference), embed(audio)
        return ours, theirs, path_through(decide(ours.features, theirs.features, threshold))

    return align


def _decided_by_mlp(network: PairMlp) -> Callable[..., tuple[Frames, Frames, Path_]]:
    def align(reference: Features, audio: Features) -> tuple[Frames, Frames, Path_]:
        ours, theirs = (track("semigram", sound, RATE) for sound in (reference, audio))
        device = next(network.parameters()).device
        rows, columns = (torch.from_numpy(t.features).to(device) for t in (ours, theirs))
        costs = np.zeros((len(rows), len(columns)), np.uint8)
        with torch.no_grad():
            for i, row in enumerate(rows):
                costs[i] = (network(row, columns) <= 0).cpu().numpy()
        return ours, theirs, path_through(costs)

    return align


def _by_network(network: SiameseCnn, feature: str) -> Callable[[Features], Frames]:
    """Embeddings of every frame, computed chunk by chunk along time."""
    device = next(network.parameters()).device

    def embed(sound: Features) -> Frames:
        heard = track(feature, sound, RATE)
        planes = torch.from_numpy(padded(as_planes(heard.features)))
        around = planes.shape[1] - len(heard.features)
        parts = []
        with torch.no_grad():
            for start in range(0, len(heard.features), CHUNK):
                part = planes[None, :, start : start + CHUNK + around].to(device)
                parts.append(network.along(part)[0].cpu().numpy())
        return Frames(np.concatenate(parts), heard.first_s, heard.hop_s)

    return embed


def _embedded(model: Path) -> Callable[[Features], Frames]:
    """Embeddings by the live node."""
    node = Embedder(EmbedderConfig(model=model), AudioFormat(sample_rate=RATE, n_channels=1))
    return lambda sound: Frames(collect_frames(node, sound[:, None]), node.centre(0) / RATE, node.hop_s)


def _beside(embed: Callable[[Features], Frames], sound: Features) -> Frames:
    """Bands and embeddings side by side, both of unit length before their weights: cosines add up."""
    bands, twin = _bands(sound, hop=EMBED_HOP, lag=2), embed(sound)
    n = min(len(bands.features), len(twin.features))
    lengths = np.linalg.norm(bands.features[:n], axis=1, keepdims=True)
    both = np.hstack([bands.features[:n] / np.maximum(lengths, 1e-6), TWIN_SHARE * twin.features[:n]])
    return Frames(both.astype(np.float32), bands.first_s, bands.hop_s)


def _bands(sound: Features, *, hop: int, lag: int) -> Frames:
    """The live follower's own hand-made features: bands that sound, and bands that have just begun."""
    frames = FrameFormat(audio=AudioFormat(sample_rate=RATE, n_channels=1), n_fft=1024, hop=hop)
    features = collect_frames(Chain(Stft(frames), SpectralFeatures(frames, FeatureConfig(lag=lag))), sound[:, None])
    return Frames(features, frames.centre(0) / RATE, frames.hop / RATE)


def evaluate_piece(
    piece: EvaluationPiece, rows: Sequence[Method], soundfont: Path
) -> dict[tuple[str, bool], dict[str, Accuracy]]:
    """Accuracy of each method by each protocol on one piece."""
    score = read_score(piece.score)
    reference = render_piano(exact(score, start_s=LEAD_S), Piano(soundfont=soundfont), RATE)
    with AudioReader(piece.performance) as reader:
        sound = resample(reader.read(), reader.format.sample_rate, RATE).mean(axis=1)
    found = {}
    for row in rows:
        ours, theirs, path = row.align(reference, sound)
        at_s, there_s = theirs.seconds(path[:, 1]), ours.seconds(path[:, 0])
        quarter = score.quarter(there_s - LEAD_S)
        found[row.name, row.binary] = evaluate_track(PositionTrack(at_s, np.asarray(quarter)), *read_truth(piece.truth))
    return found


def evaluate_folder(
    folder: Path,
    rows: Sequence[Method],
    *,
    soundfont: Path | None = None,
    csv: Path | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, dict[tuple[str, bool], Accuracy]]:
    """Every method on every piece of the folder, as a table by each protocol, which is returned too.

    soundfont: what the score is synthesised with, the system's first by default; csv: both tables as a file.
    """
    pieces, soundfont = find_pieces(folder), soundfont or installed_soundfonts()[0]
    results = [evaluate_piece(piece, rows, soundfont) for piece in tqdm(pieces, unit="piece", leave=False)]
    keys = [(row.name, row.binary) for row in rows]
    tables = {
        protocol: {key: mean_accuracy([result[key][protocol] for result in results]) for key in keys}
        for protocol in results[0][keys[0]]
    }
    say(f"{len(pieces)} pieces of {folder}, not the Mazurkas; score by {soundfont.stem}; {PUBLISHED}")
    for protocol, found in tables.items():
        say(f"\n{protocol}: percent of score onsets within so many ms, mean over pieces")
        say("\n".join("  ".join(cells) for cells in table(found)))
    if csv is not None:
        _write(csv, folder, tables)
    return tables


def table(found: dict[tuple[str, bool], Accuracy]) -> list[list[str]]:
    """Rows of text as in table II: the model, then binary and distance matrix at each threshold, - for what is none."""
    names = list(dict.fromkeys(name for name, _ in found))
    width = max(len(name) for name in (*names, "Model"))
    head = [f"{f'<{ms} ms':>7}" for ms in THRESHOLDS_MS]
    rows = [["Model".ljust(width), "binary:", *head, "distance:", *head]]
    for name in names:
        sides = [_cells(found.get((name, binary))) for binary in (True, False)]
        rows.append([name.ljust(width), "       ", *sides[0], "         ", *sides[1]])
    return rows


def _cells(result: Accuracy | None) -> list[str]:
    return [f"{'-':>7}"] * len(THRESHOLDS_MS) if result is None else [f"{x:7.1f}" for x in result.within]


def _write(path: Path, folder: Path, tables: dict[str, dict[tuple[str, bool], Accuracy]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv_files.writer(file)
        writer.writerow(("data", "protocol", "model", "matrix", *(f"{ms} ms" for ms in THRESHOLDS_MS)))
        for protocol, found in tables.items():
            for (name, binary), result in found.items():
                within = [f"{x:.1f}" for x in result.within]
                writer.writerow((folder.resolve().name, protocol, name, "binary" if binary else "distance", *within))
