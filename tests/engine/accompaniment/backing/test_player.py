"""A recording follows soloists made of numbers: it is where the scheduler wants it, waits, and is silent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.accompaniment.backing.backing_map import Backing, BackingMap
from engine.accompaniment.backing.config import GlideConfig
from engine.accompaniment.backing.player import BackingPlayer
from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.parts import Accompaniment, AccompanimentPart
from engine.accompaniment.plan import play_plan
from engine.accompaniment.scheduler import Scheduler
from engine.core.errors import ConfigError
from engine.core.events import Accompanied, Event, Onset, State
from engine.core.format import AudioFormat
from engine.score.score import make_score
from tests.engine.accompaniment.soloists import RATE, melody, told

MONO = AudioFormat(sample_rate=RATE, n_channels=1)
N = 16
SOLO = melody(N)
CHORDS = make_score("chords", [(q, 1, 48, 64) for q in range(N)], tempi=[(0, 60)])
BOTH = Accompaniment(solo=SOLO, parts=(AccompanimentPart(name="chords", channel=0, score=CHORDS),))
PLAN = play_plan(BOTH, metronome=False)
PATIENT = SchedulerConfig(hold_s=5.0)  # nothing that is overdue has been left out
PACE_S = 0.8  # of a quarter in the recording
FIRST_S = 1.0  # its first onset
SETTLED = 4  # quarters after which the pace is known
NEAR_S = 0.025  # of a soloist whose every onset is predicted: one decision and the smoothing of the rate
UNSURE_S = 0.1  # standard deviation of predictions at which the accompaniment waits
FOUND_S = 0.003  # of an onset in the sound: half a click and one step of the energy


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A click at each quarter over a tone."""
    path = tmp_path_factory.mktemp("backing") / "chords.wav"
    sound = 0.02 * np.sin(2 * np.pi * 330 * np.arange(round((FIRST_S + N * PACE_S + 1) * RATE)) / RATE)
    click = np.random.default_rng(0).standard_normal(60) * np.exp(-np.arange(60) / 12)
    for q in range(N):
        at = round((FIRST_S + q * PACE_S) * RATE)
        sound[at : at + 60] += 0.5 * click
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    return path


def backing(path: Path, missing: Sequence[int] = ()) -> Backing:
    times = FIRST_S + PACE_S * np.arange(N)
    times[list(missing)] = np.nan
    return Backing(path=path, quarter=np.arange(float(N)), audio_s=times)


def player(path: Path, missing: Sequence[int] = ()) -> BackingPlayer:
    scheduler = Scheduler(SOLO, BOTH.onset_quarter, PATIENT)
    return BackingPlayer(MONO, backing(path, missing), SOLO, PLAN, scheduler)


def played(
    node: BackingPlayer, events: Sequence[tuple[float, Event]], end_s: float, block: int = 4096
) -> tuple[dict[float, float], np.ndarray]:
    """When each quarter sounds, by the events, and the sound."""
    events = [row for row in events if not (isinstance(row[1], Onset) and row[1].quarter >= N)]
    given, sounds, told_s = [], [], [at_s for at_s, _ in events]
    for start in range(0, round(end_s * RATE), block):
        first, stop = np.searchsorted(told_s, [start / RATE, (start + block) / RATE], side="right")
        out, sound = node.process(block, [event for _, event in events[first:stop]])
        given += [event for event in out if isinstance(event, Accompanied)]
        sounds.append(sound.copy())
    return {event.quarter: event.at / RATE for event in given}, np.concatenate(sounds)[:, 0]


def click_s(sound: np.ndarray) -> np.ndarray:
    """When the clicks of the recording sound."""
    treble = np.convolve(np.abs(np.diff(sound, 2)), np.ones(64), "same")
    loud = treble > 0.3 * treble.max()
    starts = np.flatnonzero(loud[1:] & ~loud[:-1])
    return starts[np.diff(starts, prepend=-RATE) > 2000] / RATE


def steady(pace_s: float, n: int = N) -> list[tuple[int, float]]:
    return [(q, 1.0 + q * pace_s) for q in range(n)]


@pytest.mark.parametrize("pace_s", [0.5, 0.8, 1.2])
def test_it_keeps_the_soloists_pace(recording: Path, pace_s: float) -> None:
    rows = steady(pace_s)
    at_s, sound = played(player(recording), list(told(rows)), rows[-1][1] + 0.5)
    assert sorted(at_s) == list(range(N))
    errors = [at_s[q] - solo_s for q, solo_s in rows[SETTLED:]]
    assert max(map(abs, errors)) < NEAR_S
    clicks = click_s(sound)
    assert len(clicks) == N, "each attack sounds once"
    assert np.abs(clicks - np.array(sorted(at_s.values()))).max() < FOUND_S, "the events say when it sounds"


def test_blocks_do_not_matter(recording: Path) -> None:
    rows = steady(0.7, 8)
    runs = [played(player(recording), list(told(rows)), 6.0, block) for block in (8192, 300, 64)]
    n = min(len(sound) for _, sound in runs)
    for at_s, sound in runs[1:]:
        assert at_s == runs[0][0]
        assert np.array_equal(sound[:n], runs[0][1][:n])


def test_it_holds_its_sound_where_the_soloist_waits(recording: Path) -> None:
    rows = [(q, 1.0 + q * 0.8 + (2.5 if q > 8 else 0.0)) for q in range(N)]
    at_s, sound = played(player(recording), list(told(rows, sd_s=UNSURE_S)), rows[-1][1] + 0.5)
    assert all(at_s[q] > solo_s for q, solo_s in rows[1:]), "not before the soloist"
    assert at_s[9] < rows[9][1] + 0.1, "at once when the soloist goes on"
    held = sound[round((rows[9][1] - 1.0) * RATE) : round((rows[9][1] - 0.1) * RATE)]
    assert abs(20 * np.log10(held.std() * np.sqrt(2) / 0.02)) < 1.0
    assert len(click_s(sound)) == N


def test_attacks_that_may_come_later_need_fewer_cuts(recording: Path) -> None:
    """The soloist is waited for at every onset, by a recording that holds its sound a little before each attack."""
    rows = [(q, 1.0 + q * 0.9) for q in range(N)]
    late_s = {}
    for worth_s in (0.0, 0.2):
        config = GlideConfig(worth_s=worth_s)
        scheduler = Scheduler(SOLO, BOTH.onset_quarter, PATIENT)
        times = FIRST_S + PACE_S * np.arange(N)
        given = Backing(path=recording, quarter=np.arange(float(N)), audio_s=times, glide=config)
        node = BackingPlayer(MONO, given, SOLO, PLAN, scheduler)
        at_s, _ = played(node, list(told(rows, sd_s=UNSURE_S)), rows[-1][1] + 0.5)
        late_s[worth_s] = np.median([at_s[q] - solo_s for q, solo_s in rows[SETTLED:] if q in at_s])
    assert 0 < late_s[0.0] < late_s[0.2] < 0.2


def test_a_sound_that_is_held_too_long_fades(recording: Path) -> None:
    rows = steady(0.8, 6)
    config = GlideConfig(fade_after_s=1.0)
    scheduler = Scheduler(SOLO, BOTH.onset_quarter, PATIENT)
    given = Backing(path=recording, quarter=np.arange(float(N)), audio_s=FIRST_S + PACE_S * np.arange(N), glide=config)
    node = BackingPlayer(MONO, given, SOLO, PLAN, scheduler)
    _, sound = played(node, list(told(rows)), 10.0)
    assert not sound[-RATE // 2 :].any()


def test_silent_before_the_solo_and_where_the_place_is_lost(recording: Path) -> None:
    rows = steady(0.8, 8)
    lost_s = 5.0
    events = sorted([*told(rows), (lost_s, lost(lost_s))], key=lambda row: row[0])
    events = [row for row in events if row[0] <= lost_s]
    _, sound = played(player(recording), events, 7.0)
    assert not sound[: round(0.95 * RATE)].any()
    assert sound[round(4.9 * RATE) : round(4.95 * RATE)].any()
    assert not sound[round(5.05 * RATE) :].any()


def lost(at_s: float) -> State:
    at = round(at_s * RATE)
    return State(at=at, emitted_at=at, name="lost", why="a test")


def test_after_a_jump_it_enters_where_the_soloist_is(recording: Path) -> None:
    rows = [(q, 1.0 + i * 0.8) for i, q in enumerate([0, 1, 2, 3, 4, 11, 12, 13, 14, 15])]
    at_s, sound = played(player(recording), list(told(rows)), rows[-1][1] + 0.5)
    assert not {6.0, 7.0, 8.0, 9.0, 10.0} & at_s.keys()
    assert abs(at_s[14] - rows[-2][1]) < 2 * NEAR_S
    assert np.abs(np.diff(sound, 2)).max() < 1.5, "no click but the recording's"


def test_what_the_recording_lacks_is_silent(recording: Path) -> None:
    rows = steady(0.8)
    at_s, sound = played(player(recording, missing=[6, 7, 8]), list(told(rows)), rows[-1][1] + 0.5)
    assert sorted(at_s) == [q for q in range(N) if q not in (6, 7, 8)]
    assert not sound[round((rows[6][1] + 0.1) * RATE) : round((rows[9][1] - 0.1) * RATE)].any()


def test_it_ends(recording: Path) -> None:
    rows = steady(0.8)
    node = player(recording)
    played(node, list(told(rows)), 6.0)
    assert not node.finished
    node.reset()
    played(node, list(told(rows)), rows[-1][1] + 2.0)
    assert node.finished


def test_places_of_the_recording() -> None:
    places = BackingMap(backing(Path("x"), missing=[3]), SOLO, 1000)
    assert places.sample(1.5) == pytest.approx(2200)
    assert places.sample(2.0) == pytest.approx(2600)
    assert np.isnan(places.sample(2.5))
    assert places.sample(-1.0) == pytest.approx(200)
    assert places.sample(N + 1.0) == pytest.approx(1000 + 800 * (N + 1))


def test_a_recording_of_nothing() -> None:
    with pytest.raises(ConfigError, match="two onsets"):
        Backing(path=Path("x.flac"), quarter=np.arange(3.0), audio_s=np.array([np.nan, 1.0, np.nan]))


def test_it_plays_earlier_by_the_latency_of_the_stage_without_a_device(recording: Path) -> None:
    """Before any device has declared its own."""
    plain, early = (
        BackingPlayer(MONO, backing(recording), SOLO, PLAN, Scheduler(SOLO, BOTH.onset_quarter, PATIENT), more_s)
        for more_s in (0.0, 0.1)
    )
    assert early._scheduler.latency_s == pytest.approx(plain._scheduler.latency_s + 0.1)
