"""The networks for stems that ship: their cards are true of the files, they stream, and they separate."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import ConfigError
from engine.separation.mask_network_segments import open_separator
from offline.evaluation.stems import STEM_METRICS, evaluate_separators, separate_streaming
from offline.separation import presets
from offline.separation.presets import SEPARATORS, unmix_config
from offline.synthesis.multitrack import find_songs, parse_corpus
from tests.places import SHARED
from tests.tolerances import FLOAT32

SONGS = SHARED / "stems"
FILES = list(dict.fromkeys(SEPARATORS.values()))
FIRST_OR_SLOW = [FILES[0], *(pytest.param(path, marks=pytest.mark.slow) for path in FILES[1:])]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_card_is_of_this_file(path: Path) -> None:
    card = tomllib.loads(path.with_suffix(".toml").read_text())
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["licence"] == "MIT"
    assert "caesium" in card["split"]
    parts = [value for name, value in card.items() if name.startswith("part_")] or [card]
    assert min(min(part["checks"]["int8_stem_snr_db"].values()) for part in parts) > 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_stems_add_up_to_what_goes_in(path: Path) -> None:
    node = open_separator(unmix_config(path), n_channels=2)
    assert node.targets == ("vocals", "drums", "bass", "other")
    sound = 0.1 * np.random.default_rng(0).standard_normal((30_000, 2)).astype(np.float32)
    assert np.abs(separate_streaming(node, sound).sum(axis=1) - sound).max() < FLOAT32


def test_the_second_one_answers_sooner() -> None:
    slow, fast = (open_separator(unmix_config(name), n_channels=2).frames.latency for name in ("unmix", "low-latency"))
    assert fast < slow / 3


def test_one_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(presets, "WEIGHTS", tmp_path)
    monkeypatch.setitem(presets.SEPARATORS, "unmix", tmp_path / "unmix.onnx")
    with pytest.raises(ConfigError, match="import-weights"):
        unmix_config("unmix")


@pytest.mark.skipif(not SONGS.is_dir(), reason="needs ../shared/data/stems")
@pytest.mark.parametrize("path", FIRST_OR_SLOW, ids=lambda path: path.stem)
def test_it_separates_a_song_that_it_never_saw(path: Path) -> None:
    """Twelve seconds of caesium: each target's SI-SDR is above the mixture's; by how much, the card says."""
    node = open_separator(unmix_config(path), n_channels=2)
    songs = find_songs(parse_corpus(str(SONGS)), only=["caesium"])
    rows = evaluate_separators({"ours": node}, songs, start_s=100, seconds=12)
    gains = {row.target: row.values[STEM_METRICS.index("gain")] for row in rows if row.method == "ours"}
    assert set(gains) == {"vocals", "drums", "bass+other"}  # the song has no bass of its own
    assert min(gains.values()) > 0
