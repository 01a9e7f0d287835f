"""The table of a network's stems: figures known beforehand, and targets that cannot be told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.core.errors import ConfigError
from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.stft import Stft
from engine.separation.config import MaskNetworkConfig
from engine.separation.mask_network import StreamingSeparator
from offline.evaluation.stems import (
    STEM_METRICS,
    evaluate_separators,
    format_stem_table,
    ideal_ratio_mask,
    measure_stems,
    separate_streaming,
    write_stem_csv,
)
from offline.synthesis.multitrack import Corpus, find_songs
from tests.networks.separation import small_file
from tests.tolerances import FLOAT32

RATE = 44100
MIXED_DB = 0.1  # two roundings to 16 bits, before and after the channels are mixed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song with four stems and one without bass, 2 s of noise bursts each."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("songs")
    for song, stems in {"a": ("vocals", "drums", "bass", "other"), "b": ("vocals", "drums", "other")}.items():
        (root / song).mkdir()
        for stem in stems:
            audio = 0.05 * rng.standard_normal((2 * RATE, 2))
            soundfile.write(root / song / f"{stem}.wav", audio, RATE, subtype="FLOAT")
    return root


def node(**changes: object) -> StreamingSeparator:
    return StreamingSeparator(MaskNetworkConfig(model=small_file(**changes)), n_channels=2)


def test_measures_known_beforehand() -> None:
    """Orthogonal equal noise: the mixture of three is -3 dB; an error 20 dB below is 20 dB."""
    rng = np.random.default_rng(0)
    references = rng.standard_normal((3 * RATE, 3, 2)).astype(np.float32)
    estimates = references + 0.1 * rng.standard_normal(references.shape).astype(np.float32)
    for row in measure_stems(references, estimates, RATE):
        assert dict(zip(STEM_METRICS, row, strict=True)) == pytest.approx(
            {"SI-SDR": 20, "gain": 23, "global SDR": 20, "SDR v4": 20}, abs=0.2
        )
    mixture = np.repeat(references.sum(axis=1, keepdims=True), 3, axis=1)
    assert np.abs(measure_stems(references, mixture, RATE)[:, STEM_METRICS.index("gain")]).max() < FLOAT32


def test_a_silent_reference_is_left_out() -> None:
    references = np.random.default_rng(0).standard_normal((2 * RATE, 3, 2)).astype(np.float32)
    references[:, 2] = 0
    values = measure_stems(references, references + 0.1, RATE)
    assert np.isfinite(values[:2]).all()
    assert np.isnan(values[2]).all()


def test_the_ideal_ratio_mask_parts_what_does_not_overlap() -> None:
    t = np.arange(RATE) / RATE
    tones = np.stack([np.sin(2 * np.pi * f * t) for f in (300, 3000)], 1).astype(np.float32)[:, :, None]
    frames = FrameFormat(audio=AudioFormat(sample_rate=RATE, n_channels=1), n_fft=1024, hop=256)
    stems = ideal_ratio_mask(tones, frames, "hann")
    assert measure_stems(tones[2000:-2000], stems[2000:-2000], RATE // 2)[:, 0].min() > 50
    assert stems.shape == tones.shape


def test_stems_are_lined_up_with_the_input() -> None:
    live, audio = node(), np.random.default_rng(0).standard_normal((9000, 2)).astype(np.float32)
    stems = separate_streaming(live, audio)
    assert np.abs(stems.sum(axis=1) - audio).max() <= 10 * FLOAT32
    assert Stft(live.frames, window=live.window).latency == live.frames.latency


def test_mono_is_what_both_channels_have_in_common(folder: Path, tmp_path: Path) -> None:
    stereo, mono = (
        evaluate_separators({"net": node()}, find_songs(Corpus(folder=folder), only=["a"]), mono=mono)
        for mono in (False, True)
    )
    (tmp_path / "a").mkdir()
    for path in folder.glob("a/*.wav"):
        audio, rate = soundfile.read(path)
        mixed_down = np.repeat(audio.mean(1, keepdims=True), 2, 1)
        soundfile.write(tmp_path / "a" / path.name, mixed_down, rate, subtype="FLOAT")
    mixed = evaluate_separators({"net": node()}, find_songs(Corpus(folder=tmp_path)))
    assert [row.values for row in mono] != [row.values for row in stereo]
    assert np.abs(np.array([a.values for a in mono]) - [b.values for b in mixed]).max() < MIXED_DB


def test_every_song_by_every_method(folder: Path) -> None:
    rows = evaluate_separators({"net": node()}, find_songs(Corpus(folder=folder)))
    assert {row.target for row in rows if row.song == "a"} == {"vocals", "drums", "bass", "other"}
    assert {row.target for row in rows if row.song == "b"} == {"vocals", "drums", "bass+other"}
    gains = {method: [row.values[1] for row in rows if row.method == method] for method in {r.method for r in rows}}
    assert set(gains) == {"mixture / targets", "kernel additive modelling", "net", "ideal ratio mask"}
    assert {row.target for row in rows if row.method == "kernel additive modelling"} == {"drums"}
    assert np.abs(gains["mixture / targets"]).max() < 1e-3
    assert min(gains["ideal ratio mask"]) > 3
    text = format_stem_table(rows)
    assert "| ideal ratio mask | **mean gain** |" in text
    assert text.count("\n") == 1 + 3 * (5 + 1) + 2
    write_stem_csv(folder / "table.csv", rows)
    lines = (folder / "table.csv").read_text().splitlines()
    assert lines[0] == "song,method,target,SI-SDR,gain,global SDR,SDR v4"
    assert len(lines) == 1 + len(rows) + 3 * 5 + 1


def test_a_network_of_fewer_targets_is_measured_beside_one_that_knows_more(folder: Path) -> None:
    """What it has in `other` is one for it, and measured as one for the other too."""
    few, song = node(targets=("vocals", "drums", "other")), find_songs(Corpus(folder=folder), only=["a"])
    rows = evaluate_separators({"few": few, "all": node()}, song)
    targets = {name: [row.target for row in rows if row.method == name] for name in ("few", "all")}
    assert set(targets["few"]) == {"vocals", "drums", "bass+other"}
    assert set(targets["all"]) == {"vocals", "drums", "bass", "other", "bass+other"}
    alone = [row.values for row in evaluate_separators({"all": node()}, song) if row.method == "all"]
    assert [row.values for row in rows if row.method == "all" and row.target != "bass+other"] == alone
    gains = [row.values[1] for row in rows if row.method == "all" and "+" not in row.target]
    assert f"| all | **mean gain** | | {np.mean(gains):.2f} |" in format_stem_table(rows)
    with pytest.raises(ConfigError, match="other and some of these"):
        evaluate_separators({"all": node(), "strange": node(targets=("vocals", "flute"))}, song)
