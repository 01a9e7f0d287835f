"""`collaparte generate --output jack` from the network to the recorded sound, until it is stopped or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from offline.generation.cards import find_weights
from tests.cli.live.live_accompaniment import sounding
from tests.engine.midi.probe import MidiProbe
from tests.engine.realtime.stage import LOUD, PATIENCE_S, Stage
from tests.jack_server import JackServer
from tests.places import ROOT

pytestmark = [
    pytest.mark.jack,
    pytest.mark.skipif(find_weights("Frames") is None, reason="no weights of Frames"),
]
ENDED = bytes((0xB0, 123, 0))  # all notes off
COMMAND = [sys.executable, "-m", "cli", "generate", "--model", "Frames", "--output", "jack", "--tempo", "120"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_music_sounds_until_it_is_ended(server: JackServer, tmp_path: Path, how: signal.Signals) -> None:
    playing = subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        with Stage(np.zeros(1, np.float32), tmp_path) as stage:
            server.connect("collaparte:out_1", "recorder:in", within_s=PATIENCE_S)
            stage.wait_for("sound")
            playing.send_signal(how)
            stage.wait_for("silence")
            code = playing.wait(PATIENCE_S)
            recorded = stage.recorded()
    finally:
        playing.kill()
        playing.wait()
    assert code == (0 if how == signal.SIGINT else -how)
    assert np.isfinite(recorded["sound"]).all()
    assert LOUD < np.abs(recorded["sound"]).max() < 1


def test_a_killed_port_leaves_no_note_and_the_music_goes_on(server: JackServer) -> None:
    command = [*COMMAND[: COMMAND.index("--output")], "--port", "Bach", "--tempo", "120"]
    playing = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert playing.stdout is not None and playing.stdout.readline().startswith("playing to Bach")
        probe = MidiProbe("Bach:out")
        probe.connected()
        probe.until(lambda messages: len(sounding(messages)) >= 2)
        os.kill(port_of(playing.pid), signal.SIGKILL)
        probe.until(lambda messages: ENDED in [m for _, m in messages] and not sounding(messages))
        probe.heard()
        again = MidiProbe("Bach:out")
        again.connected()
        again.until(lambda messages: len(sounding(messages)) >= 2)
        playing.send_signal(signal.SIGINT)
        again.until(lambda messages: not sounding(messages))
        again.heard()
        assert playing.wait(PATIENCE_S) == 0
    finally:
        playing.kill()
        playing.wait()


def port_of(pid: int) -> int:
    """The process of the port, which is started first; the guard's is second."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
