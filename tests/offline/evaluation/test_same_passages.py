"""Places that cannot be told apart by what was heard."""

from __future__ import annotations

from engine.score.score import Score, make_score
from engine.stage.finding.places import places_of
from offline.evaluation.same_passages import same_passage, twins

THEME = [60, 64, 67, 65, 64, 62]


def tune(pitches: list[int], *, step: float = 1.0) -> Score:
    rows = [(i * step, step, pitch, 64) for i, pitch in enumerate(pitches)]
    return make_score("tune", rows, tempi=[(0.0, 100.0)], bars=[(4.0 * i, i + 1) for i in range(len(pitches) // 4 + 1)])


def test_a_repeat_written_out_is_the_same_while_nothing_differs() -> None:
    score = tune([*THEME, 71, *THEME, 72])
    assert same_passage(score, 0.0, 5.0, score, 12.0)
    assert same_passage(score, 7.0, 12.2, score, 5.0)
    assert not same_passage(score, 0.0, 6.0, score, 13.0), "the last note differs"
    assert not same_passage(score, 0.0, 5.0, score, 9.0), "another note of the theme"


def test_a_passage_of_another_piece_is_the_same_only_note_by_note() -> None:
    score = tune(THEME)
    assert same_passage(score, 0.0, 5.0, tune([50, 51, *THEME]), 7.0)
    assert not same_passage(score, 0.0, 5.0, tune([50, 51, *(p + 1 for p in THEME)]), 7.0), "transposed"
    assert not same_passage(score, 0.0, 5.0, tune(THEME, step=0.5), 2.5), "twice as fast as written"


def test_a_few_notes_are_no_passage() -> None:
    score = tune([*THEME, 71, *THEME])
    assert not same_passage(score, 0.0, 1.0, score, 8.0)


def test_twins_are_the_same_note_by_note_in_another_bar_or_piece() -> None:
    places = places_of([tune([*THEME, 71, 72, *THEME, 74]), tune([50, *THEME, 75]), tune(THEME, step=0.5)])
    assert twins(places, 0, 6).tolist() == [8, 16]
    assert twins(places, 1, 5).tolist() == [9, 17]
    assert twins(places, 0, 7).tolist() == [], "the seventh note differs"


def test_a_bar_that_is_repeated_is_no_twin_of_itself() -> None:
    bars = [(0.0, 1), (4.0, 2), (8.0, 1)]
    rows = [(float(i), 1.0, pitch, 64) for i, pitch in enumerate([*THEME[:4], 71, 72, 74, 76, *THEME[:4]])]
    places = places_of([make_score("repeated", rows, tempi=[(0.0, 100.0)], bars=bars)])
    assert twins(places, 0, 4).tolist() == []
