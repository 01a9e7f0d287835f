"""A recorded soloist is accompanied: the mix, the table and the events are written, and every note ends."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.app import main
from tests.duos import make_duo

NEAR_S = 0.08  # of a steady soloist, from the fourth quarter on: one decision and the follower's report


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a score for two parts, and the soloist's recording and truth."""
    return make_duo(tmp_path_factory.mktemp("duo"))


def test_a_recording_is_accompanied(duo: Path, tmp_path: Path) -> None:
    out = [tmp_path / name for name in ("mix.wav", "played.csv", "events.jsonl")]
    words = ["accompany", str(duo / "score.mid"), "--input", str(duo / "solo.wav"), "--engine", "built-in"]
    assert main([*words, "-o", str(out[0]), "--scheduled", str(out[1]), "--events", str(out[2])]) == 0
    with out[1].open() as file:
        played = [(float(row["quarter"]), float(row["audio_s"])) for row in csv.DictReader(file)]
    assert [q for q, _ in played] == list(range(12))
    assert max(abs(at_s - (0.5 + 0.6 * q)) for q, at_s in played[4:]) < NEAR_S
    notes = [event for line in out[2].read_text().splitlines() if (event := json.loads(line))["type"] == "note"]
    assert sum(1 if note["active"] else -1 for note in notes) == 0
    mix, solo = soundfile.read(out[0])[0], soundfile.read(duo / "solo.wav")[0]
    assert len(mix) > len(solo), "the last chord dies away"
    assert np.abs(mix[: len(solo)] - solo).max() > 0.01, "the accompaniment sounds"


def test_the_table(duo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "accompany", str(duo), "--csv", str(tmp_path / "t.csv"), "--plots", str(tmp_path)]
    assert main(words) == 0
    assert "with solo %" in capsys.readouterr().out
    assert (tmp_path / f"{duo.name}.png").stat().st_size > 10_000
    with (tmp_path / "t.csv").open() as file:
        assert float(next(csv.DictReader(file))["100 ms"]) > 80


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--solo", "Viola"], "Viola"),
        ([], "-o mix.wav"),
        (["-o", "mix.mp3"], "one file .wav"),
    ],
)
def test_bad_input_gets_one_line(words: list[str], said: str, duo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--scheduled", "x.csv"] if "--solo" in words else []
    assert main(["accompany", str(duo / "score.mid"), "--input", str(duo / "solo.wav"), *words, *more]) != 0
    assert said in capsys.readouterr().err.strip().splitlines()[-1]
