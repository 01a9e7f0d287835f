"""The whole pipeline on the demo's piece: its cost beside librosa's, its memory over an hour, and how soon it is ready.

python -m benchmarks.pipeline
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import psutil

from benchmarks.rows import Row
from cli.demo.material import make_demo
from engine.audio.files import AudioReader
from engine.core.format import AudioFormat
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.score.readers import read_score
from engine.separation.config import TUNED
from offline.following.presets import follow_by
from offline.following.score_rendering import reference_from_rendering

BLOCK = 1024
HOUR_S = 3600


def rows() -> Iterator[Row]:
    """All rows of this page."""
    with tempfile.TemporaryDirectory() as place:
        piece = make_demo(place, seed=1)
        score = read_score(piece.score_path)
        with AudioReader(piece.audio_path) as reader:
            audio, form = reader.read(), reader.format
    learned = follow_by("learned")
    sounded = reference_from_rendering(score, form, learned)
    both = PipelineConfig(separate=TUNED, score=sounded, follow=learned)
    yield _cost(both, audio, form)
    yield _following("following alone, learned features", replace(both, separate=None), audio, form)
    yield _following("following alone, bands", PipelineConfig(score=score), audio, form)
    yield _hour(both, audio, form)
    yield _ready()
    yield _help()


def _stream(pipeline: Pipeline, audio: np.ndarray) -> tuple[float, np.ndarray, int]:
    """CPU seconds of streaming `audio` in blocks, the stems, and how many events came."""
    stems, n_events = [], 0
    begin = time.process_time()
    for start in range(0, len(audio), BLOCK):
        out = pipeline.process(audio[start : start + BLOCK])
        stems.append(out.stems.copy())
        n_events += len(out.events)
    return time.process_time() - begin, np.concatenate(stems), n_events


def _cost(config: PipelineConfig, audio: np.ndarray, form: AudioFormat) -> Row:
    """Separation and following together against librosa's separation and chroma of the same sound."""
    pipeline = Pipeline(form, config)
    _stream(pipeline, audio[: 4 * form.sample_rate])
    pipeline.reset()
    ours_s, stems, _ = _stream(pipeline, audio)
    begin = time.process_time()
    spectra = librosa.stft(audio.T, n_fft=4096, hop_length=1024)
    harmonic, percussive = librosa.decompose.hpss(spectra, kernel_size=17)
    peers = [librosa.istft(part, n_fft=4096, hop_length=1024, length=len(audio)) for part in (harmonic, percussive)]
    librosa.feature.chroma_stft(S=np.abs(librosa.stft(audio.mean(axis=1), hop_length=512)) ** 2, hop_length=512)
    peer_s = time.process_time() - begin
    seconds = len(audio) / form.sample_rate
    delayed = stems.sum(axis=1)[pipeline.latency :]
    ours_error = np.abs(delayed - audio[: len(delayed)]).max()
    peer_error = np.abs(sum(peers).T - audio).max()
    return Row(
        what=f"separation and following of {seconds:.0f} s of stereo in blocks of {BLOCK}",
        ours=f"{100 * ours_s / seconds:.1f} % of a core",
        peer=f"{100 * peer_s / seconds:.1f} %, librosa 0.11 (hpss and chroma, whole file, follows nothing)",
        ratio=f"{peer_s / ours_s:.1f}",
        agreement=f"sum of the stems off by {ours_error:.1g}, librosa's by {peer_error:.1g}",
    )


def _following(what: str, config: PipelineConfig, audio: np.ndarray, form: AudioFormat) -> Row:
    pipeline = Pipeline(form, config)
    _stream(pipeline, audio[: 4 * form.sample_rate])
    pipeline.reset()
    ours_s, _, n_events = _stream(pipeline, audio)
    seconds = len(audio) / form.sample_rate
    return Row(
        what=what,
        ours=f"{100 * ours_s / seconds:.1f} % of a core",
        peer="",
        ratio="",
        agreement=f"{n_events / seconds:.0f} positions a second",
    )


def _hour(config: PipelineConfig, audio: np.ndarray, form: AudioFormat) -> Row:
    """Resident memory after a minute and after an hour of the piece played again and again."""
    pipeline, process = Pipeline(form, config), psutil.Process()
    fed, levels = 0, {}
    while fed < HOUR_S * form.sample_rate:
        for start in range(0, len(audio), BLOCK):
            pipeline.process(audio[start : start + BLOCK])
        fed += len(audio)
        levels[fed / form.sample_rate] = process.memory_info().rss / 2**20
    seen = sorted(levels)
    after_minute = next(levels[s] for s in seen if s >= 60)
    return Row(
        what="resident memory, an hour of sound",
        ours=f"{levels[seen[-1]] - after_minute:+.1f} MiB from the first minute on",
        peer="",
        ratio=f"{levels[seen[-1]] / after_minute:.3f}",
        agreement=f"{after_minute:.0f} MiB after {seen[0]:.0f} s, {levels[seen[-1]]:.0f} MiB after {seen[-1]:.0f} s",
    )


def _ready() -> Row:
    code = "import time; from cli.live.warm import warm_kernels; warm_kernels(); print(time.process_time())"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(4)]
    ready_s = min(float(run.stdout) for run in runs[1:])  # the first may compile
    return Row(
        what="an engine process is ready, all nodes, both resamplers, warm cache",
        ours=f"{ready_s:.2f} s CPU",
        peer="",
        ratio="",
        agreement="",
    )


def _help() -> Row:
    script = Path(sys.executable).with_name("collaparte")
    before = psutil.Process().cpu_times()
    subprocess.run([script, "--help"], stdout=subprocess.DEVNULL, check=True)
    after = psutil.Process().cpu_times()
    cost_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Row(what="collaparte --help", ours=f"{cost_s:.2f} s CPU", peer="", ratio="", agreement="")


if __name__ == "__main__":
    for row in rows():
        print(row)
