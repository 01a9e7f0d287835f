"""`collaparte accompany` on a real JACK server: as over a file, each note on its sample, and every note ends."""

from __future__ import annotations

import csv
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.accompaniment.accompanist import AccompanyConfig
from engine.accompaniment.ensemble import message_of
from engine.accompaniment.parts import read_accompaniment
from engine.accompaniment.stage_config import StageConfig
from engine.accompaniment.synthesiser import Synthesiser
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.core.events import Control, Note
from engine.core.format import AudioFormat
from offline.accompaniment.accompany import AccompanyJob, accompany_file
from offline.following.presets import follow_soloist
from tests.cli.live.live_accompaniment import WIRES, LiveAccompaniment, sounding
from tests.duos import make_duo
from tests.engine.midi.probe import MidiProbe
from tests.engine.realtime.stage import Stage
from tests.jack_server import JackServer

pytestmark = pytest.mark.jack

QUARTERS = 8
PIANO = bytes((0xC0, 0))  # the instrument of the accompaniment
BUILT_IN = SynthesiserConfig(engine="built-in")
WORDS = ("--engine", "built-in", "--features", "bands", "--port", "Orchestra", "--accompaniment-gain", "0")
THROUGH_JACK_S = 0.002  # of a run through JACK against that over a file, as is asked


@pytest.fixture(scope="module")
def server() -> Iterator[JackServer]:
    """One that survives a busy machine: with a long period, and a real-time priority where that is permitted."""
    if missing := JackServer.missing():
        pytest.skip(missing)
    with JackServer(period=1024, realtime=True) as running:
        yield running


@pytest.fixture(scope="module")
def duo(server: JackServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_duo(tmp_path_factory.mktemp("duo"), server.rate, quarters=QUARTERS)


def over(live: LiveAccompaniment) -> bool:
    """Whether its last onset has sounded and every note has ended."""
    played = live.events("accompanied")
    return bool(played) and played[-1]["quarter"] == QUARTERS - 1 and not live.n_sounding


def test_a_run_through_jack_is_the_run_over_a_file(server: JackServer, duo: Path, tmp_path: Path) -> None:
    """Solo in as sound, MIDI and sound out; a loaded machine may leave out cycles: twice more in that case."""
    solo = soundfile.read(duo / "solo.wav", dtype="float32")[0]
    for chances in (2, 1, 0):
        report = ("--report", str(tmp_path / "report.csv"))
        with (
            LiveAccompaniment(duo, tmp_path, "--output", "jack", *WORDS, *report) as live,
            Stage(solo, tmp_path) as stage,
        ):
            live.wire(server)
            stage.play()
            live.until(lambda: over(live), "the last note")
            live.stop()
            recorded = stage.recorded()
        lost = [*recorded["skipped"].tolist(), *(line for line in live.lines if "samples" in line)]
        if not lost:
            break
        assert chances, f"the server had no time for three runs: {lost}"
    played, rate = live.played(server.rate), server.rate
    origin = each_note_on_its_sample(recorded["midi"], [event for event in played if isinstance(event, Note)])
    sounds_as_rendered(recorded, played, rate, origin)
    total, device = latency(live, server)
    begin = int(recorded["start"]) - (origin - (total - device))
    with (tmp_path / "report.csv").open() as file:
        assert [(row["bar"], row["remark"]) for row in csv.DictReader(file)] == [("1", ""), ("2", "")]
    as_over_a_file(live, duo / "score.mid", np.pad(solo, (begin, 0)), total, rate)


def each_note_on_its_sample(midi: np.ndarray, notes: list[Note]) -> int:
    """Return the frame of sample 0 of what is played."""
    assert len(notes) == 2 * QUARTERS
    midi = midi[midi[:, 1] & 0xE0 == 0x80][: len(notes)]
    received = sorted((int(frame), bytes(map(int, rest))) for frame, *rest in midi)
    sent = sorted((note.at, message_of(note)) for note in notes)
    assert [message for _, message in received] == [message for _, message in sent]
    late = {frame - at for (frame, _), (at, _) in zip(received, sent, strict=True)}
    assert len(late) == 1, late
    return late.pop()


def sounds_as_rendered(recorded: dict[str, np.ndarray], played: list[Note | Control], rate: int, origin: int) -> None:
    """What was recorded is, to the sample and bit, what the synthesiser makes of what was played."""
    synth = Synthesiser(AudioFormat(sample_rate=rate, n_channels=2), BUILT_IN)
    synth.program(0, 0)
    for event in played:
        synth.send(event.at, message_of(event))
    begin, end = played[0].at, played[-1].at
    expected = synth.render(end)[begin:, 0]
    at = begin + origin - int(recorded["first"])
    assert np.abs(expected).max() > 0.01
    assert np.array_equal(recorded["sound"][at : at + len(expected)], expected)


def latency(live: LiveAccompaniment, server: JackServer) -> tuple[int, int]:
    """Return the declared latency and, of that, JACK's own, which is whole periods, in samples."""
    first = live.events("accompanied")[0]
    total = round((scheduled(live)[0][1] - first["at_s"]) * server.rate)
    (device_ms,) = (m[1] for line in live.lines if (m := re.match(r"latency .* device ([\d.]+)", line)))
    return total, server.period * round(float(device_ms) * server.rate / 1000 / server.period)


def scheduled(live: LiveAccompaniment) -> list[tuple[float, float]]:
    with live.scheduled.open() as file:
        return [(float(row["quarter"]), float(row["audio_s"])) for row in csv.DictReader(file)]


def as_over_a_file(live: LiveAccompaniment, score: Path, solo: np.ndarray, total: int, rate: int) -> None:
    """What was played is what is played over a file, with a device of the same latency imitated."""
    path = live.scheduled.with_name("solo_as_heard.wav")
    soundfile.write(path, np.stack([solo, solo], axis=1), rate, subtype="FLOAT")
    stage = StageConfig(latency_s=total / rate)
    accompany = AccompanyConfig(accompaniment=read_accompaniment(score), stage=stage)
    offline = accompany_file(AccompanyJob(input=path, accompany=accompany, follow=follow_soloist("bands"))).played
    assert [quarter for quarter, _ in scheduled(live)] == [quarter for quarter, _ in offline]
    assert np.abs(np.subtract(scheduled(live), offline)).max() < THROUGH_JACK_S


def test_a_killed_guard_is_replaced_and_ends_the_notes_of_a_killed_port(
    server: JackServer, duo: Path, tmp_path: Path
) -> None:
    solo = soundfile.read(duo / "solo.wav", dtype="float32")[0]
    with LiveAccompaniment(duo, tmp_path, *WORDS) as live, Stage(solo, tmp_path) as stage:
        live.wire(server, WIRES[:2])
        probe = MidiProbe("Orchestra:out")
        probe.connected()
        first = live.processes()["guard"]
        os.kill(first, signal.SIGKILL)
        live.until(lambda: live.processes().get("guard", first) != first, "another guard")
        stage.begin()
        probe.until(lambda messages: len(sounding(messages)) > 0 and len(messages) > 2)
        os.kill(live.processes()["port"], signal.SIGKILL)
        probe.until(lambda messages: not sounding(messages))
        probe.heard()


@pytest.mark.parametrize("victim", ["main", "engine", "port"])
def test_a_killed_process_leaves_no_note(server: JackServer, duo: Path, tmp_path: Path, victim: str) -> None:
    solo = soundfile.read(duo / "solo.wav", dtype="float32")[0]
    with LiveAccompaniment(duo, tmp_path, *WORDS) as live, Stage(solo, tmp_path) as stage:
        live.wire(server, WIRES[:2])
        probe = MidiProbe("Orchestra:out")
        probe.connected()
        stage.begin()
        probe.until(lambda messages: len(sounding(messages)) > 0 and len(messages) > 2)
        assert probe.messages[0][1] == PIANO  # before the first note
        os.kill(live.processes()[victim], signal.SIGKILL)
        probe.until(lambda messages: bytes((0xB0, 123, 0)) in [m for _, m in messages] and not sounding(messages))
        probe.heard()
