"""Pedal, pitch, loudness and metronome of an accompaniment: known answers on small scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.accompaniment.accompanist import GRID, Accompanist, AccompanyConfig
from engine.accompaniment.ensemble import Ensemble, message_of, part_volume
from engine.accompaniment.loudness import SoloLoudness
from engine.accompaniment.parts import Accompaniment, AccompanimentPart
from engine.accompaniment.plan import is_first_beat, play_plan
from engine.accompaniment.scheduler import Introduction
from engine.accompaniment.soloist_pitch import SoloistPitch
from engine.accompaniment.synthesiser import Synthesiser, settled_engine
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.accompaniment.touch_config import TouchConfig
from engine.core.errors import EngineError
from engine.core.events import Accompanied, Control, Event, Note, State
from engine.core.format import AudioFormat
from engine.score.beats import Beats
from engine.score.score import make_score
from tests.engine.accompaniment.soloists import RATE, melody, told

CHORDS = make_score("chords", [(q, 1, pitch, 64) for q in range(20) for pitch in (48, 52)], tempi=[(0, 60.0)])
BARS = [(q, 0 if q % 4 == 3 else 127) for q in range(19)]  # down for three quarters, up for one
CHANGES = [row for q in range(20) for row in ((q, 0), (q, 127))]
STEADY = [(i, 1.0 + 0.5 * i) for i in range(20)]
JUMPY = STEADY[:10] + [(3 + i, 6.0 + 0.5 * i) for i in range(6)]
SUSTAIN = 64
NEAR_S = 0.065  # the first note of the solo is reported 45 ms after it began, and fixed 10 ms before it is played


def accompaniment(pedal: Sequence[tuple[float, int]] = (), **more: Any) -> Accompaniment:
    part = AccompanimentPart(name="chords", channel=3, score=CHORDS, pedal=tuple(pedal))
    return Accompaniment(solo=melody(24), parts=(part,), **more)


def played(
    config: AccompanyConfig, solo: Sequence[tuple[int, float]] = STEADY, states: Sequence[State] = ()
) -> list[Event]:
    """What is played from the first sample to a second after the soloist's last onset, and at the end."""
    player = Accompanist(config, RATE)
    events = sorted([*(event for _, event in told(solo)), *states], key=lambda event: event.emitted_at)
    out: list[Event] = []
    end = round((solo[-1][1] + 1) * RATE)
    for now in range(0, end, 1024):
        heard = [event for event in events if now < event.emitted_at <= now + 1024]
        out += player.process(np.zeros((1024, 2), np.float32), heard)
    return out + player.release()


def moves(events: Sequence[Event]) -> list[tuple[float, int]]:
    """Time and value of the pedal's moves."""
    return [(e.at / RATE, e.value) for e in events if isinstance(e, Control) and e.controller == SUSTAIN]


def test_the_pedal_moves_in_time() -> None:
    rows = moves(played(AccompanyConfig(accompaniment=accompaniment(BARS))))
    assert [value for _, value in rows] == [127, 0] * 5
    down = np.array([at for at, value in rows if value])
    assert np.allclose(down, 1.0 + 2.0 * np.arange(5), atol=NEAR_S)
    assert np.allclose([at for at, value in rows if not value][:4], 2.5 + 2.0 * np.arange(4), atol=NEAR_S)


def test_a_change_of_pedal_comes_up_before_it_goes_down() -> None:
    rows = moves(played(AccompanyConfig(accompaniment=accompaniment(CHANGES))))
    assert [value for _, value in rows] == [127, 0] * 20
    lifted = [after[0] - before[0] for before, after in zip(rows[1::2], rows[2::2], strict=False)]
    assert lifted == pytest.approx([0.03] * 19, abs=0.001)


@pytest.mark.parametrize("pedal", [BARS, CHANGES], ids=["bars", "changes"])
def test_every_pedal_comes_up(pedal: list[tuple[float, int]]) -> None:
    rows = moves(played(AccompanyConfig(accompaniment=accompaniment(pedal)), JUMPY))
    assert [value > 0 for _, value in rows] == [True, False] * (len(rows) // 2)
    told_s = 6.0 + 0.045
    state = [value for at, value in rows if at <= told_s + 512 / RATE][-1]
    assert state == 0, "the jump lifts it"
    assert any(value and at > told_s + 0.4 for at, value in rows), "and it goes down again where the player is"


def test_losing_the_place_lifts_the_pedal() -> None:
    lost = State(at=round(3.2 * RATE), emitted_at=round(3.2 * RATE), name="lost", why="")
    rows = moves(played(AccompanyConfig(accompaniment=accompaniment([(0, 127)])), STEADY[:5], [lost]))
    assert rows[-1][1] == 0 and rows[-1][0] == pytest.approx(3.2, abs=0.02)


def test_notes_that_begin_follow_the_transposition_and_end_as_they_began() -> None:
    at = round(4.2 * RATE)
    told_down = State(at=at, emitted_at=at, name="following", why="", transposition=-2, a4_hz=392.0)
    events = played(AccompanyConfig(accompaniment=accompaniment()), STEADY, [told_down])
    begun = {e.pitch for e in events if isinstance(e, Note) and e.active and e.at > at + 0.05 * RATE}
    assert begun == {46, 50}
    notes = sorted((e for e in events if isinstance(e, Note)), key=lambda e: (e.at, e.active))
    sounding: set[int] = set()
    for note in notes:
        assert note.active != (note.pitch in sounding)
        sounding ^= {note.pitch}
    assert not sounding


@pytest.mark.parametrize(
    ("a4_hz", "semitones", "own_hz", "cents"),
    [(442.0, 0, 440.0, 7.85), (415.3, -1, 440.0, 0.0), (442.0, 0, 442.0, 0.0)],
)
def test_the_tuning_is_a_registered_parameter(a4_hz: float, semitones: int, own_hz: float, cents: float) -> None:
    told_so = State(at=RATE, emitted_at=RATE, name="following", why="", transposition=semitones, a4_hz=a4_hz)
    sound = SynthesiserConfig(a4_hz=own_hz)
    events = played(AccompanyConfig(accompaniment=accompaniment(), sound=sound), STEADY, [told_so])
    values: dict[int, int] = {}
    tuned = []
    for event in events:
        if isinstance(event, Control) and event.controller != SUSTAIN:
            values[event.controller] = event.value
            if event.controller == 6:
                assert (values[101], values[100]) == (0, 1)
                tuned.append((event.value << 7 | values[38]) / 8192 * 100 - 100)
    assert tuned == [pytest.approx(cents, abs=0.1)]


def test_pitch_is_not_followed_where_that_is_not_wanted() -> None:
    told_so = State(at=RATE, emitted_at=RATE, name="following", why="", transposition=3, a4_hz=523.0)
    config = AccompanyConfig(accompaniment=accompaniment(), touch=TouchConfig(follow_pitch=False))
    events = played(config, STEADY, [told_so])
    assert {e.pitch for e in events if isinstance(e, Note)} == {48, 52}
    assert not [e for e in events if isinstance(e, Control)]


@pytest.mark.parametrize("source", ["built-in", "fluidsynth"])
def test_the_synthesiser_sounds_at_the_soloists_pitch(source: str) -> None:
    try:
        settled_engine(SynthesiserConfig(engine=source))
    except EngineError:
        pytest.skip("not installed")
    events = [Control(at=0, emitted_at=0, channel=0, controller=c, value=v) for c, v in _fine_tuning(40.0)]
    hz = []
    for settings in ([], events):
        synth = Synthesiser(AudioFormat(sample_rate=RATE, n_channels=1), SynthesiserConfig(engine=source, reverb=0))
        synth.program(0, 73)
        for event in (*settings, Note(at=0, emitted_at=0, pitch=69, velocity=90, channel=0, active=True)):
            synth.send(0, message_of(event))
        sound = synth.render(RATE)[RATE // 4 :, 0].astype(float)
        power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 20))
        low, high = (round(f / RATE * (1 << 20)) for f in (420, 470))
        hz.append((low + int(power[low:high].argmax())) * RATE / (1 << 20))
    assert 1200 * np.log2(hz[1] / hz[0]) == pytest.approx(40.0, abs=3.0)


def _fine_tuning(cents: float) -> list[tuple[int, int]]:
    state = State(at=0, emitted_at=0, name="following", why="", a4_hz=440 * 2 ** (cents / 1200))
    return [setting[1:] for setting in SoloistPitch([0], 0.0).take(state)]


def test_loudness_above_the_mean_is_followed_by_as_much_as_asked() -> None:
    def velocity(amount: float, louder_db: float) -> int:
        loudness = SoloLoudness(RATE, GRID, amount)
        noise = np.random.default_rng(0).normal(0, 0.05, (8 * RATE, 1)).astype(np.float32)
        noise[6 * RATE :] *= np.float32(10 ** (louder_db / 20))
        for level in loudness.levels(noise):
            loudness.take(float(level))
        return loudness.velocity(64)

    assert velocity(0.0, 8.0) == 64
    assert velocity(1.0, 0.0) == pytest.approx(64, abs=1)
    full = velocity(1.0, 8.0)
    assert 64 * 10 ** (4 / 40) < full < 64 * 10 ** (8.5 / 40)
    assert 64 < velocity(0.5, 8.0) < full
    assert velocity(1.0, -8.0) < 60


def test_silence_changes_no_velocity() -> None:
    loudness = SoloLoudness(RATE, GRID, 1.0)
    for level in loudness.levels(np.zeros((RATE, 2), np.float32)):
        loudness.take(float(level))
    assert loudness.velocity(64) == 64


BEATS = Beats(np.arange(20.0), np.arange(20) % 4 == 0)


def test_the_metronome_counts_with_the_soloist() -> None:
    config = AccompanyConfig(accompaniment=accompaniment(beats=BEATS), metronome=True)
    clicks = [e for e in played(config) if isinstance(e, Note) and e.channel == 9 and e.active]
    assert [is_first_beat(e.pitch) for e in clicks] == [q % 4 == 0 for q in range(20)]
    assert np.allclose([e.at / RATE for e in clicks], [at_s for _, at_s in STEADY], atol=NEAR_S)


def test_a_bar_is_counted_before_the_introduction_and_before_the_soloist() -> None:
    """Four beats of 0.1 s, two quarters of introduction, then the soloist."""
    late = make_score("late", [(q + 2, 1, 60, 64) for q in range(20)], tempi=[(0, 60.0)], start=0.0)
    both = replace(accompaniment(beats=BEATS), solo=late)
    intro = Introduction(start_s=0.2, pace=0.1)
    config = AccompanyConfig(accompaniment=both, count_in_bars=1, intro=intro)
    events = played(config, [(quarter + 2, at_s) for quarter, at_s in STEADY])
    notes = [(e.at / RATE, e.channel, is_first_beat(e.pitch)) for e in events if isinstance(e, Note) and e.active]
    assert [first for _, channel, first in notes if channel == 9] == [True, False, False, False]
    assert [at for at, *_ in (*notes[:5], notes[6])] == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6, 0.7], abs=0.012)
    assert [channel for _, channel, _ in notes[:10]] == [9] * 4 + [3] * 6
    assert notes[8][0] == pytest.approx(STEADY[0][1], abs=NEAR_S), "then the soloist is waited for"


def test_neither_beats_nor_pedals_change_when_notes_come() -> None:
    solo = make_score(
        "melody", [(q, 1, 60, 64) for q in (*range(6), *range(10, 24))], tempi=[(0, 60.0)], fermatas=[5.0]
    )
    notes = [(q, 4 if q == 4 else 1, 48, 64) for q in range(20) if q not in (5, 6, 7)]
    part = AccompanimentPart(name="chords", channel=3, score=make_score("chords", notes, tempi=[(0, 60.0)]))
    pedalled = replace(part, pedal=((5.5, 127), (6.5, 0)))
    played_at = []
    for each, metronome in ((part, False), (part, True), (pedalled, False)):
        both = Accompaniment(solo=solo, parts=(each,), beats=BEATS)
        config = AccompanyConfig(accompaniment=both, metronome=metronome)
        events = played(config, [*STEADY[:6], (10, 8.0), (11, 8.5), (12, 9.0)])
        played_at.append([(e.quarter, e.at) for e in events if isinstance(e, Accompanied)])
    assert played_at[0] == played_at[1] == played_at[2]
    assert {8.0, 9.0} <= {quarter for quarter, _ in played_at[0]}


def test_the_metronome_is_a_target_of_its_own_and_changes_nothing_else() -> None:
    audio = AudioFormat(sample_rate=RATE, n_channels=2)
    sounds = []
    for metronome in (False, True):
        sound = SynthesiserConfig(engine="built-in")
        config = AccompanyConfig(accompaniment=accompaniment(beats=BEATS), metronome=metronome, sound=sound)
        ensemble = Ensemble(audio, config)
        assert ensemble.targets == ("accompaniment", "metronome")[: 1 + metronome]
        events = [event for _, event in told(STEADY[:5])]
        out = []
        for now in range(0, 4 * RATE, 1000):
            heard = [event for event in events if now < event.emitted_at <= now + 1000]
            _, made = ensemble.process(np.zeros((1000, 2), np.float32), heard)
            out.append([each.copy() for each in made])
        sounds.append([np.concatenate(each) for each in zip(*out, strict=True)])
    assert np.array_equal(sounds[0][0], sounds[1][0])
    assert np.abs(sounds[0][0]).max() > 0.01
    silent = np.abs(sounds[1][1]).max(axis=1) == 0
    assert 0.5 < silent.mean() < 0.95 and np.abs(sounds[1][1]).max() > 0.2


def test_gains_of_parts_are_volumes() -> None:
    assert [part_volume(gain) for gain in (0.0, 4.0, 40.0, -12.0, -200.0)] == [100, 126, 127, 50, 0]


def test_notes_end_by_the_tempo_that_is_expected_of_the_solo() -> None:
    slow = make_score("solo", [(q, 1, 60 + q % 12, 64) for q in range(24)], tempi=[(0, 30.0)])
    both = replace(accompaniment(), solo=slow)
    ends_s = {note.end_s for moment in play_plan(both, metronome=False) for note in moment.notes}
    assert min(ends_s) == pytest.approx(2.0)
