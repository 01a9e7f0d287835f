"""The accompaniment goes with soloists who are steady, hurry, wait, rest, stop and jump."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engine.accompaniment.anticipation import INFERRED_S, MORE_S
from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.scheduler import SLOWEST_S, Introduction, Scheduler
from engine.core.events import Onset, State
from engine.score.score import make_score
from tests.engine.accompaniment.soloists import RATE, SD_S, TOLD_S, melody, told

CONFIG = SchedulerConfig()
EIGHTHS = np.arange(0, 20, 0.5)  # the accompaniment: each quarter of the solo, and half-way
CLOSE_S = 0.03  # of a steady soloist: 12 ms behind, and steps of 12 ms
TOLD_LATE_S = TOLD_S + CONFIG.commit_s + 0.012  # reported, then committed at the next step


def play(
    played: Sequence[tuple[int, float]],
    *,
    sd_s: float = SD_S,
    fermatas: Sequence[float] = (),
    latency_s: float = 0.0,
) -> list[tuple[float, float]]:
    """What is scheduled, rows of (quarter, second)."""
    scheduler = Scheduler(melody(20, fermatas=fermatas), EIGHTHS, CONFIG)
    scheduler.latency_s = latency_s
    out: list[tuple[float, float]] = []
    for now_s, event in told(played, sd_s=sd_s):
        scheduler.take(event)
        out += [(float(EIGHTHS[index]), at_s) for index, at_s in scheduler.commit(now_s)]
    return out


def steady(n: int, *, start_s: float = 1.0, pace: float = 0.5, first: int = 0) -> list[tuple[int, float]]:
    return [(first + i, start_s + pace * i) for i in range(n)]


def errors(rows: Sequence[tuple[float, float]], played: Sequence[tuple[int, float]], *, after: int = 3) -> np.ndarray:
    """How late what was scheduled from quarter `after` on is against the interpolated soloist."""
    quarters, at_s = np.array(played, dtype=float).T
    table = np.array([row for row in rows if after <= row[0] <= quarters[-1]])
    return np.asarray(table[:, 1] - np.interp(table[:, 0], quarters, at_s))


@pytest.mark.parametrize("pace", [0.3, 0.5, 1.2])
def test_a_steady_soloist_is_accompanied_together(pace: float) -> None:
    played = steady(12, pace=pace)
    rows = play(played)
    assert np.abs(errors(rows, played)).max() < CLOSE_S
    assert [q for q, _ in rows if 3 <= q <= 11] == list(np.arange(3, 11.5, 0.5))


def test_it_comes_a_little_behind() -> None:
    played = steady(12)
    assert 0 <= np.median(errors(play(played), played)) <= CLOSE_S


def test_an_accelerando_is_followed() -> None:
    played, at_s = [], 1.0
    for i in range(15):
        played.append((i, at_s))
        at_s += 0.6 * 0.96**i
    assert np.abs(errors(play(played), played)).max() < 2 * CLOSE_S


@pytest.mark.parametrize("held_s", [0.3, 2.0, 15.0])
def test_a_fermata_is_waited_for(held_s: float) -> None:
    played = steady(6) + steady(6, first=6, start_s=1.0 + 5 * 0.5 + 0.5 + held_s)
    rows = dict(play(played, fermatas=[5]))
    assert played[6][1] <= rows[6.0] <= played[6][1] + TOLD_LATE_S, "however certain its end seemed"
    times = list(rows.values())
    assert times == sorted(times)
    assert np.abs(errors(list(rows.items()), played, after=8)).max() < CLOSE_S, "the tempo is as before"


def test_what_follows_the_note_under_a_fermata_comes_as_much_later() -> None:
    played = steady(6) + steady(6, first=6, start_s=1.0 + 5 * 0.5 + 2.0)
    with_one, without = dict(play(played, fermatas=[5])), dict(play(played))
    pause_s = CONFIG.fermata * 0.5 * 0.5  # an eighth at the soloist's pace
    assert with_one[5.5] - without[5.5] == pytest.approx(pause_s, abs=CLOSE_S)


def test_one_that_is_not_written_is_waited_for_within_reason() -> None:
    played = steady(6) + steady(6, first=6, start_s=1.0 + 5 * 0.5 + 0.5 + 0.9 * CONFIG.hold_s)
    rows = dict(play(played, sd_s=1.5 * CONFIG.wait_sd_s))
    assert played[6][1] <= rows[6.0] <= played[6][1] + TOLD_LATE_S


def test_one_that_nobody_expected_is_anticipated_by_one_onset_at_most() -> None:
    played = steady(6) + steady(6, first=6, start_s=1.0 + 5 * 0.5 + 2.0)
    before = [q for q, at_s in play(played) if at_s < played[6][1]]
    assert max(before) < 7, "it goes on up to the onset after the one that does not come, and no further"


@pytest.mark.parametrize("wait_s", [2.0, 30.0])
def test_it_goes_on_without_a_note_that_the_soloist_leaves_out(wait_s: float) -> None:
    """The soloist plays quarter 6, then nothing until quarter 9 (2 s) or stops for good."""
    played = [*steady(7), (9, 1.0 + 6 * 0.5 + wait_s)]
    rows = [row for row in play(played) if row[1] < played[-1][1]]
    assert [q for q, _ in rows if q > 6] == [6.5, 7.0, 7.5], "one note is left out, not two"
    overdue_s = 1.0 + 7 * 0.5 + CONFIG.hold_s
    assert dict(rows)[7.5] >= overdue_s


def test_a_rest_of_the_solo_is_played_at_its_pace() -> None:
    """The accompaniment plays alone for eight quarters, then the soloist comes in again a little late."""
    solo = make_score("rest", [(q, 1, 60, 64) for q in [*range(8), *range(16, 24)]], tempi=[(0, 60)])
    scheduler = Scheduler(solo, np.arange(0, 24, 0.5), CONFIG)
    played = [*steady(8), *steady(7, first=16, start_s=1.0 + 16 * 0.5 + 0.4)]
    rows: list[tuple[float, float]] = []
    for now_s, event in told(played, sd_s=1.0):
        after_rest = isinstance(event, Onset) and event.quarter == 8
        due_s = max(1.0 + 16 * 0.5, now_s + SD_S)
        scheduler.take(replace(event, quarter=16.0, due_s=due_s) if after_rest else event)
        rows += [(index / 2, at_s) for index, at_s in scheduler.commit(now_s)]
    alone = np.array([row for row in rows if 7 < row[0] < 16])
    assert alone[:, 0].tolist() == list(np.arange(7.5, 16, 0.5))
    assert np.abs(alone[:, 1] - (1.0 + 0.5 * alone[:, 0])).max() < CLOSE_S
    assert played[8][1] <= dict(rows)[16.0] <= played[8][1] + TOLD_LATE_S, "it enters with the soloist"


def test_an_uncertain_onset_is_played_when_it_is_heard() -> None:
    played = steady(10)
    rows = dict(play(played, sd_s=0.2))
    for quarter, at_s in played[3:]:
        assert at_s < rows[float(quarter)] <= at_s + TOLD_LATE_S


def test_on_a_device_less_is_waited_for_since_waiting_comes_later() -> None:
    played = steady(12)
    together, latency_s = np.arange(4.0, 11.0), 0.05
    prompt = dict(play(played, sd_s=1.5 * CONFIG.wait_sd_s, latency_s=latency_s))
    waited = dict(play(played, sd_s=2.5 * CONFIG.wait_sd_s, latency_s=latency_s))
    for quarter in together:
        at_s = dict(played)[int(quarter)]
        assert abs(prompt[quarter] + latency_s - at_s) < CLOSE_S
        assert waited[quarter] > at_s


def test_after_a_stop_the_tempo_is_the_old_one() -> None:
    played = steady(6) + steady(6, first=6, start_s=1.0 + 5 * 0.5 + 5.0)
    assert np.abs(errors(play(played), played, after=7)).max() < CLOSE_S


def test_nothing_passes_the_next_onset_of_the_solo_and_nothing_is_played_twice() -> None:
    rows = play(steady(4))
    assert max(q for q, _ in rows) <= 4
    assert len({q for q, _ in rows}) == len(rows)


@pytest.mark.parametrize("to", [1, 15])
def test_a_jump_goes_on_where_the_soloist_is(to: int) -> None:
    played = steady(8) + steady(4, first=to, start_s=1.0 + 8 * 0.5)
    rows = play(played)
    after = [row for row in rows if row[1] >= played[8][1] + TOLD_S]
    assert after[0][0] >= to
    assert after[0][1] >= played[9][1], "two onsets confirm the place"
    assert np.abs(errors(after, played[8:], after=to + 2)).max() < CLOSE_S
    assert all(q <= 8 or q >= to for q, _ in rows), "what lies between is not rattled through"


def test_an_introduction_is_played_before_the_solo() -> None:
    scheduler = Scheduler(melody(8), np.arange(-3.0, 8.0), CONFIG, Introduction(start_s=0.5, pace=0.5))
    rows = [row for now_s in np.arange(0, 5, 0.01) for row in scheduler.commit(float(now_s))]
    assert [index for index, _ in rows] == [0, 1, 2], "it waits for the soloist"
    assert np.allclose([at_s for _, at_s in rows], [0.5, 1.0, 1.5], atol=0.02)


@pytest.mark.parametrize("early_s", [0.9, 0.2, -0.7, -20.0])
def test_a_soloist_who_comes_in_early_or_late_is_followed(early_s: float) -> None:
    """The introduction has six eighths before the solo, a quarter each half second."""
    intro = Introduction(start_s=0.5, pace=0.5)
    scheduler = Scheduler(melody(8), np.arange(-3.0, 8.0, 0.5), CONFIG, intro)
    played = steady(8, start_s=2.0 - early_s)
    rows: list[tuple[float, float]] = []
    events = list(told(played))
    for now_s in np.arange(0, played[-1][1], 0.01):
        while events and events[0][0] <= now_s:
            scheduler.take(events.pop(0)[1])
        rows += [(index / 2 - 3, at_s) for index, at_s in scheduler.commit(float(now_s))]
    heard_s = played[0][1] + TOLD_S
    ahead = [q for q, at_s in rows if at_s >= heard_s + CONFIG.commit_s + 0.01]
    assert min(ahead) >= 0, "the rest of the introduction is left out"
    assert all(q < 0 for q, at_s in rows if at_s < played[0][1])
    assert np.abs(errors(rows, played, after=2)).max() < CLOSE_S, "the pace of the introduction holds on"
    assert len({q for q, _ in rows}) == len(rows)


def test_where_the_place_is_lost_nothing_is_played() -> None:
    scheduler = Scheduler(melody(20), EIGHTHS, CONFIG)
    events = list(told(steady(8)))
    for now_s, event in events:
        if now_s <= 3.0:
            scheduler.take(event)
            scheduler.commit(now_s)
    scheduler.take(State(at=0, emitted_at=3 * RATE, name="lost", why="what sounds does not fit the score"))
    assert scheduler.interrupted
    assert not [row for now_s, _ in events if now_s > 3.0 for row in scheduler.commit(now_s)]


@pytest.mark.parametrize(("length", "plays"), [(1, True), (9, False)], ids=["a rest", "a long note"])
def test_in_a_rest_of_the_solo_that_nothing_fits_says_nothing(length: int, plays: bool) -> None:
    rows = [(q, 1 if q < 7 else length, 60, 64) for q in [*range(8), *range(16, 20)]]
    scheduler = Scheduler(make_score("rest", rows, tempi=[(0, 60)]), EIGHTHS, CONFIG)
    for now_s, event in told(steady(8)):
        if now_s <= 1.0 + 7 * 0.5 + TOLD_S:
            scheduler.take(event)
            scheduler.commit(now_s)
    at = round(4.6 * RATE)
    scheduler.take(Onset(at=at, emitted_at=at, quarter=16.0, due_s=9.0, sd_s=1.0, heard=False))
    scheduler.take(State(at=at, emitted_at=at, name="lost", why="what sounds does not fit the score"))
    assert scheduler.interrupted != plays
    alone = [EIGHTHS[row[0]] for now_s in np.arange(4.6, 8.9, 0.01) for row in scheduler.commit(float(now_s))]
    assert alone == (list(np.arange(7.5, 16, 0.5)) if plays else [])
    assert not [row for now_s in np.arange(9.1, 9.9, 0.01) for row in scheduler.commit(float(now_s))]
    overdue = [EIGHTHS[row[0]] for now_s in np.arange(10.1, 10.9, 0.01) for row in scheduler.commit(float(now_s))]
    assert overdue == ([16.5] if plays else []), "the prediction was not certain: it goes on up to the onset after"
    assert not [row for now_s in np.arange(11.1, 14, 0.01) for row in scheduler.commit(float(now_s))]


def test_at_the_end_of_a_long_rest_the_soloist_comes_with_the_accompaniment() -> None:
    """The follower expects the entry a second before the accompaniment is there at its own pace."""
    solo = make_score("rest", [(q, 1, 60, 64) for q in [*range(8), *range(16, 20)]], tempi=[(0, 60)])
    scheduler = Scheduler(solo, EIGHTHS, CONFIG)
    for now_s, event in told(steady(8)):
        if now_s <= 1.0 + 7 * 0.5 + TOLD_S:
            scheduler.take(event)
            scheduler.commit(now_s)
    scheduler.take(Onset(at=0, emitted_at=round(4.6 * RATE), quarter=16.0, due_s=8.0, sd_s=1.0, heard=False))
    rows = [row for now_s in np.arange(4.6, 9.9, 0.01) for row in scheduler.commit(float(now_s))]
    assert [EIGHTHS[index] for index, _ in rows] == list(np.arange(7.5, 16, 0.5))


def inferred(n: int, *, told_at_s: float, then: Sequence[tuple[float, int]] = ()) -> dict[float, float]:
    """What is scheduled where quarter n is told as begun too long ago, and others `then`, rows of (told, quarter)."""
    scheduler, now_s = Scheduler(melody(20), EIGHTHS, CONFIG), 0.0
    begun = [(now_s, event) for now_s, event in told(steady(n), sd_s=2 * CONFIG.wait_sd_s) if now_s < told_at_s - 0.5]
    late = [(told_at_s, n, told_at_s - 1.2 * INFERRED_S), *((at_s, quarter, at_s - TOLD_S) for at_s, quarter in then)]
    rows: dict[float, float] = {}

    def wait(until_s: float) -> None:
        for at_s in np.arange(now_s, until_s, 0.005):
            rows.update({float(EIGHTHS[index]): at_s for index, at_s in scheduler.commit(float(at_s))})

    for at_s, event in begun:
        wait(at_s)
        now_s = at_s
        scheduler.take(event)
    for at_s, quarter, due_s in late:
        wait(at_s)
        now_s = at_s
        at = round(at_s * RATE)
        heard = Onset(at=at, emitted_at=at, quarter=float(quarter), due_s=due_s, sd_s=0.02, heard=True)
        scheduler.take(heard)
        scheduler.take(replace(heard, quarter=quarter + 1.0, due_s=at_s + 0.5, sd_s=0.09, heard=False))
    wait(now_s + 0.45)
    return rows


def test_an_onset_that_was_not_heard_to_begin_is_waited_for_a_little_longer() -> None:
    told_at_s = 1.0 + 6 * 0.5 + 0.1
    rows = inferred(6, told_at_s=told_at_s)
    assert told_at_s + MORE_S <= rows[6.0] <= told_at_s + MORE_S + TOLD_LATE_S
    assert 6.5 in rows, "then it goes on"
    assert 7.0 not in rows


@pytest.mark.parametrize("next_quarter", [6, 7])
def test_what_is_heard_after_an_inferred_onset_counts_at_once(next_quarter: int) -> None:
    told_at_s = 1.0 + 6 * 0.5 + 0.1
    rows = inferred(6, told_at_s=told_at_s, then=[(told_at_s + MORE_S / 2, next_quarter)])
    heard_s = told_at_s + MORE_S / 2
    assert heard_s <= rows[float(next_quarter)] <= heard_s + TOLD_LATE_S


def test_an_onset_that_is_placed_far_too_early_does_not_hurry_the_accompaniment() -> None:
    """The follower reports quarter 8 in time, but as if it had begun 0.2 s before."""
    played = steady(12)
    scheduler = Scheduler(melody(20), EIGHTHS, CONFIG)
    rows: list[tuple[float, float]] = []
    for now_s, event in told(played):
        wrong = isinstance(event, Onset) and event.heard and event.quarter == 8
        scheduler.take(replace(event, due_s=now_s - 0.2) if wrong else event)
        rows += [(float(EIGHTHS[index]), at_s) for index, at_s in scheduler.commit(now_s)]
    assert np.abs(errors(rows, played, after=8)).max() < SLOWEST_S


@pytest.mark.parametrize("more", [[], [6.1, 6.2]], ids=["notes alone", "a pedal moves too"])
def test_only_a_note_makes_a_late_one_superfluous(more: list[float]) -> None:
    """The soloist leaves out quarter 6: the note of the accompaniment there comes late, but it comes."""
    places = np.sort([*np.arange(0.0, 20.0), *more])
    scheduler = Scheduler(melody(20), places, CONFIG, sounding=np.arange(0.0, 20.0))
    rows: list[tuple[float, float]] = []
    for now_s, event in told([*steady(6, pace=2.0), (9, 30.0)], sd_s=2 * CONFIG.wait_sd_s):
        scheduler.take(event)
        rows += [(float(places[index]), at_s) for index, at_s in scheduler.commit(now_s)]
    overdue_s = 1.0 + 6 * 2.0 + CONFIG.hold_s
    assert dict(rows)[6.0] == pytest.approx(overdue_s, abs=CLOSE_S)


def test_a_jump_that_is_only_predicted_leaves_nothing_out() -> None:
    """The follower takes back what it reported, far away: the accompaniment is there when the next note begins."""
    scheduler = Scheduler(melody(20), EIGHTHS, SchedulerConfig(confirm=1))
    for now_s, event in told(steady(8)):
        scheduler.take(event)
        scheduler.commit(now_s)
    at = round(6.0 * RATE)
    scheduler.take(Onset(at=at, emitted_at=at, quarter=14.0, due_s=6.3, sd_s=0.02, heard=False))
    rows = [row for now_s in np.arange(6.0, 6.4, 0.01) for row in scheduler.commit(float(now_s))]
    assert [EIGHTHS[index] for index, _ in rows] == [13.0, 13.5, 14.0]


def test_a_loop_goes_on_where_the_follower_goes_back() -> None:
    """Five times four quarters are written out, ten are played: whenever the last begins, the follower goes back."""
    solo = replace(melody(20), loop=(4.0, 5))
    since, back = solo.wrap
    scheduler = Scheduler(solo, EIGHTHS, CONFIG)
    rows: list[tuple[float, float]] = []
    for now_s, event in told(steady(40)):
        assert isinstance(event, Onset)
        times = max(np.ceil((event.quarter - since) / back), 0)
        scheduler.take(replace(event, quarter=event.quarter - back * times))
        rows += [(float(EIGHTHS[index]), at_s) for index, at_s in scheduler.commit(now_s)]
        assert not scheduler.interrupted
    assert (since, back) == (16.0, 8.0)
    assert [q % 4 for q, _ in rows] == [i / 2 % 4 for i in range(len(rows))] and len(rows) > 76
    assert np.abs(np.diff([at_s for _, at_s in rows])[3:] - 0.25).max() < CLOSE_S


@pytest.mark.parametrize(("endless", "n_played"), [(True, 160), (False, 40)])
def test_a_loop_that_nobody_plays_goes_on_where_it_is_stopped(endless: bool, n_played: int) -> None:
    solo = replace(melody(20, fermatas=[1, 5, 9, 13, 17]), loop=(4.0, 5))
    never = replace(solo, note_quarter=solo.note_quarter[:1] + 1e6, note_duration=solo.note_duration[:1])
    scheduler = Scheduler(never, EIGHTHS, CONFIG, Introduction(pace=0.5, endless=endless))
    rows = [row for now_s in np.arange(0, 51, 0.01) for row in scheduler.commit(float(now_s), 0.01)]
    assert len(rows) >= n_played if endless else len(rows) == n_played
    assert [EIGHTHS[index] % 4 for index, _ in rows] == [i / 2 % 4 for i in range(len(rows))]
    bars_s = np.diff([at_s for _, at_s in rows][::8])
    assert np.ptp(bars_s) < 1e-6, "each time is as long"
