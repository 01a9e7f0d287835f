"""Finding which piece is played, from anywhere, and following it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.events import PieceFound, Position, State
from engine.following.config import FollowConfig
from engine.stage.finding.config import FinderConfig
from engine.stage.finding.piece_follower import PieceFollower, PieceFollowerConfig
from engine.stage.finding.piece_index import PieceIndex
from tests.engine.following.play import RATE
from tests.engine.stage.finding.shelf import (
    AUDIO,
    EASILY,
    LEAD_S,
    N_PIECES,
    SALIENCE,
    heard,
    index_of,
    played_from,
    shelf,
    spliced,
    tune,
)

WITHIN_S = 5.0  # from the first note
ROUNDED = 1e-9
AT_PITCH = FollowConfig(semitones=0)  # not eleven followers at once


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
    parts = [played_from(index.pieces[number].score, 8.0, 7.0) for number in (3, 7)]
    events = heard(index, np.concatenate(parts))
    assert list(dict.fromkeys(event.id for event in sure(events))) == ["id3", "id7"]
    last = [event for event in events if isinstance(event, Position)][-1]
    end = 8.0 + (last.at / RATE - 7.0 - 2 * LEAD_S) * 100 / 60
    assert abs(last.quarter - end) < 1.0, "the follower of the second piece is where the music is"


def test_the_finder_rests_while_what_it_has_found_is_followed_and_wakes_for_another_piece(index: PieceIndex) -> None:
    node = PieceFollower(AUDIO, PieceFollowerConfig(index=index, salience=SALIENCE, finder=EASILY, follow=AT_PITCH))
    assert sure(node.process(played_from(index.pieces[3].score, 0.0, 11.0)))[0].id == "id3"
    assert node.resting
    assert sure(node.process(played_from(index.pieces[7].score, 8.0, 7.0)))[0].id == "id7"


def test_pieces_that_begin_alike_are_no_rivals_and_the_right_one_is_taken_where_they_part(index: PieceIndex) -> None:
    one, part = index.pieces[3].score, 12.0
    other = spliced(one, index.pieces[8].score, part)
    alike = index_of(*(piece.score for piece in index.pieces if piece.id != "id8"), other)
    audio, part_s = played_from(other, 0.0, 13.0), LEAD_S + part * 60 / 100
    found = sure(heard(alike, audio, follow=None))
    assert found[0].at / RATE < part_s, "nobody could tell them apart so far"
    assert {event.id for event in found} <= {"id3", f"id{N_PIECES - 1}"}
    assert found[-1].id == f"id{N_PIECES - 1}"


@pytest.mark.parametrize("what", ["noise", "silence", "clicks", "glide"])
def test_what_is_no_music_is_no_piece(index: PieceIndex, what: str) -> None:
    assert not sure(heard(index, no_music(what), follow=None))


def no_music(what: str) -> np.ndarray:
    n, time_s = 5 * RATE, np.arange(5 * RATE) / RATE
    if what == "noise":
        return 0.1 * np.random.default_rng(0).standard_normal((n, 1))
    if what == "clicks":
        return 0.5 * (np.arange(n) % (RATE // 2) < 20)[:, None].astype(np.float64)
    if what == "glide":
        return 0.3 * np.sin(2 * np.pi * (200 * time_s + 40 * time_s**2))[:, None]
    return np.zeros((n, 1))


@pytest.mark.parametrize("number", [1, 8])
def test_a_piece_that_is_not_in_the_folder_is_none_of_it(index: PieceIndex, number: int) -> None:
    others = index_of(*(tune(seed) for seed in range(N_PIECES) if seed != number))
    audio = played_from(tune(number), 0.0, 8.0)
    assert not sure(heard(others, audio, follow=None, finder=FinderConfig()))


def test_a_piece_that_is_refused_is_not_found_until_it_is_not(index: PieceIndex) -> None:
    audio = played_from(index.pieces[3].score, 0.0, 6.0)
    node = PieceFollower(AUDIO, PieceFollowerConfig(index=index, salience=SALIENCE, follow=None))
    node.refuse(["id3"])
    assert not sure(node.process(audio))
    node.reset()
    node.refuse([])
    assert sure(node.process(audio))[0].id == "id3"


def test_a_piece_that_is_followed_is_left_when_it_is_refused(index: PieceIndex) -> None:
    audio = played_from(index.pieces[3].score, 0.0, 6.0)
    node = PieceFollower(AUDIO, PieceFollowerConfig(index=index, salience=SALIENCE, first="id3", follow=AT_PITCH))
    assert any(isinstance(event, Position) for event in node.process(audio))
    node.refuse(["id3"])
    events = node.process(audio[:RATE])
    assert [event.name for event in events if isinstance(event, State)] == ["waiting"]
    assert not any(isinstance(event, Position) for event in events)


@pytest.mark.parametrize("cents", [-100, -50, 100])
def test_a_piece_is_found_in_another_tuning(index: PieceIndex, cents: int) -> None:
    audio = played_from(index.pieces[7].score, 4.0, 7.0)[:, 0]
    ratio = 2 ** (cents / 1200)
    retuned = np.interp(np.arange(0, len(audio) - 1, ratio), np.arange(len(audio)), audio)[:, None]
    likeliest = [
        event for event in heard(index, retuned, follow=None) if isinstance(event, PieceFound) and not event.rank
    ]
    assert [event.id for event in likeliest[-3:]] == ["id7"] * 3


def test_the_likeliest_pieces_are_told_in_order(index: PieceIndex) -> None:
    events = heard(index, played_from(tune(5), 0.0, 1.5), follow=None, finder=FinderConfig(repeat=0.1))
    found = [each for each in events if isinstance(each, PieceFound)]
    at_once = [[each for each in found if each.at == at] for at in dict.fromkeys(each.at for each in found)]
    assert max(map(len, at_once)) > 1
    for told in at_once:
        assert [each.rank for each in told] == list(range(len(told)))
        assert len({each.id for each in told}) == len(told)
        assert sum(each.confidence for each in told) <= 1 + ROUNDED
        assert not any(each.sure for each in told[1:])
