"""The index over a folder: what is read, kept and told."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import ScoreError
from engine.score.score import Score
from engine.stage.finding import score_cache
from engine.stage.finding.piece_index import PieceIndex
from offline.synthesis.demo_piece import minuet

XML = """<?xml version="1.0"?><score-partwise version="4.0"><part-list><score-part id="P1"><part-name>x</part-name>
</score-part></part-list><part id="P1"><measure number="1"><attributes><divisions>1</divisions><time><beats>4</beats>
<beat-type>4</beat-type></time></attributes>{notes}</measure></part></score-partwise>"""
NOTE = "<note><pitch><step>{}</step><octave>4</octave></pitch><duration>1</duration><type>quarter</type></note>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scores = tmp_path / "scores"
    (scores / "more").mkdir(parents=True)
    for name, steps in (("a", "CDEF"), ("more/b", "GFED"), ("copy of a", "CDEF")):
        (scores / f"{name}.musicxml").write_text(XML.format(notes="".join(map(NOTE.format, steps))))
    (scores / "broken.musicxml").write_text("<score-partwise>")
    (scores / "notes.txt").write_text("no score")
    return scores


def test_scores_are_read_and_the_broken_one_told(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    index = PieceIndex.build(folder, tmp_path / "cache", lambda done, n_all: seen.append((done, n_all)))
    assert [piece.name for piece in index.pieces] == ["a", "copy of a", "more/b"]
    assert [piece.edition for piece in index.pieces] == [0, 0, 2]
    assert len({piece.id for piece in index.pieces}) == 3
    assert len(index.unread) == 1
    assert "broken" in index.unread[0]
    assert seen[-1] == (4, 4)


def test_only_what_is_new_is_read_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = score_cache.read_draft
    monkeypatch.setattr(score_cache, "read_draft", lambda path: read.append(path.name) or real(path))
    for _ in range(2):
        index = PieceIndex.build(folder, tmp_path / "cache")
    assert sorted(read) == ["a.musicxml", "b.musicxml", "broken.musicxml", "broken.musicxml", "copy of a.musicxml"]
    again = PieceIndex.build(folder, tmp_path / "other")
    for one, other in zip(index.pieces, again.pieces, strict=True):
        assert_same(one.score, other.score)


def assert_same(one: Score, other: Score) -> None:
    for each in fields(Score):
        np.testing.assert_array_equal(getattr(one, each.name), getattr(other, each.name))


def test_a_damaged_cache_is_read_again(folder: Path, tmp_path: Path) -> None:
    PieceIndex.build(folder, tmp_path / "cache")
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert len(PieceIndex.build(folder, tmp_path / "cache").pieces) == 3


def test_a_folder_without_scores_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="expected scores"):
        PieceIndex.build(tmp_path)
    with pytest.raises(ScoreError, match="expected a folder"):
        PieceIndex.build(tmp_path / "none")


def test_a_score_survives_the_cache(tmp_path: Path) -> None:
    score = minuet()
    assert_same(score, score_cache._unpacked(score_cache._packed(score)))
