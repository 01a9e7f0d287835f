"""How loud notes are, and where the pedal goes down: known answers on small scores."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.score.readers import read_draft, read_score
from tests.engine.score.musicxml.writing import (
    FORWARD,
    attributes,
    backup,
    backward,
    musicxml,
    note,
    read_text,
    sound,
)

ACCENT = "<notations><articulations><accent/></articulations></notations>"


def marked(name: str, more: str = "") -> str:
    """A direction with a dynamic mark."""
    return f"<direction><direction-type><dynamics><{name}/></dynamics></direction-type>{more}</direction>"


def wedge(kind: str, more: str = "") -> str:
    return f'<direction><direction-type><wedge type="{kind}"{more}/></direction-type></direction>'


def pedal(kind: str) -> str:
    return f'<direction><direction-type><pedal type="{kind}"/></direction-type></direction>'


def said(text: str) -> str:
    return f"<direction><direction-type><words>{text}</words></direction-type></direction>"


FOUR = note(quarters=1) * 4


def velocities(folder: Path, *bars: str) -> list[int]:
    return read_text(folder, musicxml(bars)).note_velocity.tolist()


@pytest.mark.parametrize(
    ("bar", "right"),
    [
        (FOUR, [80] * 4),
        (marked("p") + FOUR, [49] * 4),
        (note(quarters=1) + marked("ff") + note(quarters=1) * 3, [80, 112, 112, 112]),
        (marked("sfz") + FOUR, [112, 80, 80, 80]),
        (marked("fp") + FOUR, [96, 49, 49, 49]),
        (marked("p", '<sound dynamics="100"/>') + FOUR, [90] * 4),
        (sound(dynamics="54.44") + FOUR, [49] * 4),
        (note(quarters=1) + note(quarters=1, more=ACCENT) + note(quarters=2), [80, 96, 80]),
        (marked("ffff") + note(more=ACCENT), [127]),
        (FOUR.replace("<note>", '<note dynamics="50">'), [45] * 4),
        (marked("p") + wedge("crescendo") + FOUR + wedge("stop") + marked("f"), [49, 61, 72, 84]),
        (marked("p") + wedge("crescendo") + FOUR + wedge("stop"), [49, 53, 57, 61]),
        (marked("f") + wedge("crescendo") + FOUR + wedge("stop") + marked("p"), [96, 100, 104, 108]),
        (marked("p") + wedge("diminuendo", ' niente="yes"') + FOUR + wedge("stop"), [49, 37, 25, 13]),
        (marked("p") + said("cresc.") + FOUR + marked("f"), [49, 61, 72, 84]),
        (marked("f") + said("poco a poco dim.") + note(quarters=2) * 2 + marked("p"), [96, 72]),
        (marked("p") + said("crescent moon"), []),
    ],
)
def test_marks(tmp_path: Path, bar: str, right: list[int]) -> None:
    assert velocities(tmp_path, bar or note(), note())[: len(right)] == right


def test_what_a_hairpin_reaches_stays(tmp_path: Path) -> None:
    bars = [marked("p") + wedge("crescendo") + note() + wedge("stop"), note(), marked("mf") + note()]
    assert velocities(tmp_path, *bars) == [49, 65, 80]


def test_a_word_that_leads_nowhere_changes_nothing(tmp_path: Path) -> None:
    assert velocities(tmp_path, marked("p") + said("dim.") + FOUR) == [49] * 4


def test_a_mark_holds_for_both_staves_but_where_each_has_its_own(tmp_path: Path) -> None:
    def staff(n: int) -> str:
        return f"<staff>{n}</staff>"

    def of(name: str, n: int) -> str:
        return marked(name).replace("</direction>", f"{staff(n)}</direction>")

    right, left = note("C5", 4, staff(1)), note("C3", 4, staff(2))
    bars = [of("p", 1) + right + backup(4) + left, of("f", 1) + right + backup(4) + of("pp", 2) + left]
    path = tmp_path / "two.musicxml"
    path.write_text(musicxml(bars, first=attributes("<staves>2</staves>")))
    score = read_score(path)
    assert list(zip(score.note_pitch.tolist(), score.note_velocity.tolist(), strict=True)) == [
        (48, 49),
        (72, 49),
        (48, 33),
        (72, 96),
    ]


def test_a_repeat_is_as_loud_as_written(tmp_path: Path) -> None:
    bars = [FORWARD + marked("p") + note(), marked("f") + note() + backward(), note()]
    assert velocities(tmp_path, *bars) == [49, 96, 49, 96, 96]


def pedals(folder: Path, *bars: str) -> list[tuple[float, int]]:
    path = folder / "pedal.musicxml"
    path.write_text(musicxml(bars))
    return list(read_draft(path).parts[0].pedal)


def test_the_pedal(tmp_path: Path) -> None:
    bar = pedal("start") + note(quarters=2) + pedal("change") + note(quarters=2) + pedal("stop")
    assert [row for row in pedals(tmp_path, bar, note()) if row != (0.0, 0)] == [(0, 127), (2, 0), (2, 127), (4, 0)]


def test_the_pedal_of_sounds(tmp_path: Path) -> None:
    bar = sound(damper_pedal="yes") + note(quarters=1) + sound(damper_pedal="50") + note(quarters=1)
    bar += sound(damper_pedal="no") + note(quarters=2)
    assert [row for row in pedals(tmp_path, bar) if row != (0.0, 0)] == [(0, 127), (1, 64), (2, 0)]


def test_a_jump_takes_the_pedal_that_holds_there(tmp_path: Path) -> None:
    bars = [FORWARD + note(quarters=2) + pedal("start") + note(quarters=2), note() + backward(), pedal("stop") + note()]
    rows = pedals(tmp_path, *bars)
    down = [value for quarter, value in rows if quarter <= 8.0][-1], [v for q, v in rows if q <= 9.99][-1]
    assert down == (0, 0)  # from the repeat's beginning until it goes down again
    assert [row for row in rows if row[1]] == [(2, 127), (10, 127)]
    assert rows[-1] == (16, 0)


def test_nothing_marked_is_no_pedal(tmp_path: Path) -> None:
    assert pedals(tmp_path, note()) == []


@pytest.mark.parametrize(
    ("beats", "unit", "beat"),
    [(4, 4, 1.0), (3, 4, 1.0), (2, 2, 2.0), (6, 8, 1.5), (3, 8, 0.5), (12, 8, 1.5), (6, 4, 1.0)],
)
def test_beats(tmp_path: Path, beats: int, unit: int, beat: float) -> None:
    path = tmp_path / "beats.musicxml"
    path.write_text(musicxml([note(quarters=beats * 4 / unit)], first=attributes(beats=beats, unit=unit)))
    assert read_draft(path).beats == [beat]
