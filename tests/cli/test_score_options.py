"""`--part` and `--list-parts` of the commands that take a score."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.app import main
from offline.synthesis.demo_piece import write_musicxml


@pytest.fixture
def score(tmp_path: Path) -> Path:
    write_musicxml(tmp_path / "minuet.musicxml")
    return tmp_path / "minuet.musicxml"


@pytest.mark.parametrize("command", [["run", "--score", "SCORE"], ["align", "SCORE"]])
def test_the_parts_are_listed_without_a_recording(
    score: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(score) if word == "SCORE" else word for word in command] + ["--list-parts"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [["P1", "Right hand"], ["P2", "Left hand"]]


def test_a_part_before_an_argument_does_not_take_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "follow", "--part", "Solo", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err  # as the folder, which has no pieces


def test_an_unknown_part_is_one_line(score: Path, demo_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take = str(demo_folder / "demo" / "performance.wav")
    assert main(["run", "--input", take, "--score", str(score), "--part", "right hnad", "--features", "bands"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "one of the parts Right hand (P1), Left hand (P2), got 'right hnad'; did you mean Right hand?" in line


def test_listing_the_parts_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--list-parts"]) == 2
    assert "--list-parts: expected a score" in capsys.readouterr().err
