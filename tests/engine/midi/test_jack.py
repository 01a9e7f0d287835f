"""Through a real JACK server: frames to the sample, and a killed generator leaves silence."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from cli.app import main
from cli.terminal.stopping import USER_ERROR
from engine.core.errors import DeviceError
from engine.midi.notes import note_off, note_on
from engine.midi.port import MidiConfig
from engine.midi.process import MidiProcess, panic
from tests.engine.midi.probe import MidiProbe
from tests.jack_server import JackServer
from tests.places import ROOT

pytestmark = pytest.mark.jack
CONFIG = MidiConfig(name="colla", backend="jack")
CHORD = (60, 64, 67, 72)


@pytest.fixture(scope="module")
def server() -> Iterator[JackServer]:
    if missing := JackServer.missing():
        pytest.skip(missing)
    with JackServer(period=256) as running:
        yield running


def test_every_note_and_tick_comes_at_its_frame(server: JackServer) -> None:
    step, n = 6000, 24  # sixteenths at 120
    probe = MidiProbe("colla:out")
    with MidiProcess(CONFIG) as port:
        probe.connected()
        first = port.now() + 12_000
        port.start_clock(first, 120)
        for k in range(n):
            port.send(first + k * step, note_on(0, 60 + k, 80))
            port.send(first + k * step + step // 2, note_off(0, 60 + k))
        time.sleep(n * step / 48000 + 0.5)
    heard = probe.heard()
    notes = [(frame, m) for frame, m in heard if m[0] & 0xF0 == 0x90]
    zero = notes[0][0]
    if port.report["n_lost_cycles"]:  # the server itself had no time: what came, came in order and once
        pitches = [m[1] for _, m in notes]
        assert pitches == sorted(set(pitches) & {60 + k for k in range(n)})
    else:
        assert [m[1] for _, m in notes] == [60 + k for k in range(n)]
        assert [frame - zero for frame, _ in notes] == [k * step for k in range(n)]
        ticks = [frame - zero for frame, m in heard if m[0] == 0xF8]
        assert ticks == [k * 1000 for k in range(len(ticks))]
        assert len(ticks) > n * step // 1000


SILENCE = {bytes((0xB0, 123, 0)), bytes((0xB0, 64, 0))}  # all notes off, pedal up

GENERATOR = """
import signal
import time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has children in the background ignore
from engine.midi.port import MidiConfig
from engine.midi.notes import note_on
from engine.midi.process import MidiProcess
port = MidiProcess(MidiConfig(name="colla", backend="jack"))
print("open", flush=True)
input()
for stroke in range(5):  # a loaded machine may lose a cycle, and what was in it
    now = port.now() + 2400
    for pitch in (60, 64, 67, 72):
        port.send(now, note_on(0, pitch, 80))
        port.send(now + 480000, note_on(0, pitch + 1, 80))
    time.sleep(0.1)
print("sounding", flush=True)
time.sleep(60)
"""


def all_is_over(messages: list[tuple[int, bytes]]) -> bool:
    """Whether every note of the chord has ended, and the port has been silenced."""
    last = {m[1]: m[0] for _, m in messages if m[0] in (0x80, 0x90)}
    return {m for _, m in messages} > SILENCE and all(last.get(pitch) == 0x80 for pitch in CHORD)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_generator_leaves_no_note(server: JackServer, how: signal.Signals) -> None:
    generator = subprocess.Popen(
        [sys.executable, "-c", GENERATOR], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert generator.stdin is not None and generator.stdout is not None
    assert generator.stdout.readline().strip() == "open"
    probe = MidiProbe("colla:out")
    probe.connected()
    generator.stdin.write("\n")
    generator.stdin.flush()
    assert generator.stdout.readline().strip() == "sounding"
    generator.send_signal(how)
    probe.until(all_is_over)
    heard = [m for _, m in probe.heard()]
    generator.wait(10)
    struck = {m[1] for m in heard if m[0] == 0x90}
    assert struck == set(CHORD)  # and none of those that waited
    for pitch in CHORD:
        assert [m[0] for m in heard if m[0] in (0x80, 0x90) and m[1] == pitch][-1] == 0x80
    assert set(heard) > SILENCE


def test_panic_reaches_every_synthesiser_that_is_there(server: JackServer) -> None:
    """The receiver connects to nothing: panic finds it, and ends when everything has arrived."""
    probe = MidiProbe("no such:port")
    assert panic(CONFIG) == ["probe:in"]
    heard = [m for _, m in probe.heard()]
    off = {bytes((0x80 | c, pitch, 64)) for c in range(16) for pitch in range(128)}
    quiet = {bytes((0xB0 | c, k, 0)) for c in range(16) for k in (123, 120, 64)}
    if not probe.skipped:  # else the server itself lost cycles
        assert set(heard) == off | quiet
        assert len(heard) == len(off | quiet)


@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="FluidSynth is not installed")
def test_panic_reaches_a_synthesiser_of_others(server: JackServer, capfd: pytest.CaptureFixture) -> None:
    words = ["fluidsynth", "-a", "jack", "-m", "jack", "-i", "-s", "-q"]
    synth = subprocess.Popen([*words, "-o", "midi.jack.id=synth"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while "synth" not in subprocess.run(["jack_lsp"], capture_output=True, text=True, check=True).stdout:
            time.sleep(0.1)
        assert main(["midi", "panic", "--port", "Bach", "--backend", "jack"]) == 0
    finally:
        synth.kill()
        synth.wait()
    assert "16 channels of " in capfd.readouterr().out


@pytest.mark.parametrize("words", [[], ["--to", "nobody"]])
def test_panic_says_that_nobody_is_there(server: JackServer, capfd: pytest.CaptureFixture, words: list[str]) -> None:
    assert main(["midi", "panic", "--backend", "jack", *words]) == USER_ERROR
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("collaparte: ")]
    assert "got nobody" in line


def test_a_port_that_is_not_there(server: JackServer) -> None:
    with pytest.raises(DeviceError, match="no such synthesiser"):
        MidiProcess(MidiConfig(name="colla", backend="jack", to="no such synthesiser"))
