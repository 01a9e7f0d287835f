"""The eight settings of the paper's Table 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from offline.training.separation.paper_table import SETTINGS, main


def test_settings_are_those_of_the_paper() -> None:
    names = {name: rest for name, *rest in SETTINGS}
    assert set(names) == {"C1", "C1x", "C2", "C2x", "C3", "C3x", "C4", "P"}
    assert names["C1"] == ["umx", False, False]
    assert names["C2x"] == ["xumx", True, False]
    assert names["C3"] == ["umx", False, True]
    assert names["P"] == ["xumx", True, True]


@pytest.mark.slow
def test_prints_a_row_for_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for song in ("a", "b"):
        (tmp_path / "songs" / song).mkdir(parents=True)
        for stem in ("vocals", "drums", "other"):
            path = tmp_path / "songs" / song / f"{stem}.wav"
            soundfile.write(path, 0.05 * rng.standard_normal((2 * 44100, 2)), 44100)
    options = ["--targets", "vocals", "drums", "other", "--hidden", "8", "--steps", "2", "--batch", "2"]
    main(
        [
            "--data",
            str(tmp_path / "songs"),
            "--out",
            str(tmp_path / "out"),
            "--hold-out",
            "b",
            "--segment",
            "1",
            *options,
        ]
    )
    text = capsys.readouterr().out
    assert "NOT MUSDB18-HQ" in text
    assert text.count("\n| ") == 9
