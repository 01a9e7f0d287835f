"""Which parts of a score are followed, and that quarters and bars are those of the whole."""

from __future__ import annotations

import pytest

from engine.core.errors import ScoreError
from engine.score.parts import PartNotes, ScoreDraft, chosen_parts, finished_score

BARS = [(0.0, 1, 0), (4.0, 2, 1), (8.0, 3, 2)]


def draft(*names: tuple[str, str]) -> ScoreDraft:
    """A score whose part number i enters in bar i + 1 with pitch 60 + i."""
    parts = [
        PartNotes(id=f"P{i + 1}", name=name, abbreviation=short, notes=[(4.0 * i, 1.0, 60 + i, 64, i)])
        for i, (name, short) in enumerate(names)
    ]
    return ScoreDraft(where="piece.xml", name="piece", parts=parts, bars=BARS, tempi=[(0.0, 60.0)])


TRIO = draft(("Piano", "Pno."), ("Clarinet in Bb", "Cl."), ("Violin", "Vln."))


@pytest.mark.parametrize("name", ["Violin", "violin ", "VLN.", "p3"])
def test_a_part_is_known_by_name_abbreviation_and_id(name: str) -> None:
    assert [part.id for part in chosen_parts(TRIO, [name])] == ["P3"]


def test_a_word_of_one_name_alone_is_enough() -> None:
    assert [part.id for part in chosen_parts(TRIO, ["clarinet"])] == ["P2"]


def test_a_name_that_two_parts_bear_means_both_and_a_word_of_both_neither() -> None:
    flutes = draft(("Flute", ""), ("Flute", ""), ("Flute in G", ""))
    assert [part.id for part in chosen_parts(flutes, ["flute"])] == ["P1", "P2"]
    violins = draft(("Violin I", ""), ("Violin II", ""))
    with pytest.raises(ScoreError, match="in the name of several"):
        chosen_parts(violins, ["violin"])


def test_several_parts_come_in_the_order_of_the_score() -> None:
    assert finished_score(TRIO, ["Violin", "Piano"]).note_pitch.tolist() == [60, 62]


def test_without_a_name_the_part_solo_is_followed_else_all() -> None:
    assert finished_score(TRIO).note_pitch.tolist() == [60, 61, 62]
    duo = finished_score(draft(("Accompaniment", ""), ("SOLO", "")))
    assert duo.note_pitch.tolist() == [61]
    assert "SOLO (P2) alone of 2 parts" in duo.notices[0]


def test_all_names_every_part() -> None:
    assert len(chosen_parts(draft(("Solo", ""), ("Piano", "")), ["all"])) == 2
    assert [part.id for part in chosen_parts(draft(("All", ""), ("Piano", "")), ["all"])] == ["P1"]


def test_quarters_bars_and_tempo_are_those_of_the_whole_score() -> None:
    score = finished_score(TRIO, ["Violin"])
    assert score.onset_quarter.tolist() == [8.0]
    assert score.seconds(8.0) == pytest.approx(8.0)
    assert [score.bar(quarter) for quarter in (0.0, 8.0)] == [1, 3]
    assert score.note_id.tolist() == [2]


def test_an_unknown_part_is_one_line_with_the_list_and_a_guess() -> None:
    with pytest.raises(ScoreError) as error:
        chosen_parts(TRIO, ["Violine"])
    line = str(error.value)
    assert "Piano (P1), Clarinet in Bb (P2), Violin (P3)" in line
    assert line.startswith("piece.xml: ")
    assert line.endswith("got 'Violine'; did you mean Violin?")


def test_what_is_wrong_with_the_notes_names_the_file() -> None:
    low = PartNotes(id="P1", notes=[(0.0, 1.0, -3, 64, 0)])
    with pytest.raises(ScoreError, match=r"^piece\.xml: expected pitches"):
        finished_score(ScoreDraft(where="piece.xml", name="piece", parts=[low]))


def test_a_part_without_notes_names_those_that_have_some() -> None:
    TACET = ScoreDraft(where="x", name="x", parts=[*TRIO.parts, PartNotes(id="P4", name="Drums")])
    with pytest.raises(ScoreError, match=r"got Drums \(P4\); have Piano"):
        finished_score(TACET, ["Drums"])
