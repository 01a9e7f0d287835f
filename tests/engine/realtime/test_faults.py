"""Faults on a real server: it dies and comes back, the disk is full, the user or the system ends the session."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from engine.audio.devices import Device
from engine.core.errors import DeviceError
from engine.core.events import Dropout
from engine.realtime.session import SessionConfig
from tests.engine.realtime.live import PATIENCE_S, Live
from tests.jack_server import JackServer
from tests.places import ROOT

pytestmark = pytest.mark.jack

OWN = Device(backend="jack", connect=False)
BY_PORTAUDIO = Device(backend="portaudio", name="system")


@pytest.mark.parametrize("device", [OWN, BY_PORTAUDIO], ids=["jack", "portaudio"])
def test_session_outlives_its_server(own_server: JackServer, tmp_path: Path, device: Device) -> None:
    """Killed in the middle: recording and clock go on when the server is back, with one Dropout for the gap."""
    config = SessionConfig(source=device, sink=device, record_to=tmp_path, events_to=str(tmp_path / "events.jsonl"))
    with Live(config) as live:
        live.running(20_000)
        before = live.now.now
        own_server.kill()
        live.wait(lambda: live.now.state == "waiting", "notice")
        own_server.start()
        live.wait(lambda: live.now.counts.n_samples >= before + 40_000, "sound again")
        report = live.stop()
    assert (report.n_restarts, report.ended) == (1, "stopped")
    gaps = [event for event in live.events if isinstance(event, Dropout) and event.where == "device"]
    assert len(gaps) == 1 and gaps[0].samples == report.gaps
    assert before <= gaps[0].at <= report.n_samples - gaps[0].samples - 20_000
    assert soundfile.info(tmp_path / "input.wav").frames == report.n_samples
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line for line in lines if line.get("where") == "device"]


def test_without_restart_the_session_ends_with_its_server(own_server: JackServer, tmp_path: Path) -> None:
    with Live(SessionConfig(source=OWN, record_to=tmp_path, restart=False)) as live:
        live.running(10_000)
        own_server.kill()
        report = live.ended()
    assert report.ended == "device"
    assert soundfile.info(tmp_path / "input.wav").frames == report.n_samples >= 10_000


def test_stop_while_the_server_is_gone(own_server: JackServer) -> None:
    with Live(SessionConfig(source=OWN, sink=OWN)) as live:
        live.running()
        own_server.kill()
        live.wait(lambda: live.now.state == "waiting", "notice")
        report = live.stop()
    assert report.ended == "stopped"


def test_a_stream_that_the_device_refuses(server: JackServer) -> None:
    with (
        pytest.raises(DeviceError, match="16 input channels, got 2"),
        Live(SessionConfig(source=Device(name="system", n_channels=16))) as live,
    ):
        live.ended()


def test_full_disk_ends_the_recording_and_sound_goes_on(server: JackServer, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Live(SessionConfig(source=OWN, sink=OWN, record_to=tmp_path)) as live:
            live.running()
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
            live.wait(lambda: any("room on the disk" in message for message in live.messages), "a full disk")
            live.running(10_000)
            report = live.stop()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "room on the disk" in report.recording_error
    assert sum("room on the disk" in message for message in live.messages) == 1
    assert 0 < soundfile.info(tmp_path / "input.wav").frames <= 100_000 // 8


SCRIPT = """
import sys
from pathlib import Path
from engine.audio.devices import Device
from engine.realtime.session import Session, SessionConfig
device = Device(backend="jack", connect=False)
config = SessionConfig(source=device, sink=device, record_to=Path(sys.argv[1]), events_to=sys.argv[1] + "/events.jsonl")
report = Session(config).run(on_status=lambda status: print(status.state, status.now, flush=True))
print("report", report.ended, report.n_samples, flush=True)
"""


def engines_of(process: subprocess.Popen[str]) -> list[int]:
    """The engine processes of a session."""
    listed = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False).stdout
    return [int(line) for line in listed.split()]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_signals(server: JackServer, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end in order; after a kill the engine leaves by itself and the recording can be read."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    for line in process.stdout:
        state, now = line.split()[:2]
        if state == "running" and int(now) > 100_000:
            break
    engines = engines_of(process)
    assert len(engines) == 1
    process.send_signal(number)
    rest = process.stdout.read().splitlines()
    code = process.wait(PATIENCE_S)
    frames = soundfile.info(tmp_path / "input.wav").frames
    if number is signal.SIGKILL:
        assert frames >= 48_000
    else:
        assert code == 0
        assert rest[-1] == f"report stopped {frames}"
    deadline = time.monotonic() + PATIENCE_S
    while any(alive(engine) for engine in engines):
        assert time.monotonic() < deadline, "the engine process stays"
        time.sleep(0.02)
