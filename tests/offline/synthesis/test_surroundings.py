"""Hours without events: the same for the same seed, others for another, and each split by itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.app import main
from cli.terminal.stopping import USER_ERROR
from engine.detection.frame_clock import SOUND_RATE
from offline.synthesis.sound_bank import load_bank
from offline.synthesis.surroundings.kinds import PROGRAMS, SENTENCES, SURROUNDINGS, TALK_VOICES, surroundings

OUTDOORS = ("rain", "wind", "traffic", "hall")


@pytest.mark.parametrize("kind", OUTDOORS)
def test_each_seed_sounds_by_itself(kind: str) -> None:
    one, again, other = (surroundings(kind, "train", 2.0, 8000, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert len(one) == 16000
    assert np.abs(one).max() == pytest.approx(1)


def test_splits_share_nothing() -> None:
    for of in (TALK_VOICES, SENTENCES):
        drawn = [each for split in of.values() for each in split]
        assert len(set(drawn)) == len(drawn)
    assert set(PROGRAMS) == set(TALK_VOICES) == {"train", "validation", "test"}
    assert set(OUTDOORS) < set(SURROUNDINGS)


def test_a_folder_to_mix_under_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its manifest says the split, which a bank of sounds follows; an unknown kind is one line."""
    words = [
        "data",
        "surroundings",
        "-o",
        str(tmp_path / "out"),
        "--which",
        "validation",
        "-n",
        "2",
        "--seconds",
        "1.5",
    ]
    assert main([*words, "--kinds", "wind", "snow"]) == USER_ERROR
    assert "snow" in capsys.readouterr().err
    kinds = ["wind", "talk"] if shutil.which("espeak-ng") else ["wind"]
    assert main([*words, "--kinds", *kinds]) == 0
    assert soundfile.info(tmp_path / "out" / "wind" / "0000.flac").samplerate == SOUND_RATE
    bank = load_bank(tmp_path / "out", SOUND_RATE, "validation")
    assert len(bank.sources("_background")) == 2
    assert len(bank.sources("speech")) == 2 * (len(kinds) - 1)
    assert not load_bank(tmp_path / "out", SOUND_RATE, "train").parts
