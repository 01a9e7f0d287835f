"""Every onset, also of second passes, has the right notehead on the page that the bundle names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import EngineError
from engine.score.readers import read_score
from engine.stage.engraving.pages import PageLayout, engraved_pages
from engine.stage.engraving.printing.copy import printed_score
from engine.stage.engraving.sheet import read_sheet
from offline.synthesis.demo_duet import write_duet_score as write_duet
from offline.synthesis.demo_piece import write_musicxml as write_minuet
from tests.engine.score.musicxml.writing import (
    FORWARD,
    attributes,
    backup,
    backward,
    ending,
    musicxml,
    note,
    rest,
    words,
)
from tests.engine.stage.engraving.verovio_notes import wrong_noteheads
from tests.places import SHARED

CASES = SHARED.parent / "cases" / "scores"
PHONE = PageLayout(width=360, height=300, scale=40)
CLARINET = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
TIED = '<tie type="start"/><notations><tied type="start"/></notations>'
TIE_END = '<tie type="stop"/><notations><tied type="stop"/></notations>'
GRACE = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch></note>"
CHORD = "<chord/>"

HAND_WRITTEN = {
    "repeat": (musicxml([FORWARD + note("C4"), note("D4") + backward(), note("E4")]), 5),
    "voltas": (
        musicxml(
            [
                note("C4"),
                ending("1", "start") + note("D4") + ending("1", "stop", repeat='<repeat direction="backward"/>'),
                ending("2", "start") + note("E4") + ending("2", "stop"),
                note("F4"),
            ]
        ),
        5,
    ),
    "da capo": (
        musicxml([note("C4"), note("D4") + words("Fine", fine="yes"), note("E4") + words("D.C.", dacapo="yes")]),
        5,
    ),
    "pickup": (
        musicxml(
            [note("G4", 1), note("C5", 2) + note("D5", 2), note("E5", 3)],
            numbers=['number="0" implicit="yes"', 'number="1"', 'number="2"'],
        ),
        4,
    ),
    "transposing": (musicxml([note("D4", 2) + note("E4", 2)], first=attributes(CLARINET)), 2),
    "tie": (musicxml([note("C4", 4, TIED), note("C4", 2, TIE_END) + note("D4", 2)]), 2),
    "grace": (musicxml([GRACE + note("C5", 2) + GRACE + GRACE + note("D5", 2)]), 5),
    "chord": (musicxml([note("C4", 2) + note("E4", 2, before=CHORD) + note("G4", 2, before=CHORD) + rest(2)]), 3),
    "two voices": (
        musicxml(
            [
                note("E5", 2, "<voice>1</voice>")
                + note("F5", 2, "<voice>1</voice>")
                + backup(4)
                + note("C4", 4, "<voice>2</voice>")
            ]
        ),
        3,
    ),
    "two parts, one empty": (musicxml([note("C4"), note("D4")], ["", note("G3", 1) + rest(2) + note("A3", 1)]), 4),
    "semiquavers": (musicxml(["".join(note("C5", 1 / 4) for _ in range(4)) + note("D5", 1) + note("E5", 2)]), 6),
}


DEMOS = {"minuet": write_minuet, "duet": write_duet}


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_small_scores(tmp_path: Path, name: str) -> None:
    text, n_notes = HAND_WRITTEN[name]
    path = tmp_path / "piece.musicxml"
    path.write_text(text)
    assert wrong_noteheads(path) == (n_notes, [])


@pytest.mark.parametrize("name", DEMOS)
@pytest.mark.parametrize("layout", [PageLayout(), PHONE], ids=["tablet", "phone"])
def test_the_demo(tmp_path: Path, name: str, layout: PageLayout) -> None:
    path = tmp_path / "piece.musicxml"
    DEMOS[name](path)
    n_notes, wrong = wrong_noteheads(path, layout)
    assert wrong == []
    assert n_notes == len(read_score(path, ("all",)).note_pitch)


@pytest.mark.shared
@pytest.mark.parametrize("path", sorted([*CASES.glob("*.musicxml"), *CASES.glob("*.mxl")]), ids=lambda path: path.name)
def test_the_cases(path: Path) -> None:
    try:
        read_score(path)
    except EngineError:
        pytest.skip("a case that is refused")
    n_notes, wrong = wrong_noteheads(path)
    assert wrong == []
    assert n_notes


@pytest.mark.slow
@pytest.mark.shared
def test_every_score_of_the_recordings(shared: Path) -> None:
    total, wrong = 0, []
    for path in sorted([*shared.glob("*/*/score.musicxml"), *shared.glob("*/*/score.mxl")]):
        n_notes, faults = wrong_noteheads(path)
        total += n_notes
        wrong += [f"{path.parent.name}: {fault}" for fault in faults]
    assert wrong == []
    assert total > 20_000


def test_onsets_of_the_followed_part_are_known(tmp_path: Path) -> None:
    path = tmp_path / "piece.musicxml"
    path.write_text(
        musicxml([note("C4"), rest(4)], [note("C3", 2) + note("D3", 2), note("E3")], names=["Solo", "Piano"])
    )
    sheet = read_sheet(path)
    assert sheet.parts == (("Solo", 1, True), ("Piano", 3, False))
    printed = printed_score(str(path), sheet.data)
    bars = np.array([1, 1])
    pages = engraved_pages("k", PageLayout(), printed.places, bars, (sheet.score, sheet.whole))
    assert [each.quarter for each in pages.onsets] == [0, 2, 4]
    assert pages.followed == (0,)
    assert set(pages.onsets[0].notes) == {0, 2}
