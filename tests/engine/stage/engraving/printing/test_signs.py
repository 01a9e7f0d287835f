"""Accidentals, beams, stems, slurs and ties of the printed copy."""

from __future__ import annotations

from fractions import Fraction

import pytest

from engine.stage.engraving.printing.beams import beam_windows
from engine.stage.engraving.printing.timeline import Metre
from tests.engine.score.musicxml.writing import attributes, backup, musicxml, note, rest
from tests.engine.stage.engraving.printing.printed import in_bar, printed, texts

VOICE = {number: f"<voice>{number}</voice>" for number in (1, 2)}


def key(fifths: int) -> str:
    return attributes(f"<key><fifths>{fifths}</fifths></key>")


@pytest.mark.parametrize(
    ("fifths", "names", "right"),
    [
        (0, "C4 C#4 C4 C4", [None, "sharp", "natural", None]),
        (1, "F#4 F4 F#4 G4", [None, "natural", "sharp", None]),
        (-2, "Bb4 B4 Eb4 E5", [None, "natural", None, "natural"]),
        (0, "C#4 C#5 C#4 C5", ["sharp", "sharp", None, "natural"]),
        (7, "F#4 B#4 F4 Bb4", [None, None, "natural", "flat"]),
    ],
)
def test_accidentals_go_by_key_and_bar(fifths: int, names: str, right: list[str | None]) -> None:
    root = printed(musicxml(["".join(note(name, 1) for name in names.split()), note("C#4")], first=key(fifths)))
    assert texts(in_bar(root), "accidental") == right
    assert texts(in_bar(root, 2), "accidental") == [None if fifths >= 2 else "sharp"]


def test_a_tied_note_needs_no_accidental_but_the_next_one_does() -> None:
    start, stop = (f'<tie type="{kind}"/><notations><tied type="{kind}"/></notations>' for kind in ("start", "stop"))
    root = printed(musicxml([note("C#4", 4, start), note("C#4", 2, stop) + note("C#4", 2)]))
    assert texts(in_bar(root, 2), "accidental") == [None, "sharp"]


def test_accidentals_of_the_file_stay_alone() -> None:
    sharp = "<accidental>sharp</accidental>"
    assert texts(in_bar(printed(musicxml([note("C#4", 2, sharp) + note("F#4", 2)]))), "accidental") == ["sharp", None]


@pytest.mark.parametrize(
    ("metre", "wide", "narrow"),
    [
        (Metre((4,), 4), "0 2", "0 1 2 3"),
        (Metre((3,), 4), "0", "0 1 2"),
        (Metre((6,), 8), "0 3/2", "0 3/2"),
        (Metre((2,), 2), "0 2", "0 1 2 3"),
        (Metre((3,), 8), "0", "0"),
        (Metre((3, 2), 8), "0 3/2", "0 3/2"),
        (Metre((5,), 8), "0 3/2", "0 3/2"),
        (Metre((4,), 8), "0", "0 1"),
    ],
)
def test_beams_begin_with_the_beats(metre: Metre, wide: str, narrow: str) -> None:
    assert beam_windows(metre) == tuple([Fraction(each) for each in text.split()] for text in (wide, narrow))


@pytest.mark.parametrize(
    ("bar", "right"),
    [
        ([1 / 2] * 8, "begin continue continue end begin continue continue end"),
        ([1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 2], "begin end begin continue continue end -"),
        ([1, 1 / 2, 1 / 2, 2], "- begin end -"),
        ([1 / 2, 1, 1 / 2, 2], "- - - -"),
        ([-1 / 2, 1 / 2, 1 / 2, 1 / 2, 2], "- begin continue end -"),
    ],
)
def test_notes_are_beamed_by_beats(bar: list[float], right: str) -> None:
    text = musicxml(["".join(note("B4", length) if length > 0 else rest(-length) for length in bar)])
    assert [each or "-" for each in texts(in_bar(printed(text)), "beam")] == right.split()


def test_beams_of_the_file_and_sung_notes_stay() -> None:
    own = '<beam number="1">begin</beam>', '<beam number="1">end</beam>'
    bar = note("C5", 1 / 2, own[0]) + note("D5", 1 / 2, own[1]) + note("E5", 1 / 2) + note("F5", 1 / 2) + rest(2)
    assert texts(in_bar(printed(musicxml([bar]))), "beam") == ["begin", "end", None, None, None]
    sung = note("C5", 1 / 2, "<lyric><text>la</text></lyric>") + note("D5", 1 / 2) + rest(3)
    assert texts(in_bar(printed(musicxml([sung]))), "beam") == [None, None, None]


def test_stems_part_where_voices_share_a_staff() -> None:
    high = note("E5", 2, VOICE[1]) + note("F5", 2, VOICE[1])
    low = backup(4) + note("G4", 2, VOICE[2])
    notes = in_bar(printed(musicxml([high + low])))
    assert texts(notes, "stem") == ["up", None, "down"]


def slur(kind: str, number: int = 1) -> str:
    return f'<notations><slur type="{kind}" number="{number}"/></notations>'


def slurs(root: object, bar: int = 1) -> list[list[tuple[str | None, str | None]]]:
    notes = in_bar(root, bar)  # type: ignore[arg-type]
    return [[(each.get("type"), each.get("number")) for each in one.findall("notations/slur")] for one in notes]


def test_slurs_of_two_voices_get_numbers_of_their_own() -> None:
    high = note("E5", 2, VOICE[1] + slur("start")) + note("F5", 2, VOICE[1] + slur("stop"))
    low = backup(4) + note("C4", 2, VOICE[2] + slur("start")) + note("D4", 2, VOICE[2] + slur("stop"))
    assert slurs(printed(musicxml([high + low]))) == [
        [("start", "1")],
        [("stop", "1")],
        [("start", "1")],
        [("stop", "1")],
    ]
    crossing = note("E5", 2, VOICE[1] + slur("start")) + note("F5", 2, VOICE[1]) + backup(4)
    crossing += note("C4", 2, VOICE[2] + slur("start")) + note("D4", 2, VOICE[2] + slur("stop"))
    root = printed(musicxml([crossing, note("E5", 4, VOICE[1] + slur("stop"))]))
    assert slurs(root) == [[("start", "1")], [], [("start", "2")], [("stop", "2")]]
    assert slurs(root, 2) == [[("stop", "1")]]


def test_a_slur_without_an_end_is_left_out() -> None:
    ends = VOICE[2] + slur("stop", 2)
    root = printed(musicxml([note("C4", 2, VOICE[1] + slur("start")) + note("D4", 2), note("E4", 4, ends)]))
    assert slurs(root) == [[], []]
    assert slurs(root, 2) == [[]]


def test_ties_are_drawn_where_they_sound_and_end() -> None:
    start, stop = '<tie type="start"/>', '<tie type="stop"/>'
    root = printed(musicxml([note("C4", 2, start) + note("C4", 2, stop + start), note("D4")]))
    kinds = [[each.get("type") for each in one.findall("notations/tied")] for one in in_bar(root)]
    assert kinds == [["start"], ["stop"]]
