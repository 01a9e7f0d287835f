"""`collaparte find`: the index of a folder, and what is played in a recording."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.app import main
from offline.synthesis.demo_piece import write_musicxml
from tests.cli.live.stage_music import played, written


@pytest.fixture
def scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "scores"
    folder.mkdir()
    write_musicxml(folder / "minuet.musicxml")
    (folder / "again.musicxml").write_bytes((folder / "minuet.musicxml").read_bytes())
    written(folder)
    return folder


def test_the_index_says_what_there_is(scores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find", str(scores), "--index"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 scores, ")
    assert lines[0].endswith(" 2 different pieces")
    assert lines[1] == "the same music: again, minuet"


def test_without_an_input_it_is_said_what_is_missing(scores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find", str(scores)]) == 2
    assert "expected a recording or a device" in capsys.readouterr().err


def test_silence_is_said_to_be_no_piece(scores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take, events = scores / "silence.wav", scores / "found.jsonl"
    soundfile.write(take, np.zeros(22050), 22050)
    assert main(["find", str(scores), "--input", str(take), "--events", str(events)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "nothing was heard that is in the folder" in said.err
    assert events.read_text() == ""


@pytest.mark.slow
def test_the_piece_of_a_recording_is_found(scores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take, events = played(scores / "study.musicxml", seconds=8), scores / "found.jsonl"
    assert main(["find", str(scores), "--input", str(take), "--events", str(events)]) == 0
    sure = [line for line in capsys.readouterr().out.splitlines() if " * " in line]
    assert "study, bar " in sure[0]
    rows = [json.loads(line) for line in events.read_text().splitlines()]
    assert {row["type"] for row in rows} == {"piece"}
    assert next(row["name"] for row in rows if row["sure"]) == "study"
