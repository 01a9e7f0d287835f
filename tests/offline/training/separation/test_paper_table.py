"""The eight settings of the paper's Table 1, and its preset."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from cli.common import settings_from
from engine.core.errors import AudioFileError, ConfigError
from models.separation.config import SeparationNetworkConfig
from models.separation.network import OpenUnmix
from offline.datasets.musdb import VALIDATION_SONGS, open_musdb
from offline.training.common.config import LoopConfig
from offline.training.separation.config import SeparationObjective, SeparationTable, SeparationTraining
from offline.training.separation.paper_table import PUBLISHED_SDR, SETTINGS, separate_whole_song, separation_table
from tests.tolerances import FLOAT32

STEMS = ("vocals", "drums", "bass", "other")


def test_settings_are_those_of_the_paper() -> None:
    names = {name: tuple(rest) for name, *rest in SETTINGS}
    assert list(names) == list(PUBLISHED_SDR)
    assert names["C1"] == ("umx", False, False)
    assert names["C2-bar"] == ("xumx", True, False)
    assert names["C3"] == ("umx", False, True)
    assert names["P"] == ("xumx", True, True)
    for figures in PUBLISHED_SDR.values():
        assert np.mean(list(figures.values())[:4]) == pytest.approx(figures["avg."], abs=0.011)


def test_the_preset_is_the_paper_s_and_what_is_given_wins(tmp_path: Path) -> None:
    typed = {"preset": "x-umx", "output": tmp_path, "musdb": tmp_path}
    config = settings_from(SeparationTraining, typed)
    network, loop = config.network, config.loop
    assert (network.hidden, network.n_layers, network.bidirectional, network.cross) == (512, 3, True, True)
    assert (config.objective.segment_s, config.objective.multi_domain, config.objective.combine) == (6.0, True, True)
    assert (loop.learning_rate, loop.clip, loop.weight_decay, loop.average, loop.decay) == (1e-3, 0, 0, 0, 0)
    given = settings_from(SeparationTraining, {**typed, "hidden": 8, "clip": 5.0, "combine": False})
    assert (given.network.hidden, given.loop.clip, given.objective.combine) == (8, 5.0, False)
    assert given.network.bidirectional


def musdb(folder: Path, seconds: float = 2.0) -> Path:
    """The layout of MUSDB18-HQ: two songs to train on, one to validate on, one to test on."""
    rng = np.random.default_rng(0)
    for song in ("train/a", "train/b", f"train/{VALIDATION_SONGS[0]}", "test/c"):
        (folder / song).mkdir(parents=True)
        for stem in (*STEMS, "mixture"):
            audio = 0.05 * rng.standard_normal((int(seconds * 44100), 2))
            soundfile.write(folder / song / f"{stem}.wav", audio, 44100)
    return folder


def test_musdb_is_split_as_its_package_does(tmp_path: Path) -> None:
    found = open_musdb(musdb(tmp_path, 0.1))
    assert [song.name for song in found.train] == ["a", "b"]
    assert [song.name for song in found.validation] == [VALIDATION_SONGS[0]]
    assert [song.name for song in found.test] == ["c"]
    assert len(VALIDATION_SONGS) == 14
    (tmp_path / "test" / "c" / "bass.wav").unlink()
    with pytest.raises(AudioFileError, match="bass"):
        open_musdb(tmp_path)
    with pytest.raises(AudioFileError, match="MUSDB18-HQ"):
        open_musdb(tmp_path / "train")


def test_a_song_is_separated_whole_and_in_place() -> None:
    """Masks of one for all: each stem is the mixture, sample for sample."""
    network = OpenUnmix(SeparationNetworkConfig(targets=("a", "b"), n_fft=256, hop=64, hidden=8, sample_rate=8000,
                                                bandwidth_hz=4000))  # fmt: skip

    class Open(torch.nn.Module):
        config = replace(network.config, bidirectional=True)

        def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
            return torch.ones(len(magnitude), 1, 2, 2, magnitude.shape[-1])

    mixture = np.random.default_rng(0).standard_normal((1000, 2)).astype(np.float32)
    stems = separate_whole_song(Open(), mixture, iterations=0)  # type: ignore[arg-type]
    assert stems.shape == (1000, 2, 2)
    np.testing.assert_allclose(stems[:, 0], mixture, atol=10 * FLOAT32)
    half = separate_whole_song(Open(), mixture, iterations=1)  # type: ignore[arg-type]
    np.testing.assert_allclose(half.sum(axis=1), mixture, atol=1e-2)


@pytest.mark.slow
def test_prints_a_row_for_each(tmp_path: Path) -> None:
    config = SeparationTable(
        musdb=musdb(tmp_path / "musdb"),
        output=tmp_path / "out",
        hidden=8,
        csv=tmp_path / "table.csv",
        loop=LoopConfig(until=2),
        objective=SeparationObjective(batch=2, segment_s=1.0),
    )
    text = separation_table(config)
    assert "to step 2 each" in text and "measured on: c." in text and "NOT MUSDB18-HQ" not in text
    assert text.count("\n| ") == 9
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == list(PUBLISHED_SDR)
    assert [(row["mdl"], row["cl"]) for row in rows[:4]] == [("×", "×"), ("×", "×"), ("✓", "×"), ("✓", "×")]
    assert rows[7]["published vocals"] == "6.50"
    assert all(np.isfinite(float(row["avg."])) for row in rows)
    assert separation_table(replace(config, resume=True)) == text  # nothing is trained twice


def test_a_table_needs_songs_to_measure_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="validation"):
        SeparationTable(data=("songs",), output=tmp_path)
    with pytest.raises(ConfigError, match="one of the two"):
        SeparationTraining(data=("songs",), musdb=tmp_path, output=tmp_path)
    with pytest.raises(ConfigError, match="MUSDB18-HQ has its own"):
        SeparationTraining(musdb=tmp_path, validation=("a",), output=tmp_path)
