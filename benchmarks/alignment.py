"""Alignment of whole files beside librosa's and dtaidistance's, and live following beside pymatchmaker.

    python -m benchmarks.alignment METHOD N_FRAMES N_FEATURES METRIC    one measurement, as JSON

Each measurement has a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
from dtaidistance import dtw_ndim
from scipy.spatial.distance import cdist

from benchmarks.rows import Row
from cli.demo.material import DemoPiece, make_demo
from engine.audio.files import AudioReader
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.score.readers import read_score
from offline.alignment.dtw.exact import DtwConfig, warp
from offline.alignment.dtw.jumps import jump_warp
from offline.alignment.dtw.multiscale import MultiscaleConfig, warp_multiscale
from offline.evaluation.onsets import Accuracy, PositionTrack, evaluate_track, read_truth, track_of

BLOCK = 1024
FRAMES_S = 44100 / 1024  # 43 frames a second
HOUR = round(3600 * FRAMES_S)
MEDIUM = 6000  # frames: what librosa's matrices let a small machine do
WARM = 300
PEER_PYTHON = Path(__file__).parents[1] / ".venv" / "matchmaker" / "bin" / "python"
PEER_SETTING = "COLLAPARTE_MATCHMAKER"  # another Python that has pymatchmaker
PEER_METHODS = ("arzt", "dixon")

Features = npt.NDArray[np.float32]
Measured = dict[str, float]


def rows() -> Iterator[Row]:
    """All rows of this page."""
    for n_features, metric in ((12, "cosine"), (12, "euclidean"), (88, "cosine"), (88, "euclidean"), (88, "cityblock")):
        ours = measure("exact", MEDIUM, n_features, metric)
        what = f"exact warping, {MEDIUM} x {MEDIUM} frames, {n_features} features, {metric}"
        peers = {"librosa": "librosa.sequence.dtw and scipy's cdist"}
        if metric == "euclidean":
            peers["dtaidistance"] = "dtaidistance.dtw_ndim in C, cost without path"
        for method, name in peers.items():
            yield _beside(what, ours, measure(method, MEDIUM, n_features, metric), name)
    yield from _hours()
    yield from _following()


def _beside(what: str, ours: Measured, peer: Measured, name: str) -> Row:
    return Row(
        what=what,
        ours=_speed(ours),
        peer=f"{_speed(peer)}, {name}",
        ratio=f"{peer['cpu_s'] / ours['cpu_s']:.1f}, memory {peer['peak_mib'] / max(ours['peak_mib'], 1):.1f}",
        agreement=f"cost off by {abs(ours['cost'] / peer['cost'] - 1):.0e}",
    )


def _speed(found: Measured) -> str:
    return f"{found['n_cells'] / found['cpu_s'] / 1e6:.0f} million cells a second, {found['peak_mib']:.0f} MiB"


def _hours() -> Iterator[Row]:
    """An hour against an hour: nobody beside us, the matrices would be 480 GB."""
    exact = measure("exact", HOUR, 12, "cosine")
    for method, found in (("exact", exact), ("multi-scale", measure("multiscale", HOUR, 12, "cosine"))):
        yield Row(
            what=f"an hour against an hour at 43 frames a second, chroma, {method}",
            ours=f"{found['cpu_s']:.3g} s, {found['peak_mib']:.0f} MiB",
            peer="",
            ratio="",
            agreement=f"cost {found['cost'] / exact['cost'] - 1:+.0e} of the exact one's",
        )
    jumps = measure("jumps", 3 * 3600, 12, "cosine")
    yield Row(
        what="an hour against an hour at 3 frames a second, chroma, with jumps anywhere",
        ours=f"{jumps['cpu_s']:.3g} s, {jumps['peak_mib']:.0f} MiB",
        peer="",
        ratio="",
        agreement=f"{jumps['cost']:.0f} frames off at most",
    )


def measure(method: str, n_frames: int, n_features: int, metric: str) -> Measured:
    """CPU time of one thread, peak of memory beyond the features, and cost, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.alignment", method, str(n_frames), str(n_features), metric]
    environment = {**os.environ, **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout))


def _exact(reference: Features, live: Features, metric: str) -> float:
    return warp(reference, live, DtwConfig(metric=metric, n_threads=1)).cost


def _multiscale(reference: Features, live: Features, metric: str) -> float:
    scales = MultiscaleConfig(n_exact=min(1 << 24, len(reference) * len(live) // 64))
    return warp_multiscale(reference, live, DtwConfig(metric=metric, n_threads=1), scales).cost


def _librosa(reference: Features, live: Features, metric: str) -> float:
    return float(librosa.sequence.dtw(C=cdist(reference, live, metric))[0][-1, -1])


def _dtaidistance(reference: Features, live: Features, metric: str) -> float:
    assert metric == "euclidean"
    return float(dtw_ndim.distance_fast(reference.astype(float), live.astype(float), inner_dist=metric))


def _jumps(reference: Features, live: Features, metric: str) -> float:
    """Half of it, and then on from a quarter: how far off the place of any frame is."""
    n = len(reference)
    cut = np.searchsorted(played(n), n // 2)
    again = np.searchsorted(played(n), n // 4)
    places = jump_warp(reference, np.concatenate([live[:cut], live[again:]])).places
    return float(np.abs(places - np.concatenate([played(n)[:cut], played(n)[again:]])).max())


METHODS: dict[str, Callable[[Features, Features, str], float]] = {
    "exact": _exact,
    "multiscale": _multiscale,
    "librosa": _librosa,
    "dtaidistance": _dtaidistance,
    "jumps": _jumps,
}


def played(n: int) -> npt.NDArray[np.int64]:
    """Which reference frame each live frame plays: the tempo wanders."""
    steps = np.random.default_rng(1).choice([0, 1, 2], n)
    return np.minimum(np.cumsum(steps), n - 1)


def material(n: int, n_features: int) -> tuple[Features, Features]:
    """Notes of four frames, and the same played with noise."""
    rng = np.random.default_rng(0)
    notes = np.abs(rng.standard_normal((n // 4 + 1, n_features))).astype(np.float32)
    reference = notes.repeat(4, axis=0)[:n] + 0.3 * rng.random((n, n_features), dtype=np.float32)
    return reference, reference[played(n)] + 0.3 * rng.random((n, n_features), dtype=np.float32)


def probe() -> None:
    """One measurement, printed."""
    method, n, n_features, metric = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    reference, live = material(n, n_features)
    METHODS[method](reference[:WARM], live[:WARM], metric)
    before = _peak_mib(anew=True)
    begin = time.process_time()
    cost = METHODS[method](reference, live, metric)
    cpu_s = time.process_time() - begin
    print(json.dumps({"cpu_s": cpu_s, "cost": cost, "n_cells": n * n, "peak_mib": _peak_mib() - before}))


def _peak_mib(*, anew: bool = False) -> float:
    """The most memory that was resident; anew: begin to count here."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _following() -> Iterator[Row]:
    """Live following of the demo's piece: what a second of sound costs, and how well it is followed."""
    with tempfile.TemporaryDirectory() as place:
        piece = make_demo(place, seed=1)
        cost, ours = _follow(piece)
        for method in PEER_METHODS:
            python = Path(os.environ.get(PEER_SETTING, PEER_PYTHON))
            peer = _peer(python, piece, method) if python.exists() else None
            yield _costs(method, piece.seconds, (cost, ours), peer)


def _costs(method: str, seconds: float, ours: tuple[float, Accuracy], peer: tuple[float, Accuracy] | None) -> Row:
    absent = f"not measured: set {PEER_SETTING} to a Python with pymatchmaker"
    return Row(
        what=f"live following of {seconds:.0f} s of piano, CPU time of a second",
        ours=_cost(ours, seconds),
        peer=f"{_cost(peer, seconds)}, pymatchmaker {method}" if peer else absent,
        ratio=f"{peer[0] / ours[0]:.1f}" if peer else "",
        agreement=f"lost {ours[1].lost:.0f} and {peer[1].lost:.0f} %" if peer else f"lost {ours[1].lost:.0f} %",
    )


def _cost(found: tuple[float, Accuracy], seconds: float) -> str:
    shares = " / ".join(f"{share:.0f}" for share in found[1].within)
    return f"{1000 * found[0] / seconds:.1f} ms; {shares} % within 25 / 50 / 100 / 200 ms"


def _follow(piece: DemoPiece) -> tuple[float, Accuracy]:
    """CPU seconds and accuracy of the live pipeline."""
    with AudioReader(piece.audio_path) as reader:
        audio, form = reader.read(), reader.format
    pipeline = Pipeline(form, PipelineConfig(score=read_score(piece.score_path)))
    pipeline.process(audio[: 4 * form.sample_rate])
    pipeline.reset()
    begin, events = time.process_time(), []
    for start in range(0, len(audio), BLOCK):
        events += pipeline.process(audio[start : start + BLOCK]).events
    cpu_s = time.process_time() - begin
    return cpu_s, _accuracy(track_of(events, form.sample_rate), piece)


def _peer(python: Path, piece: DemoPiece, method: str) -> tuple[float, Accuracy]:
    script = Path(__file__).with_name("matchmaker_peer.py")
    command = [str(python), str(script), method, str(piece.score_path), str(piece.audio_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    beats = np.maximum.accumulate(np.array(found["beat"]))
    return found["cpu_s"], _accuracy(PositionTrack(np.array(found["audio_s"]), beats), piece)


def _accuracy(track: PositionTrack, piece: DemoPiece) -> Accuracy:
    return evaluate_track(track, *read_truth(piece.truth_path))["first reach"]


if __name__ == "__main__":
    probe()
