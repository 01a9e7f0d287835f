"""The eight settings of the paper's Table 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.core.errors import ConfigError
from offline.training.common.config import LoopConfig
from offline.training.separation.config import SeparationObjective, SeparationTable
from offline.training.separation.paper_table import SETTINGS, separation_table


def test_settings_are_those_of_the_paper() -> None:
    names = {name: rest for name, *rest in SETTINGS}
    assert set(names) == {"C1", "C1x", "C2", "C2x", "C3", "C3x", "C4", "P"}
    assert names["C1"] == ["umx", False, False]
    assert names["C2x"] == ["xumx", True, False]
    assert names["C3"] == ["umx", False, True]
    assert names["P"] == ["xumx", True, True]


@pytest.mark.slow
def test_prints_a_row_for_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for song in ("a", "b"):
        (tmp_path / "songs" / song).mkdir(parents=True)
        for stem in ("vocals", "drums", "other"):
            path = tmp_path / "songs" / song / f"{stem}.wav"
            soundfile.write(path, 0.05 * rng.standard_normal((2 * 44100, 2)), 44100)
    config = SeparationTable(
        data=(str(tmp_path / "songs"),),
        output=tmp_path / "out",
        validation=("b",),
        targets=("vocals", "drums", "other"),
        hidden=8,
        loop=LoopConfig(steps=2),
        objective=SeparationObjective(batch=2, segment_s=1.0),
    )
    text = separation_table(config)
    assert "2 steps each" in text and "NOT MUSDB18-HQ" in text
    assert text.count("\n| ") == 9


def test_a_table_needs_songs_to_measure_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="validation"):
        SeparationTable(data=("songs",), output=tmp_path)
