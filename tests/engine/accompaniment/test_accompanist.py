"""The accompanist's notes: each begins and ends, whatever the soloist does and however time is cut."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.accompaniment.accompanist import Accompanist, AccompanyConfig
from engine.accompaniment.parts import Accompaniment, AccompanimentPart, read_accompaniment
from engine.core.errors import ScoreError
from engine.core.events import Accompanied, Event, Note
from engine.score.score import make_score
from tests.engine.accompaniment.soloists import RATE, melody, told

CHORDS = [(q + half, 0.5, pitch, 64) for q in range(20) for half in (0, 0.5) for pitch in (48, 52)]
STEADY = [(i, 1.0 + 0.5 * i) for i in range(10)]
JUMPY = STEADY + [(3 + i, 6.0 + 0.5 * i) for i in range(6)]


def accompanist() -> Accompanist:
    part = AccompanimentPart(name="chords", channel=3, score=make_score("chords", CHORDS, tempi=[(0, 60.0)]))
    both = Accompaniment(solo=melody(20), parts=(part,))
    return Accompanist(AccompanyConfig(accompaniment=both), RATE)


def run(player: Accompanist, played: Sequence[tuple[int, float]], blocks: Sequence[int] = (1024,)) -> list[Event]:
    """What is played while the soloist plays, with time passing in blocks of these lengths, over and over."""
    events = [event for _, event in told(played)]
    out: list[Event] = []
    now, turn, end = 0, 0, round((played[-1][1] + 1) * RATE)
    while now < end:
        n = min(blocks[turn % len(blocks)], end - now)
        now, turn = now + n, turn + 1
        out += player.process(
            np.zeros((n, 1), np.float32), [event for event in events if now - n < event.emitted_at <= now]
        )
    return out + player.release()


def hanging(events: Sequence[Event]) -> set[tuple[int, int]]:
    notes = sorted((e for e in events if isinstance(e, Note)), key=lambda e: (e.at, e.active))
    sounding: set[tuple[int, int]] = set()
    for note in notes:
        key = (note.channel, note.pitch)
        assert note.active != (key in sounding), "a note begins once and ends once"
        sounding ^= {key}
    return sounding


@pytest.mark.parametrize("played", [STEADY, JUMPY], ids=["steady", "jumpy"])
def test_every_note_ends(played: Sequence[tuple[int, float]]) -> None:
    events = run(accompanist(), played)
    assert sum(isinstance(e, Accompanied) for e in events) > 15
    assert not hanging(events)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.lists(st.integers(100, 5000), min_size=1, max_size=8))
def test_cuts_change_nothing(blocks: list[int]) -> None:
    assert run(accompanist(), JUMPY, blocks) == run(accompanist(), JUMPY)


def test_as_newly_built_after_a_reset() -> None:
    player = accompanist()
    first = run(player, JUMPY)
    player.reset()
    assert run(player, JUMPY) == first


def test_notes_are_known_before_they_sound() -> None:
    for event in run(accompanist(), STEADY):
        assert event.at >= event.emitted_at


def test_notes_last_as_written() -> None:
    events = [e for e in run(accompanist(), STEADY) if isinstance(e, Note) and e.pitch == 48]
    begun = [e.at for e in events if e.active][6:-2]
    ended = [e.at for e in events if not e.active][6:-2]
    assert np.allclose((np.array(ended) - begun) / RATE, 0.25, atol=0.04)


def test_a_jump_ends_what_sounds_at_once() -> None:
    events = run(accompanist(), JUMPY)
    told_at = round((6.0 + 0.045) * RATE)
    notes = sorted((e for e in events if isinstance(e, Note)), key=lambda e: (e.at, e.active))
    sounding = sum(1 if note.active else -1 for note in notes if note.at <= told_at + 512)
    assert sounding == 0


def test_parts_are_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "duo.mid"
    song = mido.MidiFile()
    for name, pitch in (("Violin", 76), ("Piano", 48)):
        track = song.add_track(name)
        track += [mido.Message("note_on", note=pitch, time=0), mido.Message("note_off", note=pitch, time=480)]
    song.save(path)
    both = read_accompaniment(path, ["violin"])
    assert both.solo.note_pitch.tolist() == [76]
    assert [part.name for part in both.parts] == ["Piano"]
    with pytest.raises(ScoreError, match="Viola"):
        read_accompaniment(path, ["Viola"])
    with pytest.raises(ScoreError, match="a second part"):
        read_accompaniment(path, ["Violin", "Piano"])
