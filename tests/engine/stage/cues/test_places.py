"""Places are found as musicians name them, in every pass, and what is not there is told in one line."""

from __future__ import annotations

import pytest

from engine.score.score import Score, make_score
from engine.stage.cues.places import PlaceError, bar_and_beat, parse_place, place_quarters


def minuet() -> Score:
    """An upbeat of a quarter, three bars of 3/4 played twice, then a bar of 6/8."""
    bars = [(0, 0), (1, 1), (4, 2), (7, 3), (10, 1), (13, 2), (16, 3), (19, 4)]
    notes = [(q, 1, 60, 64) for q in range(22)]
    marks = [(4, "A"), (13, "A"), (19, "Con brio")]
    beats = [1, 1, 1, 1, 1, 1, 1, 1.5]
    return make_score("minuet", notes, bars=bars, beats=beats, marks=marks)


@pytest.mark.parametrize(
    ("text", "quarters"),
    [
        ("bar 2", [4, 13]),
        ("bar 2 beat 3", [6, 15]),
        ("Bar 2  beat 1.5", [4.5, 13.5]),
        ("bar 0 beat 3", [0]),
        ("bar 4 beat 2", [20.5]),
        ("mark a", [4, 13]),
        ("mark A bar 2 beat 2", [8, 11]),
        ("mark con brio beat 2", [20.5]),
        ("quarter 7.25", [7.25]),
        (12, [12]),
    ],
)
def test_places(text: object, quarters: list[float]) -> None:
    if text == "mark A bar 2 beat 2":  # the bar after it is another in each pass
        quarters = [8, 17]
    assert place_quarters(parse_place(text), minuet()) == pytest.approx(quarters)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bar 99", "a bar from 0 to 4, got bar 99"),
        ("bar 2 beat 4", "a beat from 1 to below 4 in bar 2, got beat 4"),
        ("bar 0 beat 1", "a beat from 3 to below 4 in bar 0, got beat 1"),
        ("mark Z", "one of the marks A, Con brio, got mark Z"),
        ("quarter 100", "a quarter from 0 to 22, got quarter 100"),
        ("mark Con brio bar 9", "a bar of the score"),
    ],
)
def test_what_the_score_has_not(text: str, message: str) -> None:
    with pytest.raises(PlaceError, match=message):
        place_quarters(parse_place(text), minuet())


@pytest.mark.parametrize("value", ["", "bar", "bar x", "beat 3", "12 bar", True, None, [1], "quarter -1", "mark"])
def test_what_is_no_place(value: object) -> None:
    with pytest.raises(PlaceError, match="expected `bar 12`"):
        parse_place(value)


def test_bar_and_beat_are_those_of_the_print() -> None:
    score = minuet()
    assert (
        bar_and_beat(0, score) == (0, 3) and bar_and_beat(15, score) == (2, 3) and bar_and_beat(20.5, score) == (4, 2)
    )
