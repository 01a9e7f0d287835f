"""Each cue acts once, in time, and never on a false start: over soloists made of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from engine.core.events import Event, Onset, Position, State
from engine.following.states import CODES, FIRST
from engine.score.score import Score
from engine.stage.cues.config import BEHIND_S, CueTiming
from engine.stage.cues.cue_list import PlannedCue
from engine.stage.cues.scheduler import BEGUN, FIRST_NOTE, JUMPED, LATE, CueCall, CueScheduler
from tests.engine.accompaniment.soloists import RATE, SD_S, TOLD_S, melody, told

TIMING = CueTiming()
CLOSE_S = BEHIND_S + 0.0116  # of a soloist who is predicted well: what is aimed behind him, and a step
TOLD_LATE_S = TOLD_S + 0.0116 + CLOSE_S  # after the report of the onset, at the next step
Timed = tuple[float, Event]


def steady(n: int, *, start_s: float = 1.0, pace: float = 0.5, first: int = 0) -> list[tuple[int, float]]:
    return [(first + i, start_s + pace * i) for i in range(n)]


def state(now_s: float, name: str, why: str = "") -> Timed:
    return now_s, State(at=round(now_s * RATE), emitted_at=round(now_s * RATE), name=name, why=why)


def confidence(now_s: float, value: float) -> Timed:
    at = round(now_s * RATE)
    return now_s, Position(at=at, emitted_at=at, quarter=0, bar=1, score_s=0, tempo_bpm=60, confidence=value)


def cue(quarter: float, name: str = "", **more: object) -> PlannedCue:
    return PlannedCue(0, name or f"at {quarter:g}", quarter, 1, **more)  # type: ignore[arg-type]


def called(cues: Sequence[PlannedCue], events: Iterable[Timed], score: Score | None = None) -> list[CueCall]:
    scheduler = CueScheduler(score or melody(40), cues, TIMING)
    out: list[CueCall] = []
    for now_s, event in sorted(events, key=lambda each: each[0]):
        scheduler.take(event)
        out += scheduler.commit(now_s, 0.0116)
    return out


def times(calls: Sequence[CueCall]) -> dict[str, float]:
    assert len({call.cue.name for call in calls}) == len(calls), "each once"
    return {call.cue.name: call.at_s for call in calls if call.fired}


@pytest.mark.parametrize("pace", [0.3, 0.5, 1.2])
def test_every_cue_of_steady_music_acts_once_and_in_time(pace: float) -> None:
    played = steady(20, pace=pace)
    cues = [cue(q) for q in np.arange(3, 18, 0.5).tolist()]
    calls = called(cues, told(played))
    errors = [call.at_s - (1.0 + pace * call.cue.quarter) for call in calls]
    assert [call.cue.quarter for call in calls if call.fired] == [each.quarter for each in cues]
    assert np.abs(errors).max() < CLOSE_S


def test_a_lead_makes_it_act_before_its_place() -> None:
    calls = called([cue(10, lead_s=1.7), cue(9)], told(steady(20)))
    assert times(calls) == pytest.approx({"at 10": 6.0 - 1.7, "at 9": 5.5}, abs=CLOSE_S)
    assert calls[0].cue.name == "at 10", "a lead may come before what stands before it"


def test_a_lead_that_is_longer_than_the_music_before_it_acts_when_the_place_is_known() -> None:
    calls = called([cue(3, lead_s=60.0)], told(steady(8)))
    assert calls[0].fired and calls[0].at_s == pytest.approx(1.5 + TOLD_S, abs=CLOSE_S), "at the second onset"


def test_a_ritardando_is_waited_for() -> None:
    played, at_s = [], 1.0
    for i in range(16):
        played.append((i, at_s))
        at_s += 0.4 * 1.07**i
    calls = called([cue(q) for q in range(3, 15)], told(played))
    errors = np.array([call.at_s - played[int(call.cue.quarter)][1] for call in calls])
    assert len(calls) == 12 and np.abs(errors).max() < 2 * CLOSE_S + TOLD_S and np.median(np.abs(errors)) < 0.06


def test_an_uncertain_prediction_waits_for_the_note() -> None:
    played = steady(6) + steady(6, first=6, start_s=5.2)
    calls = called([cue(6)], told(played, sd_s=1.5 * TIMING.wait_sd_s))
    assert played[6][1] <= calls[0].at_s <= played[6][1] + TOLD_LATE_S


def test_a_steady_player_is_foreseen_after_a_while_though_players_on_the_whole_are_not() -> None:
    played, cues = steady(39), [cue(q) for q in range(3, 38)]
    calls = called(cues, told(played, sd_s=1.5 * TIMING.wait_sd_s))
    errors = np.array([call.at_s - played[int(call.cue.quarter)][1] for call in calls])
    assert errors[:5].min() > CLOSE_S and np.abs(errors[-20:]).max() < CLOSE_S + TIMING.commit_s


def test_a_fermata_is_waited_for_with_and_without_a_lead() -> None:
    played = steady(6) + steady(6, first=6, start_s=8.0)
    calls = called([cue(6), cue(7, lead_s=0.8)], told(played), melody(40, fermatas=[5]))
    assert all(8.0 <= call.at_s <= 8.0 + TOLD_LATE_S for call in calls) and len(calls) == 2


def test_nothing_acts_before_the_second_onset_but_what_says_so() -> None:
    alone = next(iter(told(steady(1))))
    assert called([cue(0), cue(0.5)], [alone]) == []
    calls = called([cue(0), cue(0, "hasty", at_once=True)], told(steady(4)))
    assert times(calls) == pytest.approx({"hasty": 1.0 + TOLD_S, "at 0": 1.5 + TOLD_S}, abs=CLOSE_S)


def test_a_false_start_calls_nothing() -> None:
    """A cough is taken for the first note, and taken back; then the music begins."""
    cough = [next(iter(told([(0, 0.5)]))), state(1.5, "waiting", FIRST_NOTE)]
    music = list(told(steady(8, start_s=4.0)))
    calls = called([cue(0), cue(1), cue(2)], [*cough, *music])
    assert times(calls) == pytest.approx({"at 0": 4.5 + TOLD_S, "at 1": 4.5 + TOLD_S, "at 2": 5.0}, abs=CLOSE_S)
    assert CODES[FIRST][1] == FIRST_NOTE


def test_nothing_acts_while_the_place_is_lost_or_the_confidence_low() -> None:
    played = steady(12)
    for before, after in ((state(2.2, "lost"), state(3.2, "following")), (confidence(2.2, 0.1), confidence(3.2, 0.9))):
        calls = called([cue(3), cue(4), cue(6)], [*told(played), before, after])
        late = {call.cue.name: call for call in calls}
        assert not late["at 3"].fired and late["at 3"].why == LATE and late["at 3"].at_s >= 3.2
        assert late["at 4"].fired and late["at 4"].at_s == pytest.approx(3.2, abs=CLOSE_S), "a little late"
        assert late["at 6"].at_s == pytest.approx(4.0, abs=CLOSE_S)


def test_a_jump_ahead_tells_what_it_passes_over_and_makes_up_for_what_says_so() -> None:
    played = steady(6) + steady(8, first=20, start_s=4.0)
    calls = called([cue(4), cue(10), cue(12, make_up=True), cue(20), cue(23)], told(played))
    by_name = {call.cue.name: call for call in calls}
    confirmed_s = 4.5 + TOLD_S
    assert not by_name["at 10"].fired and by_name["at 10"].why == JUMPED
    assert by_name["at 12"].fired and by_name["at 12"].made_up
    assert by_name["at 12"].at_s == pytest.approx(confirmed_s, abs=CLOSE_S), "not before the place is confirmed"
    assert by_name["at 20"].at_s == pytest.approx(confirmed_s, abs=CLOSE_S)
    assert by_name["at 23"].at_s == pytest.approx(5.5, abs=CLOSE_S) and len(calls) == 5


def test_a_jump_that_is_taken_back_calls_nothing() -> None:
    there = list(told([(20, 4.0)]))[:3]
    back = [each for each in told(steady(12)) if not 4.0 <= each[0] < 4.2]
    assert set(times(called([cue(10), cue(20), cue(15)], [*there, *back]))) <= {"at 10"}


def test_going_back_calls_again_only_what_says_so_and_what_was_passed_over() -> None:
    played = steady(6) + steady(8, first=20, start_s=4.0) + steady(20, first=2, start_s=8.0)
    calls = called([cue(4), cue(5, again=True), cue(12)], told(played))
    assert [(call.cue.name, call.fired) for call in calls] == [
        ("at 4", True),
        ("at 5", True),
        ("at 12", False),
        ("at 5", True),
        ("at 12", True),
    ]


def test_whoever_breaks_off_and_begins_anew_has_every_cue_again() -> None:
    played = steady(8) + steady(8, start_s=12.0)
    calls = called([cue(3)], [*told(played), state(7.5, "paused")])
    assert [call.at_s for call in calls if call.fired] == pytest.approx([2.5, 13.5], abs=CLOSE_S)
    unbroken = called([cue(3)], told(steady(8) + steady(8, start_s=5.0)))
    assert len(unbroken) == 1, "a passage that is alike is no beginning"


def test_what_lies_before_a_beginning_in_the_middle_is_told() -> None:
    calls = called([cue(2), cue(3, make_up=True), cue(14)], told(steady(8, first=10)))
    assert [(call.cue.name, call.fired, call.why) for call in calls] == [
        ("at 2", False, BEGUN),
        ("at 3", True, BEGUN),
        ("at 14", True, ""),
    ]


def test_each_pass_is_a_cue_of_its_own_and_a_correction_repeats_none() -> None:
    corrected = list(told(steady(20)))
    again = [each for each in corrected if isinstance(each[1], Onset) and each[1].heard and each[1].quarter in (4, 8)]
    doubled = [*corrected, *((now_s + SD_S, event) for now_s, event in again)]
    calls = called([cue(4, "first"), cue(12, "second")], doubled)
    assert times(calls) == pytest.approx({"first": 3.0, "second": 7.0}, abs=CLOSE_S)


def test_a_player_who_says_where_he_goes_on_has_the_cues_from_there_again() -> None:
    scheduler = CueScheduler(melody(40), [cue(3), cue(5)], TIMING)
    fired: list[str] = []
    for now_s, event in told(steady(10)):
        scheduler.take(event)
        fired += [call.cue.name for call in scheduler.commit(now_s)]
    scheduler.rearm(4.0)
    for now_s, event in told(steady(6, first=2, start_s=10.0)):
        scheduler.take(event)
        fired += [call.cue.name for call in scheduler.commit(now_s)]
    assert fired == ["at 3", "at 5", "at 5"]
