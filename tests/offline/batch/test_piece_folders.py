"""Folders of pieces: which are pieces, and what is said of those that are not."""

from __future__ import annotations

import csv
from dataclasses import fields
from pathlib import Path

import pytest

from cli.terminal.report import evaluated
from cli.terminal.stopping import USER_ERROR
from engine.core.errors import AudioFileError
from offline.batch.piece_folders import PieceCounts, find_pieces
from offline.datasets.hard_set import HardRow
from offline.evaluation.hard import takes_of

WHOLE = ("score.mid", "performance.wav", "truth.csv")


def folder(place: Path, *files: str) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    for name in files:
        (place / name).touch()
    return place


def test_what_lacks_something_is_left_out_and_named(tmp_path: Path) -> None:
    folder(tmp_path / "a", *WHOLE)
    folder(tmp_path / "b", "score.mid", "performance.wav")
    folder(tmp_path / "c", "truth.csv", "score.txt")
    folder(tmp_path / "d")
    found = find_pieces(tmp_path)
    assert [piece.name for piece in found.pieces] == ["a"]
    assert found.lacking == {
        "b": "no truth.csv",
        "c": "no score, performance",
        "d": "no score, performance, truth.csv",
    }
    assert found.counts(0).left_out.startswith("3 left out (b: no truth.csv; c: ")


def test_a_piece_may_hold_other_folders(tmp_path: Path) -> None:
    folder(tmp_path, *WHOLE)
    folder(tmp_path / "stems", "drums.wav")
    folder(tmp_path / "again", "score.mid")
    assert find_pieces(tmp_path).lacking == {"again": "no performance, truth.csv"}


def test_another_recording_may_be_asked_for(tmp_path: Path) -> None:
    folder(tmp_path / "duo", "score.mid", "solo.wav", "truth.csv")
    assert find_pieces(tmp_path, "solo").pieces[0].performance.name == "solo.wav"
    with pytest.raises(AudioFileError, match=r"duo: no performance"):
        find_pieces(tmp_path)


def test_many_are_counted(tmp_path: Path) -> None:
    folder(tmp_path, *WHOLE)
    for i in range(20):
        folder(tmp_path / f"{i:02}", "score.mid")
    left_out = find_pieces(tmp_path).counts(0).left_out
    assert left_out.startswith("20 left out (00: ") and left_out.endswith("; 14 others)")


def test_takes_of_the_manifest_and_others(tmp_path: Path) -> None:
    for name in ("whole", "other half", "unknown"):
        folder(tmp_path / name, *WHOLE)
    folder(tmp_path / "cut", "score.mid")
    with (tmp_path / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        halves = {"whole": "tuning", "cut": "tuning", "gone": "tuning", "other half": "judging"}
        writer.writerow(each.name for each in fields(HardRow))
        writer.writerows((name, half, "clean", "piece", "", "", "1") for name, half in halves.items())
    rows_found, left_out = takes_of(tmp_path, ("tuning",))
    assert [row.take for row in rows_found] == ["whole"]
    assert left_out == {
        "cut": "no performance, truth.csv",
        "gone": "no such folder",
        "unknown": "not in manifest.csv",
    }


def test_the_end_of_an_evaluation(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluated(PieceCounts(3, 0, "1 left out (b: no truth.csv)")) == 0
    assert capsys.readouterr().err == "3 done, 0 failed, 1 left out (b: no truth.csv)\n"
    assert evaluated(PieceCounts(1, 1, "")) == USER_ERROR
    assert capsys.readouterr().err == "1 done, 1 failed, 0 left out\n"
    assert evaluated(PieceCounts(1, 0, "")) == 0
    assert capsys.readouterr().err == ""
