"""Tempo marks, credits, fingerings, names and clefs of the printed copy."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import pytest

from engine.stage.engraving.printing.writer import xml_bytes
from tests.engine.score.musicxml.writing import attributes, musicxml, note, words
from tests.engine.stage.engraving.printing.printed import in_bar, printed


def metronome(per_minute: str, sound: str = "") -> str:
    mark = f"<metronome><beat-unit>quarter</beat-unit><per-minute>{per_minute}</per-minute></metronome>"
    return f"<direction><direction-type>{mark}</direction-type>{sound}</direction>"


def said(root: Element) -> list[str]:
    return [(each.text or "").strip("\N{NO-BREAK SPACE}") for each in root.iter("words")]


def test_a_tempo_is_said_once_bold_over_the_first_staff() -> None:
    root = printed(musicxml([words("Andante") + note("C4")], [words("Andante") + note("C3")]))
    (only,) = root.iter("words")
    assert (only.text, only.get("font-weight"), only.get("font-style")) == ("Andante", "bold", "normal")
    assert root.find("part/measure/direction/direction-type/words") is only


@pytest.mark.parametrize(
    ("marks", "right"),
    [
        (metronome("72.4"), ["72"]),
        (metronome("72", '<sound tempo="72"/>'), ["72"]),
        (metronome("72", '<sound tempo="100"/>'), []),
        (metronome("72") + metronome("72"), ["72"]),
        (metronome("72") + words("Tempo giusto") + note("D4") + metronome("72"), ["72"]),
    ],
)
def test_a_metronome_mark_tells_the_tempo_that_is_played(marks: str, right: list[str]) -> None:
    root = printed(musicxml([marks + note("C4")]))
    assert [each.text for each in root.iter("per-minute")] == right


def test_words_and_metronome_at_one_place_are_one_mark() -> None:
    root = printed(musicxml([words("Largo") + metronome("48") + note("C4")]))
    assert len(list(root.iter("direction"))) == 1
    assert [each.tag for kind in root.iter("direction-type") for each in kind] == ["words", "metronome"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("SONATE in F", False), ("KV 332 / 2", False), ("Paris, 1778", False), ("dolce", True), ("Solo", True)],
)
def test_credits_that_are_stored_as_directions_are_left_out(text: str, kept: bool) -> None:
    assert said(printed(musicxml([words(text) + note("C4")]))) == ([text] if kept else [])


def test_jumps_are_told_above_the_staff() -> None:
    root = printed(musicxml([note("C4") + words("D.C. al Fine", dacapo="yes"), note("D4") + words(" . ")]))
    (only,) = root.iter("direction")
    assert only.get("placement") == "above"
    assert said(root) == ["D.C. al Fine"]


def test_a_finger_belongs_to_its_note() -> None:
    root = printed(musicxml([words("3") + note("C4")]))
    assert said(root) == []
    assert in_bar(root)[0].findtext("notations/technical/fingering") == "3"


def names(root: Element) -> list[tuple[str, str]]:
    return [
        (each.findtext("part-name") or "", each.findtext("part-abbreviation") or "") for each in root.iter("score-part")
    ]


def test_names_are_short() -> None:
    bars = [[note("C4")]] * 3
    assert names(printed(musicxml(bars[0], names=["A very long name of a part"]))) == [("", "")]
    violins = printed(musicxml(*bars, names=["Violin I", "Violin 2", "Viola"]))
    assert names(violins) == [("Violin I", "Vn. I"), ("Violin 2", "Vn. 2"), ("Viola", "Viola")]
    three = printed(musicxml(*bars, names=["Oboe", "Accompaniment", "Clarinet in B flat"]))
    assert names(three) == [("Oboe", "Oboe"), ("Acc.", "Acc."), ("Clarinet in.", "CiBf")]


def test_the_hands_of_a_pianist_are_braced() -> None:
    root = printed(musicxml([note("C5")], [note("C3")], names=["Right hand", "Left hand"]))
    assert names(root) == [("", ""), ("", "")]
    assert root.findtext("part-list/part-group/group-symbol") == "brace"


def clefs(root: Element) -> list[tuple[int, str | None]]:
    bars = root.findall("part/measure")
    return [(i, each.findtext("sign")) for i, bar in enumerate(bars) for each in bar.iter("clef")]


def test_clefs_are_added_and_changed_where_notes_hang_far_below() -> None:
    treble = "<clef><sign>G</sign><line>2</line></clef>"
    assert clefs(printed(musicxml([note("C5")]))) == [(0, "G")]
    assert clefs(printed(musicxml([note("C3")]))) == [(0, "F")]
    low = ["".join(note("C2", 1) for _ in range(4))] * 4
    high = ["".join(note("C5", 1) for _ in range(4))]
    assert clefs(printed(musicxml(low, first=attributes(treble)))) == [(0, "F")]
    assert clefs(printed(musicxml(high + low, first=attributes(treble)))) == [(0, "G"), (1, "F")]
    assert clefs(printed(musicxml([*high, note("A3")], first=attributes(treble)))) == [(0, "G")]


def test_the_last_bar_is_closed() -> None:
    bars = printed(musicxml([note("C4"), note("D4")])).findall("part/measure")
    assert [bar.findtext("barline/bar-style") for bar in bars] == [None, "light-heavy"]


def test_what_is_written_reads_as_before() -> None:
    root = Element("a", {"b": 'x"<&>', "{http://www.w3.org/XML/1998/namespace}lang": "de", "{http://x}y": "z"})
    root.text = "1 < 2 & 3"
    assert xml_bytes(root).decode().endswith('<a b="x&quot;&lt;&amp;&gt;" xml:lang="de">1 &lt; 2 &amp; 3</a>')
