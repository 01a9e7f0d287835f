"""How well it follows and separates real recordings, beside librosa's whole-file methods on the same sound.

    python -m benchmarks.quality

Needs the recordings beside the project (../shared/data); without them these pages stay empty.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt

from benchmarks.rows import Row
from engine.audio.files import AudioReader
from engine.score.readers import read_score
from engine.score.score import Score
from offline.batch.piece_folders import EvaluationPiece, find_pieces
from offline.evaluation.following import follow_piece
from offline.evaluation.onsets import Accuracy, accuracy, evaluate_track, mean_accuracy, read_truth
from offline.evaluation.separation import COMPARED, METHODS, evaluate_stems, mean_scores
from offline.following.feature_names import FEATURES
from offline.following.presets import follow_by
from offline.synthesis.additive_piano import synthesise
from offline.synthesis.demo_performance import PerformConfig, perform

SHARED = Path(__file__).parents[2] / "shared" / "data"
PEER_HZ, PEER_HOP = 22050, 512  # librosa's defaults
STRAIGHT = PerformConfig(arch=0, wander=0, slowing=0, spread_ms=0, lead_ms=0, start_s=0)

START_S, EXCERPT_S = 60, 40  # of each song: the songs are longer than a benchmark may take
PEER = "librosa, 17 frames, 17 bins"
SETTINGS = (
    "mixture / 2",
    "live, published, look-ahead 8",
    "live, published, look-ahead 0",
    "live, tuned",
    "live, tuned, 2 iterations",
    "live, tuned, look-ahead 0",
    "whole file, tuned",
    "whole file, published",
    "oracle ratio mask",
)

Floats = npt.NDArray[np.float64]


def following() -> Iterator[Row]:
    """Live following, a row a group of pieces, against librosa's chroma and dynamic time warping of whole files."""
    if not (SHARED / "alignment").is_dir():
        return
    ours: dict[str, list[Accuracy]] = {}
    peers: dict[str, list[Accuracy]] = {}
    costs: dict[str, list[float]] = {}
    for piece in find_pieces(SHARED / "alignment").pieces:
        group = piece.name.partition("_")[0]
        begin = time.process_time()
        ours.setdefault(group, []).append(
            evaluate_track(follow_piece(follow_by(FEATURES[0]))(piece), *read_truth(piece.truth))["first reach"]
        )
        middle = time.process_time()
        peers.setdefault(group, []).append(_whole_file(piece))
        costs.setdefault(group, []).append((time.process_time() - middle) / (middle - begin))
    for group, results in ours.items():
        yield _compare(group, mean_accuracy(results), mean_accuracy(peers[group]), float(np.mean(costs[group])))


def separation() -> Iterator[Row]:
    """Live and whole-file separation of drums from the rest, against librosa's, a row a setting."""
    if not (SHARED / "stems").is_dir():
        return
    names = [PEER, *SETTINGS]
    scores = evaluate_stems(SHARED / "stems", {name: METHODS[name] for name in names}, START_S, EXCERPT_S)
    yield from (_song(song, scores) for song in scores[PEER])
    peer = mean_scores(scores[PEER].values())
    for name in SETTINGS:
        mine = mean_scores(scores[name].values())
        yield Row(
            what=f"SDR of harmonic / percussive / mean, dB, {len(scores[name])} songs x {EXCERPT_S} s: {name}",
            ours=_decibels(mine[0]),
            peer=f"{_decibels(peer[0])}, {PEER}",
            ratio=f"{mine[0].mean() - peer[0].mean():+.2f} dB",
            agreement=f"global SDR {mine[2].mean():.2f} and {peer[2].mean():.2f} dB; SI-SDR {mine[1].mean():.2f} and "
            f"{peer[1].mean():.2f} dB",
        )


def _song(song: str, scores: Mapping[str, Mapping[str, Floats]]) -> Row:
    """One song: means over both targets of the default, beside doing nothing, librosa and the published settings."""
    means = {name: scores[name][song].mean(axis=1) for name in (PEER, *COMPARED)}
    nothing, peer, published, ours, at_once = (means[name] for name in COMPARED)
    better = np.maximum(peer, published)
    return Row(
        what=f"SDR / global SDR, dB, means of both targets, {song}: live, tuned",
        ours=f"{_sdr(ours)}; look-ahead 0: {_sdr(at_once)}",
        peer=f"{_sdr(peer)}, {PEER}; {_sdr(published)}, published; {_sdr(nothing)}, mixture / 2",
        ratio=f"{ours[0] - better[0]:+.2f} / {ours[2] - better[2]:+.2f} dB",
        agreement="ratio: over the better one of librosa and the published settings",
    )


def _sdr(means: Floats) -> str:
    return f"{means[0]:.2f} / {means[2]:.2f}"


def _decibels(pair: Floats) -> str:
    return f"{pair[0]:.2f} / {pair[1]:.2f} / {pair.mean():.2f}"


def _compare(group: str, ours: Accuracy, peer: Accuracy, cost: float) -> Row:
    return Row(
        what=f"{group}: percent of {ours.n} onsets within 25 / 50 / 100 / 200 ms",
        ours=_shares(ours) + ", live",
        peer=_shares(peer) + ", librosa CQT chroma and DTW, whole file",
        ratio=f"{ours.within[0] / peer.within[0]:.2f} at 25 ms; CPU {cost:.1f}",
        agreement=f"median error {1000 * ours.median_s:.0f} and {1000 * peer.median_s:.0f} ms; lost {ours.lost:.1f} %",
    )


def _shares(result: Accuracy) -> str:
    return " / ".join(f"{share:.0f}" for share in result.within)


def _whole_file(piece: EvaluationPiece) -> Accuracy:
    """The peer: chroma of the recording and of the score's synthesised sound, warped onto each other as wholes."""
    score = read_score(piece.score)
    quarter, audio_s = read_truth(piece.truth)
    with AudioReader(piece.performance) as reader:
        live = librosa.resample(reader.read().mean(axis=1), orig_sr=reader.format.sample_rate, target_sr=PEER_HZ)
    path = librosa.sequence.dtw(_chroma(_sound(score)), _chroma(live), metric="cosine")[1][::-1]
    first = np.searchsorted(path[:, 0], score.seconds(quarter) * PEER_HZ / PEER_HOP)
    reached = path[np.minimum(first, len(path) - 1), 1] * PEER_HOP / PEER_HZ
    return accuracy(reached - audio_s)


def _sound(score: Score) -> npt.NDArray[np.float32]:
    return synthesise(perform(score, seed=0, config=STRAIGHT), PEER_HZ)[0]


def _chroma(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    chroma = librosa.feature.chroma_cqt(y=sound, sr=PEER_HZ, hop_length=PEER_HOP)
    return np.asarray(chroma + 1e-6, np.float32)  # the cosine of silence has no meaning


def print_rows(rows: Mapping[str, Iterator[Row]]) -> None:
    """Every row as it comes."""
    for title, page in rows.items():
        for row in page:
            print(title, row, flush=True)


if __name__ == "__main__":
    print_rows({"following": following(), "separation": separation()})
