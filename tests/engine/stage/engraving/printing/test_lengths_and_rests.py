"""Written lengths, tuplets and rests of the printed copy."""

from __future__ import annotations

from fractions import Fraction

import pytest

from engine.stage.engraving.printing.lengths import written_length
from engine.stage.engraving.printing.rests import rest_lengths
from engine.stage.engraving.printing.timeline import Metre
from tests.engine.score.musicxml.writing import attributes, backup, musicxml, note, rest
from tests.engine.stage.engraving.printing.printed import in_bar, printed, texts

TWO_STAVES = "<staves>2</staves>"


def staff(number: int, voice: int) -> str:
    return f"<voice>{voice}</voice><staff>{number}</staff>"


@pytest.mark.parametrize(
    ("quarters", "right"),
    [
        ("4", ("whole", 0, 1, 1)),
        ("3", ("half", 1, 1, 1)),
        ("7/4", ("quarter", 2, 1, 1)),
        ("1/3", ("eighth", 0, 3, 2)),
        ("2/3", ("quarter", 0, 3, 2)),
        ("1/5", ("16th", 0, 5, 4)),
        ("5/4", None),
    ],
)
def test_lengths_are_written_as_plainly_as_can_be(quarters: str, right: object) -> None:
    assert written_length(Fraction(quarters)) == right


@pytest.mark.parametrize(
    ("start", "stop", "metre", "right"),
    [
        ("0", "4", Metre((4,), 4), ["4"]),
        ("1", "4", Metre((4,), 4), ["1", "2"]),
        ("0", "2", Metre((3,), 4), ["1", "1"]),
        ("1/2", "3", Metre((3,), 4), ["1/2", "1", "1"]),
        ("3/2", "3", Metre((6,), 8), ["3/2"]),
        ("1/2", "3/2", Metre((6,), 8), ["1/2", "1/2"]),
        ("1/3", "1", Metre((4,), 4), ["2/3"]),
        ("1/4", "2", Metre((4,), 4), ["1/4", "1/2", "1"]),
    ],
)
def test_rests_stand_on_the_beats(start: str, stop: str, metre: Metre, right: list[str]) -> None:
    assert [str(each) for each in rest_lengths(Fraction(start), Fraction(stop), metre)] == right


def test_types_come_from_durations_and_stay_where_they_are_told() -> None:
    notes = in_bar(
        printed(musicxml([note("C4", 1) + note("D4", 1.5) + note("E4", 0.5) + note("F4", 1, "<type>half</type>")]))
    )
    assert texts(notes, "type") == ["quarter", "quarter", "eighth", "half"]
    assert [len(each.findall("dot")) for each in notes] == [0, 1, 0, 0]


def test_tuplets_get_their_ends() -> None:
    ratio = "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>"
    triplet = "".join(note(name, 1 / 3, f"<type>eighth</type>{ratio}") for name in ("C4", "D4", "E4"))
    first = attributes().replace("<divisions>4</divisions>", "<divisions>12</divisions>")
    text = musicxml([triplet * 2 + note("C4", 2, "<type>half</type>")], first=first)
    for four, twelve in ((1, 4), (8, 24)):
        text = text.replace(f"<duration>{four}</duration>", f"<duration>{twelve}</duration>")
    marks = [[each.get("type") for each in one.findall("notations/tuplet")] for one in in_bar(printed(text))]
    assert marks == [["start"], [], ["stop"], ["start"], [], ["stop"], []]


def test_gaps_are_filled_with_rests_and_ids_stay() -> None:
    forward = "<forward><duration>4</duration></forward>"
    notes = in_bar(printed(musicxml([note("C4", 1) + forward + note("D4", 1)], [note("C3", 4)])))
    assert [(each.find("rest") is not None, each.findtext("duration")) for each in notes] == [
        (False, "4"),
        (True, "4"),
        (False, "4"),
        (True, "4"),
    ]
    assert [each.get("id") for each in notes if each.find("rest") is None] == ["cp0", "cp1"]


def test_an_empty_staff_gets_a_rest_over_the_bar() -> None:
    root = printed(musicxml([note("C4", 4, staff(1, 1)), note("D4", 4, staff(1, 1))], first=attributes(TWO_STAVES)))
    rests = [each for each in in_bar(root, 2) if each.find("rest") is not None]
    assert [(each.find("rest").get("measure"), each.findtext("staff")) for each in rests] == [("yes", "2")]  # type: ignore[union-attr]


def test_a_second_voice_may_pause_without_a_rest() -> None:
    low = backup(4) + note("C4", 1, "<voice>2</voice>")
    notes = in_bar(printed(musicxml([note("E5", 4, "<voice>1</voice>") + low])))
    assert [each.find("rest") is not None for each in notes] == [False, False]


def test_a_rest_that_fills_the_bar_stands_in_its_middle() -> None:
    (only,) = in_bar(printed(musicxml([rest(4).replace("</note>", "<type>whole</type></note>"), note("C4")])))
    assert only.find("rest").get("measure") == "yes"  # type: ignore[union-attr]


def test_rests_of_the_file_are_enough() -> None:
    notes = in_bar(printed(musicxml([note("C4", 1) + rest(3)])))
    assert len(notes) == 2


def test_an_upbeat_has_rests_to_its_own_end_only() -> None:
    head = ['number="0" implicit="yes"', 'number="1"']
    text = musicxml([note("C4", 1), note("D4")], ["", note("D3")], numbers=head)
    (only,) = in_bar(printed(text), 1, 2)
    assert only.find("rest") is not None
    assert only.find("rest").get("measure") is None  # type: ignore[union-attr]
    assert only.findtext("type") == "quarter"
