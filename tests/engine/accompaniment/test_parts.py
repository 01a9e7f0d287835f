"""Who is followed and who plays: parts by name, muted, louder, in a loop, and one line for what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.accompaniment.accompanist import Accompanist, AccompanyConfig
from engine.accompaniment.parts import Accompaniment, Players, read_accompaniment
from engine.accompaniment.plan import play_plan
from engine.core.errors import ScoreError
from engine.score.loops import BarRange, parse_bars
from tests.engine.score.musicxml.writing import attributes, musicxml, note, rest

BARS = [note("C4", 4), note("D4", 4), note("E4", 4), note("F4", 4)]
RATE = 8000
NAMES = ("Violin", "Viola", "Piano")


@pytest.fixture
def trio(tmp_path: Path) -> Path:
    path = tmp_path / "trio.musicxml"
    path.write_text(musicxml(BARS, BARS, BARS, names=NAMES))
    return path


def read(path: Path, solo: Sequence[str] = ("Violin",), **players: Any) -> Accompaniment:
    return read_accompaniment(path, solo, Players(**players))


def names(both: Accompaniment) -> list[str]:
    return [part.name for part in both.parts]


def test_all_others_play(trio: Path) -> None:
    assert names(read(trio)) == ["Viola", "Piano"]
    assert names(read(trio, mute=("viola",))) == ["Piano"]
    assert names(read(trio, play=("Piano",))) == ["Piano"]
    assert names(read(trio, play=("all",))) == ["Violin", "Viola", "Piano"]
    assert names(read(trio, play=("all",), mute=("Violin", "Piano"))) == ["Viola"]


def test_gains(trio: Path) -> None:
    gains = {part.name: part.gain_db for part in read(trio, gains_db=(("Piano", -6.0),)).parts}
    assert gains == {"Viola": 0.0, "Piano": -6.0}


def test_nothing_is_followed(trio: Path) -> None:
    both = read(trio, ("none",), play=("all",))
    assert not both.follows and names(both) == ["Violin", "Viola", "Piano"]
    assert both.solo.note_quarter.min() > 1000
    assert both.onset_quarter.tolist() == [0, 4, 8, 12]
    assert names(read(trio, ("none",))) == ["Violin", "Viola", "Piano"]


def test_a_score_that_simply_plays_ends_where_its_last_note_has_a_fermata(tmp_path: Path) -> None:
    held = "<notations><fermata/></notations>"
    path = tmp_path / "held.musicxml"
    path.write_text(musicxml([note("C4", 2) + note("E4", 2, held)], names=["Flute"]))
    accompanist = Accompanist(AccompanyConfig(accompaniment=read(path, ("none",))), RATE)
    second = np.zeros((RATE, 1), np.float32)
    played = [event for _ in range(10) for event in accompanist.process(second, [])]
    assert accompanist.finished and played


def test_a_score_of_one_part_can_be_played_but_not_accompanied(tmp_path: Path) -> None:
    path = tmp_path / "one.musicxml"
    path.write_text(musicxml(BARS, names=["Flute"]))
    assert names(read(path, ("none",))) == ["Flute"]
    with pytest.raises(ScoreError, match=r"a second part to play.*Flute"):
        read(path, ())


@pytest.mark.parametrize(
    ("solo", "players", "said"),
    [
        ("Oboe", {}, r"Violin \(P1\), Viola \(P2\), Piano \(P3\)"),
        ("Violin", {"mute": ("Oboe",)}, "Oboe"),
        ("Violin", {"play": ("Oboe",)}, "Oboe"),
        ("Violin", {"gains_db": (("Oboe", 1.0),)}, "Oboe"),
        ("Violin", {"mute": ("Viola", "Piano")}, "a part that plays"),
    ],
)
def test_one_line_for_what_is_not_there(trio: Path, solo: str, players: dict[str, Any], said: str) -> None:
    with pytest.raises(ScoreError, match=said):
        read(trio, (solo,), **players)


def test_more_parts_than_channels_share_by_instrument(tmp_path: Path) -> None:
    path = tmp_path / "many.musicxml"
    names = [f"Flute {i}" for i in range(10)] + [f"Cello {i}" for i in range(10)]
    path.write_text(musicxml(*[BARS] * 20, names=names))
    both = read_accompaniment(path, ["Flute 0"])
    channels = {(part.name.split()[0], part.channel, part.program) for part in both.parts}
    assert len(channels) == 2


def test_a_loop_is_those_bars_again_and_again(trio: Path) -> None:
    both = read_accompaniment(trio, ["Violin"], loop=BarRange(2, 3))
    assert both.solo.note_pitch[:6].tolist() == [62, 64] * 3
    assert both.solo.note_quarter[:6].tolist() == [0, 4, 8, 12, 16, 20]
    assert both.solo.bar_number[:6].tolist() == [2, 3] * 3
    assert both.onset_quarter[:4].tolist() == [0, 4, 8, 12]
    assert both.solo.end_quarter > 1000 and np.isfinite(both.solo.wrap).all()
    assert both.beats is not None
    assert both.beats.first[:9].tolist() == [True, False, False, False] * 2 + [True]


def test_a_loop_cuts_what_rings_on(tmp_path: Path) -> None:
    path = tmp_path / "tied.musicxml"
    tied = [note("C4", 4, '<tie type="start"/>'), note("C4", 4, '<tie type="stop"/>'), note("D4", 4)]
    path.write_text(musicxml(tied, tied, names=["Solo", "Piano"]))
    both = read_accompaniment(path, loop=BarRange(1, 1))
    assert both.solo.note_duration[0] == 4.0


@pytest.mark.parametrize("bars", [BarRange(3, 9), BarRange(0, 2)])
def test_a_loop_outside_the_score(trio: Path, bars: BarRange) -> None:
    with pytest.raises(ScoreError, match=r"--loop.*bars from 1 to 4"):
        read_accompaniment(trio, ["Violin"], loop=bars)


@pytest.mark.parametrize(("text", "bars"), [("5-8", BarRange(5, 8)), ("7", BarRange(7, 7)), (" 1 - 2", BarRange(1, 2))])
def test_bars_of_a_loop(text: str, bars: BarRange) -> None:
    assert parse_bars(text) == bars


@pytest.mark.parametrize("text", ["8-5", "a-b", "", "1-2-3", "-"])
def test_what_is_no_loop(text: str) -> None:
    with pytest.raises(ScoreError, match="bars such as 5-8"):
        parse_bars(text)


def test_staccato_notes_are_short_and_stay_as_long_as_written(tmp_path: Path) -> None:
    def mark(*names: str) -> str:
        inside = "".join(f"<{name}/>" for name in names)
        return f"<notations><articulations>{inside}</articulations></notations>"

    path = tmp_path / "short.musicxml"
    names = (("staccato",), ("staccatissimo",), ("staccato", "tenuto"), ())
    bar = "".join(note("C4", 1, mark(*each)) for each in names)
    path.write_text(musicxml([note("C4", 4)], [bar], names=["Solo", "Piano"]))
    both = read_accompaniment(path)
    plan = play_plan(both, metronome=False)
    ends = [float(both.solo.quarter(moment.notes[0].end_s)) - moment.quarter for moment in plan]
    assert ends == pytest.approx([0.5, 0.33, 0.75, 1.0])
    assert both.parts[0].score.note_duration.tolist() == [1, 1, 1, 1]


def test_an_upbeat_is_counted_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "upbeat.musicxml"
    bars = [note("C4", 1), note("D4", 3), rest(3)]
    numbers = ['number="0" implicit="yes"', 'number="1"', 'number="2"']
    path.write_text(musicxml(bars, bars, names=["Solo", "Piano"], numbers=numbers, first=attributes(beats=3)))
    beats = read_accompaniment(path).beats
    assert beats is not None
    assert list(zip(beats.quarter.tolist(), beats.first.tolist(), strict=True)) == [
        (0, False),
        (1, True),
        (2, False),
        (3, False),
    ]
