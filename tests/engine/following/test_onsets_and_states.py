"""What the follower says besides the position: the next onset, as early as it can, and what it is doing."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.events import Event, Onset, Position, State
from engine.following.search.beam_search import new_search, restart
from engine.following.states import CODES, N_STATE, next_state, rests_between
from engine.score.score import Score, make_score
from tests.engine.following.play import RATE, events, scale, sound
from tests.tolerances import MUSICAL_S

SOON_S = 0.09  # an onset is heard so soon: half a frame, what the difference of frames takes, and two hops
STEADY_S = 0.02  # in a steady tempo a prediction is off by less


def silence(seconds: float) -> np.ndarray:
    return np.zeros((int(seconds * RATE), 1), np.float32)


def onsets(found: list[Event], *, heard: bool) -> list[Onset]:
    return [event for event in found if isinstance(event, Onset) and event.heard == heard]


def names(found: list[Event]) -> list[str]:
    """The states, without those that only tell the pitch."""
    return [event.name for event in found if isinstance(event, State) and not event.why.startswith("sounds")]


def test_every_onset_is_heard_once_and_soon() -> None:
    score = scale()
    audio, played = sound(score)
    heard = onsets(events(audio, score), heard=True)
    assert [event.quarter for event in heard] == pytest.approx(played.quarter)
    assert np.abs([event.due_s for event in heard] - played.audio_s).max() <= MUSICAL_S
    assert max(event.emitted_at / RATE - event.due_s for event in heard) <= SOON_S
    assert all(0 <= event.at <= event.emitted_at for event in heard)


def test_the_next_onset_is_predicted_in_time() -> None:
    """Half way from note to note, after the first four, the newest prediction names the next note and its time."""
    score = scale(24)
    audio, played = sound(score)
    predicted = onsets(events(audio, score), heard=False)
    emitted = np.array([event.emitted_at / RATE for event in predicted])
    for i in range(4, len(played.audio_s)):
        middle = (played.audio_s[i - 1] + played.audio_s[i]) / 2
        newest = predicted[int(np.searchsorted(emitted, middle, side="right")) - 1]
        assert newest.quarter == pytest.approx(played.quarter[i])
        assert newest.due_s == pytest.approx(played.audio_s[i], abs=STEADY_S)
        assert 0 < newest.sd_s < 0.2


def test_a_note_that_does_not_come_is_expected_ever_later() -> None:
    score = scale(24)
    audio, played = sound(score)
    stop = int((played.audio_s[12] - 0.02) * RATE)
    found = events(np.concatenate([audio[:stop], silence(4.0)]), score)
    late = [e for e in onsets(found, heard=False) if e.emitted_at > stop + RATE]
    assert {event.quarter for event in late} == {played.quarter[12]}
    assert all(event.due_s > event.at / RATE for event in late)
    assert np.diff([event.due_s for event in late]).min() > 0
    assert names(found)[-1] == "paused"


def test_states_from_before_the_first_note_to_after_the_last() -> None:
    score = scale()
    audio, _ = sound(score)
    assert names(events(np.concatenate([silence(1.0), audio, silence(3.0)]), score)) == [
        "waiting",
        "following",
        "ended",
    ]


def resting() -> Score:
    """Eight notes, four bars of rest, eight notes."""
    rows = [(0.5 * i + (16.0 if i >= 8 else 0.0), 0.5, 60 + 2 * (i % 8), 70) for i in range(16)]
    return make_score("rest", rows, tempi=[(0.0, 100.0)])


def test_what_others_play_in_a_rest_does_not_move_it() -> None:
    score = resting()
    rows = [(4.5 + i, 1.0, pitch, 70) for i in range(24) for pitch in (41 + i % 5, 48 + i % 4, 57 - i % 7)]
    others = make_score("others", [(0.0, 0.1, 30, 1), *rows], tempi=[(0.0, 100.0)])
    (alone, played), (besides, _) = sound(score), sound(others)
    n = min(len(alone), len(besides))
    found = events(alone[:n] + besides[:n], score)
    at, quarter = np.array([(e.at / RATE, e.quarter) for e in found if isinstance(e, Position)]).T
    inside = (at > played.audio_s[7] + 1) & (at < played.audio_s[8] - 1)
    assert quarter[inside].max() < played.quarter[8]
    after = played.audio_s > played.audio_s[8] + 2
    assert (np.abs(np.interp(played.audio_s + 0.02, at, quarter) - played.quarter)[after] <= 0.5).all()


def test_a_rest_is_waited_for() -> None:
    score = resting()
    audio, played = sound(score)
    found = events(audio, score)
    assert names(found)[:4] == ["waiting", "following", "waiting", "following"]
    begun = next(e for e in found if isinstance(e, State) and e.why.endswith("rest"))
    assert played.audio_s[7] < begun.at / RATE < played.audio_s[7] + 1.5


def test_who_comes_in_after_a_long_pause_is_not_lost() -> None:
    """Nothing has to fit while nothing is expected; what comes after is judged anew."""
    memory, frame_s = np.zeros(N_STATE), 0.01
    search, rests = new_search(2), rests_between(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]))
    restart(search)
    search.gate[0], search.best[0] = 0, 1
    states = [next_state(search, memory, frame * frame_s, 0.1, rests, frame_s) for frame in range(1000)]
    assert CODES[states[200]][0] == "following" and CODES[states[400]][0] == "paused"
    search.best[0] = 2
    search.entry_s[2, 0, 0] = 10.0
    after = [next_state(search, memory, 10.0 + frame * frame_s, 0.1, rests, frame_s) for frame in range(150)]
    assert {CODES[state][0] for state in after} == {"following"}
