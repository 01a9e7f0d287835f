"""The table of other people's separators; packages that are not here are stood in for by what their calls return."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.core.errors import ConfigError
from offline.evaluation.separators import conv_tasnet, demucs
from offline.evaluation.separators.conv_tasnet import open_conv_tasnet
from offline.evaluation.separators.demucs import open_demucs
from offline.evaluation.separators.table import COMPARED_METHODS, compared_table, measure_compared, write_compared_csv
from offline.synthesis.multitrack import Corpus, find_songs
from tests.tolerances import FLOAT32

RATE = 8000
STEMS = ("bass", "drums", "other", "vocals")


def test_what_is_measured_stands_beside_what_was_published(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "a").mkdir()
    signals = {stem: 0.1 * rng.standard_normal((2 * RATE, 2)).astype(np.float32) for stem in STEMS}
    for stem, audio in signals.items():
        soundfile.write(tmp_path / "a" / f"{stem}.wav", audio, RATE, subtype="FLOAT")

    def near(mixture: np.ndarray) -> dict[str, np.ndarray]:
        """Every stem but the vocals, 20 dB above its error."""
        return {stem: signals[stem] * 1.1 for stem in STEMS[:3]}

    measured = measure_compared({"Demucs": near, "Ours": near}, find_songs(Corpus(folder=tmp_path)), RATE)
    assert measured["Demucs"]["bass"] == pytest.approx(20, abs=0.1)
    assert np.isnan(measured["Demucs"]["vocals"])
    lines = compared_table(measured).splitlines()
    assert "| Demucs | 20.00 (5.83) |" in "\n".join(lines)
    assert "| Meta-TasNet | - (5.58) | - (5.91) | - (4.19) | - (6.40) | - (5.52) |" in lines
    assert any(line.startswith("| Ours | 20.00 |") for line in lines)
    write_compared_csv(tmp_path / "table.csv", measured)
    with (tmp_path / "table.csv").open() as file:
        rows = {(row["method"], row["stem"]): row for row in csv.DictReader(file)}
    assert rows["Demucs", "vocals"]["measured"] == "" and rows["Demucs", "vocals"]["published"] == "6.29"
    for figures in COMPARED_METHODS.values():
        assert np.mean(list(figures.values())[:4]) == pytest.approx(figures["mean"], abs=0.011)


def test_without_their_packages_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demucs, "get_model", None)
    monkeypatch.setattr(conv_tasnet, "ConvTasNet", None)
    with pytest.raises(ConfigError, match="pip install demucs"):
        open_demucs("mdx", RATE)
    with pytest.raises(ConfigError, match="pip install asteroid"):
        open_conv_tasnet(tmp_path / "model.pth", STEMS, RATE)


class Halves:
    """A model of both packages' manners: each of two stems is half of what it hears."""

    samplerate = sample_rate = RATE
    sources = ("vocals", "other")

    @classmethod
    def from_pretrained(cls, path: str) -> Halves:
        return cls()

    def __call__(self, heard: torch.Tensor) -> torch.Tensor:
        return heard[:, None].expand(-1, 2, -1) / 2


def test_demucs_hears_and_gives_back_samples_at_their_own_level(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[torch.Tensor] = []

    def apply_model(model: Halves, mixture: torch.Tensor) -> torch.Tensor:
        heard.append(mixture)
        return torch.stack([mixture, mixture], 1)  # (1, source, channel, sample)

    monkeypatch.setattr(demucs, "get_model", lambda name, repo=None: Halves())
    monkeypatch.setattr(demucs, "apply_model", apply_model)
    mixture = (3 + np.random.default_rng(0).standard_normal((100, 2))).astype(np.float32)
    stems = open_demucs("some/mdx", RATE)(mixture)
    assert float(heard[0].mean(1).std()) == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(stems["vocals"], mixture, atol=10 * FLOAT32)
    with pytest.raises(ConfigError, match="a model of 44100 Hz"):
        open_demucs("mdx", 44100)


def test_conv_tasnet_hears_each_channel_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv_tasnet, "ConvTasNet", Halves)
    mixture = np.random.default_rng(0).standard_normal((100, 2)).astype(np.float32)
    stems = open_conv_tasnet(Path("model.pth"), ("vocals", "other"), RATE)(mixture)
    np.testing.assert_allclose(stems["other"], mixture / 2)
    with pytest.raises(ConfigError, match="4 stems"):
        open_conv_tasnet(Path("model.pth"), STEMS, RATE)(mixture)
