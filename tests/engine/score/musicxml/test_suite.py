"""The public MusicXML test suite, as music21 carries it: each file is read, or refused for a true reason."""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from engine.core.errors import ScoreError
from engine.score.readers import read_score
from tests.engine.score.musicxml.writing import pairs, read_text


def suite() -> list[Path]:
    """Its files, without importing music21; none where it is not installed."""
    found = find_spec("music21")
    folder = Path(found.origin).parent / "musicxml" / "lilypondTestSuite" if found and found.origin else Path()
    return sorted([*folder.glob("*.xml"), *folder.glob("*.mxl")]) if found else []


FILES = {path.name.partition("-")[0]: path for path in suite()}
RESTS = "02a 02b 02c 41b 41f 41g 41h 45a 45c 45d 45e 45f 46a 51b 51c 51d 52a"  # or nothing at all
WITHOUT_NOTES = set(RESTS.split(" "))
needs_suite = pytest.mark.skipif(not FILES, reason="music21 is not installed")


@needs_suite
def test_the_suite_is_whole() -> None:
    assert len(suite()) == 143
    assert len(FILES) == 143  # no two of the same number


@needs_suite
@pytest.mark.parametrize("number", FILES)
def test_every_file_is_read_or_has_no_notes(number: str) -> None:
    try:
        score = read_score(FILES[number])
    except ScoreError as error:
        assert number in WITHOUT_NOTES
        assert "expected a score with notes, got none" in str(error)
    else:
        assert number not in WITHOUT_NOTES
        assert len(score.note_pitch) == len(score.note_id) > 0


def text_of(path: Path) -> str:
    if path.suffix == ".mxl":
        with zipfile.ZipFile(path) as archive:
            return archive.read("20a-Compressed-MusicXML.xml").decode()
    return path.read_text(encoding="utf-8")


@needs_suite
@pytest.mark.parametrize("number", sorted(WITHOUT_NOTES))
def test_those_without_notes_have_none(number: str) -> None:
    assert "<pitch>" not in text_of(FILES[number])


ORDERS = {  # printed numbers as played, where each bar is filled with a note
    "45a": [1] * 5 + [2],
    "45b": [1, 2, 1, 3, 4],
    "45c": [1] + [2, 3] * 5 + [4, 5, 6, 7] * 3 + [8],
    "45d": [1, 2, 1, 3, 4, 5, 1, 6, 7, 8, 9, 10, 7, 8, 9, 11, 12],
    "45e": [1, 2, 1, 3, 4, 5, 5, 6, 7, 6, 8, 9, 8, 9, 10],
    "45f": [1, 2, 3, 4, 1, 2, 3, 4, 5],  # two brackets for pass 2: read without them
    "45g": [1, 2],
}


@needs_suite
@pytest.mark.parametrize("number", ORDERS)
def test_repeats_of_the_suite(tmp_path: Path, number: str) -> None:
    text = text_of(FILES[number])
    filled = text.replace("<rest/>", "<pitch><step>C</step><octave>4</octave></pitch>")
    assert read_text(tmp_path, filled).bar_number.tolist() == ORDERS[number]


@needs_suite
def test_transposing_instruments_of_the_suite() -> None:
    """72a: trumpet, horn and piano play the same scale from written parts in three keys."""
    score = read_score(FILES["72a"])
    for part in ("P1", "P2"):
        same = read_score(FILES["72a"], [part])
        assert pairs(same) == pairs(read_score(FILES["72a"], ["P3"])), part
    assert len(score.note_pitch) == 3 * len(same.note_pitch)
    assert pairs(read_score(FILES["72c"])) == [(0, 63), (4, 58), (8, 58)]
    assert set(read_score(FILES["72b"]).note_pitch.tolist()) == {72}


@needs_suite
@pytest.mark.slow
def test_notes_are_those_that_music21_reads() -> None:
    """Onset and pitch of every note, repeats expanded, where music21 has no chord symbols or quarter tones to add."""
    music21 = pytest.importorskip("music21")
    left = {"01d", "01f"}  # quarter tones
    left |= {"46g", "71a", "71c", "71d", "71f", "71g"}  # chord symbols as notes
    left |= {"02e", "21f", "33i"}  # a note without staff twice; a chord torn apart; a tie that nothing begins dropped
    wrong = [
        number
        for number, path in FILES.items()
        if number not in WITHOUT_NOTES | left and pairs(read_score(path)) != theirs(music21, path)
    ]
    assert wrong == []


def theirs(music21, path: Path) -> list[tuple[float, int]]:
    """The notes as music21 reads them."""
    score = music21.converter.parse(path)
    try:
        score = score.expandRepeats()
    except music21.repeat.ExpanderException:
        assert "45g" in path.name  # a repeat that is never closed
    rows = []
    for part in score.toSoundingPitch().parts:
        for each in part.flatten().notes:
            members = each.notes if each.isChord else [each]
            for one in members:
                tied = one.tie is not None and one.tie.type in ("stop", "continue")
                if hasattr(one, "pitch") and not tied and getattr(each.style, "noteSize", None) != "cue":
                    rows.append((float(each.offset), round(one.pitch.ps)))
    first = min(onset for onset, _ in rows)
    return sorted((round(onset - first, 4), pitch) for onset, pitch in rows)
