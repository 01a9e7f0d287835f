"""`collaparte generate --output jack` from the network to the recorded sound, until it is stopped or killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from offline.generation.cards import find_weights
from tests.engine.realtime.stage import LOUD, PATIENCE_S, Stage
from tests.jack_server import JackServer
from tests.places import ROOT

pytestmark = [
    pytest.mark.jack,
    pytest.mark.skipif(find_weights("Frames") is None, reason="no weights of Frames"),
]
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
