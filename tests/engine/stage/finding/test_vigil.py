"""The finder rests while what it has found is followed with confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from engine.core.events import Event, Position, State
from engine.stage.finding.vigil import CONFIDENT, DOUBTFUL, LISTEN_S, Vigil

REST_S = 10.0
STEP_S = 0.05


def position(confidence: float) -> Position:
    return Position(at=0, emitted_at=0, quarter=0, bar=1, score_s=0, tempo_bpm=60, confidence=confidence)


def state(name: str) -> State:
    return State(at=0, emitted_at=0, name=name, why="")


def rested(
    seconds: float, events: Sequence[tuple[float, Event]], *, rest_s: float = REST_S, settled: bool = True
) -> npt.NDArray[np.bool_]:
    """Whether it rests, every STEP_S."""
    vigil, waiting, out = Vigil(rest_s), list(events), []
    for step in range(round(seconds / STEP_S)):
        now_s = step * STEP_S
        while waiting and waiting[0][0] <= now_s:
            vigil.look([waiting.pop(0)[1]])
        out.append(vigil.decide(now_s, settled=settled))
    return np.array(out)


FOLLOWED = [(0.0, state("following")), (0.0, position(0.9))]


def test_it_listens_first_then_rests_and_looks_now_and_then() -> None:
    rests = rested(3 * (LISTEN_S + REST_S), FOLLOWED)
    begins = STEP_S * (np.flatnonzero(np.diff(rests.astype(int)) == 1) + 1)
    ends = STEP_S * (np.flatnonzero(np.diff(rests.astype(int)) == -1) + 1)
    assert begins[0] == pytest.approx(LISTEN_S, abs=STEP_S)
    assert np.allclose(ends - begins[: len(ends)], REST_S, atol=STEP_S)
    assert np.allclose(begins[1:] - ends[: len(begins) - 1], LISTEN_S, atol=STEP_S)


@pytest.mark.parametrize("doubt", [position(DOUBTFUL - 0.05), state("lost"), state("ended"), state("paused")])
def test_it_wakes_at_once_when_the_follower_doubts(doubt: Event) -> None:
    rests = rested(8.0, [*FOLLOWED, (6.0, doubt)])
    assert rests[round(5.9 / STEP_S)] and not rests[round(6.1 / STEP_S) :].any()


def test_it_does_not_begin_to_rest_while_the_place_is_only_likely_or_the_piece_not_settled() -> None:
    between = (CONFIDENT + DOUBTFUL) / 2
    assert not rested(8.0, [FOLLOWED[0], (0.0, position(between))]).any()
    assert not rested(8.0, FOLLOWED, settled=False).any()
    assert not rested(8.0, FOLLOWED, rest_s=0.0).any()
    assert rested(8.0, [*FOLLOWED, (6.0, position(between))])[-1], "which does not wake it either"
