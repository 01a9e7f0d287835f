"""The clock in JACK: each tick on the sample of its beat, jumps by song position, read by another's receiver."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise

import jack
import numpy as np
import pytest

from engine.midi.clock import CLOCK, CONTINUE, POSITION, STOP, song_position
from engine.midi.clock_follower import ClockFollower
from engine.midi.port import MidiConfig
from engine.score.score import make_score
from engine.stage.clocks.programs import programs_of_marks
from engine.stage.clocks.tick_outlet import TickOutlet, TickPort
from engine.stage.clocks.ticks import clock_ticks, timecode_ticks
from engine.stage.phase import PhaseConfig
from tests.engine.midi.probe import MidiProbe
from tests.engine.stage.clocks.session_in_jack import RATE, SessionInJack, played
from tests.jack_server import JackServer
from tests.stage_tools import needs_tool
from tests.tolerances import BEAT_S

pytestmark = pytest.mark.jack
BPM, JUMP_S, JUMP_QUARTERS, END_S = 120.0, 3.0, 40.0, 6.0
PORT = TickPort(MidiConfig(name="Clock", backend="jack", listen=False), clock_ticks())


@pytest.fixture
def outlet(server: JackServer) -> Iterator[TickOutlet]:
    said: list[str] = []
    made = TickOutlet(PORT, PhaseConfig(), said.append)
    yield made
    made.close()
    assert said == []


def with_a_jump(at_s: float) -> float:
    """Steady, then 40 quarters on."""
    return at_s * BPM / 60 + (JUMP_QUARTERS if at_s >= JUMP_S else 0.0)


def frame_now() -> int:
    with jack.Client("time", no_start_server=True) as client:
        return int(client.frame_time)


def readers(port: str) -> str:
    listed = subprocess.run(["jack_lsp", "-c", port], check=False, capture_output=True, text=True)
    return listed.stdout


def test_ticks_lie_on_the_beat_and_a_jump_is_told_by_song_position(outlet: TickOutlet) -> None:
    probe = MidiProbe("Clock:out")
    probe.connected()
    session = SessionInJack(frame_now())
    session.play(outlet, played(with_a_jump, 0.5, END_S))
    outlet.close()
    probe.until(lambda messages: bool(messages) and messages[-1][1][0] == STOP)
    heard = probe.heard()
    kinds = [message for _, message in heard if message[0] != CLOCK]
    begun, landed = kinds[0], kinds[3]
    assert begun[0] == landed[0] == song_position(1)[0]
    assert [message[0] for message in kinds] == [begun[0], CONTINUE, STOP, landed[0], CONTINUE, STOP]
    follower = ClockFollower(RATE)
    errors, ticks = [], []
    for frame, message in heard:
        at = frame - session.begin
        follower.take(at, message)
        if message[0] == CLOCK:
            ticks.append(at)
            position = follower.position(at)
            assert position is not None
            error = position * 60 / BPM - at / RATE
            errors.append(error - JUMP_QUARTERS * 60 / BPM * (position > JUMP_QUARTERS))
    if not probe.skipped:  # frames that a loaded machine left out take their ticks with them
        assert np.abs(errors).max() < BEAT_S
    assert all(b - a >= RATE * 60 / BPM / 24 / 2 - 1 for a, b in pairwise(ticks))
    assert follower.tempo_bpm == pytest.approx(BPM, rel=0.01)


def test_time_code_tells_the_scores_own_time(server: JackServer) -> None:
    score = make_score("s", [(q, 1.0, 60, 80) for q in range(40)], tempi=[(0.0, BPM)])
    midi = MidiConfig(name="Code", backend="jack", listen=False, timecode="25")
    said: list[str] = []
    outlet = TickOutlet(TickPort(midi, timecode_ticks(score, "25", hour=1)), PhaseConfig(), said.append)
    probe = MidiProbe("Code:out")
    probe.connected()
    session = SessionInJack(frame_now())
    session.play(outlet, played(lambda at_s: at_s * BPM / 60, 0.5, 2.5))
    outlet.close()
    probe.until(lambda messages: len(messages) > 100)
    heard = probe.heard()
    assert heard[0][1][:5] == bytes((0xF0, 0x7F, 0x7F, 1, 1))  # a full frame first
    pieces = [(frame - session.begin, message[1] >> 4, message[1] & 15) for frame, message in heard[1:]]
    for first in range(0, len(pieces) - 7, 8):
        values = [value for _, _, value in pieces[first : first + 8]]
        assert [piece for _, piece, _ in pieces[first : first + 8]] == list(range(8))
        frames, seconds, minutes, hours = (values[2 * k] | values[2 * k + 1] << 4 for k in range(4))
        assert (hours & 31, hours >> 5, minutes) == (1, 1, 0)
        if not probe.skipped:
            assert abs(seconds + frames / 25 - pieces[first][0] / RATE) < BEAT_S
    assert said == []


def test_another_receiver_reads_tempo_and_position(outlet: TickOutlet) -> None:
    tool = needs_tool("jack_mclk_dump", "jack-midi-clock")
    process = subprocess.Popen(["stdbuf", "-oL", tool, "-n", "Clock:out"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        while "mclk" not in readers("Clock:out"):
            assert process.poll() is None
        session = SessionInJack(frame_now())
        session.play(outlet, played(with_a_jump, 0.5, END_S))
        outlet.close()
    finally:
        process.terminate()
        rest = process.stdout.read()
        process.wait()
        process.stdout.close()
    events = [int(found, 16) for found in re.findall(r"EVENT \(0x(..)\)", rest)]
    assert [event for event in events if event != POSITION] == [CONTINUE, STOP, CONTINUE, STOP]
    tempi = [float(found) for found in re.findall(r"flt:\s*([\d.]+)\[BPM", rest)]
    assert len(tempi) > 24 * 8
    periods = [int(found) for found in re.findall(r"dt:\s*(\d+)\[sm", rest)]
    assert np.median(periods) == pytest.approx(RATE * 60 / BPM / 24, rel=0.01)
    assert int(re.findall(r"(\d+)\|\d+\|\d+ @", rest)[-1]) >= 12  # bars: 46 quarters and more


def test_programs_change_with_the_place(server: JackServer) -> None:
    """A mark a second after the beginning, and one where the music jumps to."""
    marks = [(2.0, "A"), (JUMP_QUARTERS + 2.0, "B")]
    score = make_score("marked", [(quarter, 1, 60, 80) for quarter in range(64)], marks=marks)
    said: list[str] = []
    outlet = TickOutlet(PORT._replace(programs=programs_of_marks(score, 2)), PhaseConfig(), said.append)
    try:
        probe = MidiProbe("Clock:out")
        probe.connected()
        session = SessionInJack(frame_now())
        session.play(outlet, played(with_a_jump, 0.5, END_S))
    finally:
        outlet.close()
    probe.until(lambda messages: sum(message[0] == STOP for _, message in messages) == 2)
    programs = [(frame - session.begin, message) for frame, message in probe.heard() if message[0] == 0xC2]
    assert said == [] and {message[1] for _, message in programs} <= {0, 1, 2}
    if not probe.skipped:  # frames that a loaded machine left out take their messages with them
        assert [message[1] for _, message in programs] == [0, 1, 2]
        assert abs(programs[1][0] / RATE - 1.0) < BEAT_S
