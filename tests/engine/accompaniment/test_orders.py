"""What a running accompaniment is asked: to go on elsewhere, at another pace, without a part, louder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from engine.accompaniment.accompanist import AccompanyConfig
from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.ensemble import VOLUME, Ensemble
from engine.accompaniment.parts import DRUMS
from engine.accompaniment.scheduler import Introduction, Scheduler
from engine.core.events import Accompanied, Control, Event, Note
from engine.core.format import AudioFormat
from engine.core.orders import CountIn, MutePart, Order, SetDynamics, SetPartGain
from engine.score.beats import Beats
from tests.engine.accompaniment.soloists import RATE, melody, told
from tests.engine.accompaniment.test_scheduler import EIGHTHS, steady
from tests.engine.accompaniment.test_touch import STEADY, accompaniment

BEATS = Beats(np.arange(20.0), np.arange(20) % 4 == 0)
BLOCK = 1024
STEP_S = 0.012


def ordered(orders: Mapping[float, Order], seconds: float = 11.0, played_s: float = 11.0) -> list[Event]:
    """What is played with a soloist who is steady, and plays so long, when these orders come at these seconds."""
    both = replace(accompaniment(), beats=BEATS)
    ensemble = Ensemble(AudioFormat(sample_rate=RATE, n_channels=2), AccompanyConfig(accompaniment=both))
    heard = sorted((event for _, event in told(STEADY)), key=lambda event: event.emitted_at)
    left, out = dict(orders), []
    for now in range(0, round(seconds * RATE), BLOCK):
        for at_s in [at_s for at_s in left if at_s * RATE <= now]:
            ensemble.obey(left.pop(at_s))
        until = min(now + BLOCK, played_s * RATE)
        events = [event for event in heard if now < event.emitted_at <= until]
        out += ensemble.process(np.zeros((BLOCK, 2), np.float32), events)[0]
    return out + ensemble.release()


def begun(events: list[Event], after_s: float = 0.0) -> list[Note]:
    return [event for event in events if isinstance(event, Note) and event.active and event.at >= after_s * RATE]


def test_a_muted_part_begins_no_note_and_what_sounds_ends() -> None:
    events = ordered({4.0: MutePart("chords", True), 7.0: MutePart("chords", False)})
    on = [note.at / RATE for note in begun(events)]
    assert [at_s for at_s in on if at_s < 4] and [at_s for at_s in on if at_s > 7.1]
    assert not [at_s for at_s in on if 4.1 < at_s < 7]
    ends = [event for event in events if isinstance(event, Note) and not event.active]
    assert len(ends) == len(begun(events))


def test_other_names_are_nobodys() -> None:
    plain = ordered({})
    assert ordered({2.0: MutePart("trombone", True), 3.0: SetPartGain("trombone", 3.0)}) == plain


def test_a_louder_part_sets_the_volume_of_its_channel() -> None:
    events = ordered({4.0: SetPartGain("chords", -12.0)})
    assert [(e.channel, e.value) for e in events if isinstance(e, Control) and e.controller == VOLUME] == [(3, 50)]


@pytest.mark.parametrize("amount", [0.0, 1.0])
def test_how_far_the_soloists_loudness_is_followed_may_change(amount: float) -> None:
    """The soloist is twice as loud from the fifth second on."""
    config = AccompanyConfig(accompaniment=accompaniment())
    ensemble = Ensemble(AudioFormat(sample_rate=RATE, n_channels=2), config)
    ensemble.obey(SetDynamics(amount))
    heard = sorted((event for _, event in told(STEADY)), key=lambda event: event.emitted_at)
    noise = np.random.default_rng(0).standard_normal((11 * RATE, 2)).astype(np.float32) * 0.02
    noise[5 * RATE :] *= 2
    out: list[Event] = []
    for now in range(0, len(noise), BLOCK):
        events = [event for event in heard if now < event.emitted_at <= now + BLOCK]
        out += ensemble.process(noise[now : now + BLOCK], events)[0]
    velocities = {note.velocity for note in begun(out, 6.0)}
    assert velocities == {64} if amount == 0 else min(velocities) > 64


@pytest.mark.parametrize("place", [4.0, 12.0])
def test_from_here_what_sounds_ends_and_the_soloist_is_waited_for(place: float) -> None:
    scheduler = Scheduler(melody(20), EIGHTHS, SchedulerConfig())
    played = steady(9)
    rows, now_s = [], 0.0
    for now_s, event in told(played):
        scheduler.take(event)
        scheduler.commit(now_s)
    scheduler.go_to(place)
    assert scheduler.interrupted
    for _ in range(300):
        now_s += STEP_S
        assert scheduler.commit(now_s) == []  # the solo begins there, and has not begun
    again = steady(6, start_s=now_s + 1.0, first=round(place))
    for then_s, event in told(again):
        scheduler.take(event)
        rows += [(float(EIGHTHS[i]), at_s) for i, at_s in scheduler.commit(then_s)]
    quarters = [quarter for quarter, _ in rows]
    assert quarters[0] == place and quarters == sorted(quarters)
    expected = np.interp([q for q in quarters if q >= place + 2], [q for q, _ in again], [t for _, t in again])
    found = [at_s for quarter, at_s in rows if quarter >= place + 2]
    assert np.abs(np.array(found) - expected)[: len(again)].max() < 0.05


def test_what_precedes_the_soloist_there_is_played_at_his_pace() -> None:
    """The solo rests until quarter 4; the accompaniment alone begins at 2, at the pace that was."""
    solo = melody(20)
    late = Scheduler(solo, EIGHTHS, SchedulerConfig(), Introduction(pace=0.5))
    late.commit(1.0)
    late.go_to(2.5)
    rows: list[tuple[float, float]] = []
    for k in range(400):
        now_s = 1.0 + k * STEP_S
        rows += [(float(EIGHTHS[i]), at_s) for i, at_s in late.commit(now_s, STEP_S)]
    assert [quarter for quarter, _ in rows] == [2.5]  # at 3 the solo is waited for
    assert rows[0][1] == pytest.approx(1.5, abs=0.02)


def test_another_pace_goes_on_from_where_the_introduction_is() -> None:
    """Nobody leads: two quarters at one a second, then two a second."""
    solo = melody(20)
    scheduler = Scheduler(solo, np.arange(-8.0, 0.0, 1.0), SchedulerConfig(), Introduction(start_s=0.0, told=True))
    rows: list[tuple[float, float]] = []
    scale = float(solo.seconds(1.0) - solo.seconds(0.0))
    for k in range(1000):
        now_s = k * STEP_S
        if k == round(2.5 * scale / STEP_S):
            scheduler.put_pace(0.5)
        rows += [(float(i), at_s) for i, at_s in scheduler.commit(now_s, STEP_S)]
    times = np.array([at_s for _, at_s in rows]) / scale
    assert np.diff(times)[:2] == pytest.approx([1.0, 1.0], abs=0.03)
    assert np.diff(times)[3:] == pytest.approx([0.5] * len(np.diff(times)[3:]), abs=0.03)
    assert times[3] - times[2] == pytest.approx(0.75, abs=0.05)


def test_a_bar_is_counted_before_any_place_and_the_accompaniment_goes_on_there() -> None:
    """What sounds ends; a bar of beats at the pace that was; at its end the soloist is waited for."""
    events = ordered({4.0: CountIn(8.0, 1)}, seconds=9.0, played_s=4.0)
    clicks = [event for event in events if isinstance(event, Note) and event.channel == DRUMS]
    on = [click.at / RATE for click in clicks if click.active]
    assert len(on) == 4 and len(clicks) == 8 and on[0] >= 4.0
    assert np.ptp(np.diff(on)) < 2 * STEP_S
    assert [click.pitch for click in clicks if click.active] == [76, 77, 77, 77]
    assert not [note for note in begun(events, 4.1) if note.channel != DRUMS]  # he does not come
    told_before = [event.quarter for event in events if isinstance(event, Accompanied) and event.at < 4 * RATE]
    assert told_before and max(told_before) < 8


def test_a_count_in_that_is_broken_off_leaves_no_beat() -> None:
    events = ordered({4.0: CountIn(8.0, 2)}, seconds=5.0)
    clicks = [event for event in events if isinstance(event, Note) and event.channel == DRUMS]
    assert sum(click.active for click in clicks) == sum(not click.active for click in clicks) > 0
