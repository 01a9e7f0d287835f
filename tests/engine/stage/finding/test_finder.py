"""Finding which piece is played, from anywhere, and following it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.events import PieceFound, Position
from engine.stage.finding.piece_index import PieceIndex
from tests.engine.following.play import RATE
from tests.engine.stage.finding.shelf import LEAD_S, heard, index_of, played_from, shelf, tune

WITHIN_S = 5.0  # from the first note


@pytest.fixture(scope="module")
def index() -> PieceIndex:
    return shelf()


def sure(events: list) -> list[PieceFound]:
    return [event for event in events if isinstance(event, PieceFound) and event.sure]


@pytest.mark.parametrize(("number", "quarter"), [(3, 0.0), (7, 9.0)])
def test_piece_and_bar_are_found_from_anywhere(index: PieceIndex, number: int, quarter: float) -> None:
    found = sure(heard(index, played_from(index.pieces[number].score, quarter, 6.0), follow=None))
    assert found[0].id == f"id{number}"
    assert found[0].emitted_at / RATE - LEAD_S < WITHIN_S
    at_quarter = quarter + (found[0].at / RATE - LEAD_S) * 100 / 60
    assert abs(found[0].quarter - at_quarter) < 1.0


def test_another_piece_is_taken_when_the_player_changes(index: PieceIndex) -> None:
    parts = [played_from(index.pieces[number].score, 8.0, 7.0) for number in (2, 5)]
    events = heard(index, np.concatenate(parts))
    assert list(dict.fromkeys(event.id for event in sure(events))) == ["id2", "id5"]
    last = [event for event in events if isinstance(event, Position)][-1]
    end = 8.0 + (last.at / RATE - 7.0 - 2 * LEAD_S) * 100 / 60
    assert abs(last.quarter - end) < 1.0, "the follower of the second piece is where the music is"


def test_noise_is_no_piece(index: PieceIndex) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((4 * RATE, 1))
    assert not sure(heard(index, noise, follow=None))


def test_editions_of_one_piece_are_no_rivals() -> None:
    index = index_of(tune(0), tune(1), tune(0))
    assert [piece.edition for piece in index.pieces] == [0, 1, 0]
    assert sure(heard(index, played_from(tune(0), 4.0, 6.0), follow=None))[0].id == "id0"


def test_a_piece_that_is_known_is_followed_from_the_first_frame(index: PieceIndex) -> None:
    events = heard(index, played_from(index.pieces[4].score, 0.0, 3.0), first="id4")
    positions = [event for event in events if isinstance(event, Position)]
    assert abs(positions[-1].quarter - (positions[-1].at / RATE - LEAD_S) * 100 / 60) < 0.5
