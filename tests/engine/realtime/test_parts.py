"""The parts of the main process, without a device: watchdog, recorder, settings."""

from __future__ import annotations

import os
import resource
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.devices import Device, list_devices
from engine.audio.files import StemWriter
from engine.core.errors import AudioFileError, ConfigError, DeviceError
from engine.core.format import AudioFormat
from engine.core.shared_memory import Layout, SharedMemory, anonymous_file
from engine.realtime.recorder import Recorder
from engine.realtime.session import Session, SessionConfig
from engine.realtime.subprocess_link import Watchdog

RAMP = np.arange(1, 20_001, dtype=np.float32)[:, None] * np.array([1e-5, -1e-5], np.float32)


def memory(rows: int = 50_000) -> SharedMemory:
    descriptor = anonymous_file()
    made = SharedMemory(descriptor, Layout(record_rows=rows, record_width=2, event_bytes=1000), create=True)
    os.close(descriptor)
    return made


def recorder(folder: Path, skip: int = 0) -> Recorder:
    audio = AudioFormat(sample_rate=48000, n_channels=2)
    return Recorder(StemWriter(folder, ("input",), audio, skip=skip), 1, 2)


def watched(counts: list[int], step_s: float, block_s: float = 0.01) -> int | None:
    """The look at which the watchdog barks."""
    dog = Watchdog(0.1, block_s)
    dog.look(0, 0.0)
    for turn, count in enumerate(counts):
        if dog.look(count, (turn + 1) * step_s):
            return turn
    return None


def test_watchdog_barks_within_150_ms() -> None:
    counts = [*range(1, 51), *[50] * 50]
    barked = watched(counts, 0.01)
    assert barked is not None and 0.1 <= (barked - 49) * 0.01 <= 0.15


@pytest.mark.parametrize("block_s", [0.0013, 0.0107, 0.0213, 0.0427, 0.0929])
def test_watchdog_lets_long_blocks_pass(block_s: float) -> None:
    assert watched([int(0.01 * turn / block_s) for turn in range(500)], 0.01, block_s) is None


def test_watchdog_forgives_a_stall_of_its_own() -> None:
    """The machine stood still for a second, callbacks and watchdog alike: no reason to bark."""
    dog = Watchdog(0.1, 0.01)
    assert not any(dog.look(turn, 0.01 * turn) for turn in range(10))
    assert not dog.look(9, 1.2)
    assert not dog.look(10, 1.21)


def test_recording_lines_up_over_a_gap(tmp_path: Path) -> None:
    """Two engine processes, 1,000 samples without a device between them, a latency of 300."""
    first, second, taken = memory(), memory(), recorder(tmp_path, skip=300)
    taken.attach(first)
    first.record.write(RAMP[:5300])
    taken.detach()
    taken.line_up(6000)
    taken.attach(second)
    second.record.write(RAMP[:2300])
    taken.detach()
    taken.close()
    written, _ = soundfile.read(tmp_path / "input.wav", dtype="float32")
    expected = np.concatenate([RAMP[300:5300], np.zeros((700, 2), np.float32), RAMP[:2300]])
    assert np.array_equal(written, expected)


def test_a_long_gap_is_skipped_at_once(tmp_path: Path) -> None:
    """Nobody waits until hours of silence are written; the disk need not hold them either."""
    first, second, taken = memory(), memory(), recorder(tmp_path)
    first.record.write(RAMP[:5000])
    taken.attach(first)
    taken.detach()
    n = 40_000_000
    taken.line_up(n)
    second.record.write(RAMP[:100])
    taken.attach(second)
    taken.detach()
    taken.close()
    with soundfile.SoundFile(tmp_path / "input.wav") as file:
        assert file.frames == n + 100
        assert np.array_equal(file.read(5000, dtype="float32"), RAMP[:5000])
        assert not file.read(10_000, dtype="float32").any()
        file.seek(n)
        assert np.array_equal(file.read(dtype="float32"), RAMP[:100])


def test_what_comes_twice_is_dropped(tmp_path: Path) -> None:
    ring, taken = memory(), recorder(tmp_path)
    taken.attach(ring)
    ring.record.write(RAMP[:5000])
    taken.detach()
    taken.line_up(4000)
    taken.attach(ring)
    ring.record.write(RAMP[:3000])
    taken.detach()
    taken.close()
    written, _ = soundfile.read(tmp_path / "input.wav", dtype="float32")
    assert np.array_equal(written, np.concatenate([RAMP[:5000], RAMP[1000:3000]]))


def test_failing_disk_ends_the_recording_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring, taken = memory(), recorder(tmp_path)
    taken.attach(ring)
    ring.record.write(RAMP[:5000])
    taken.detach()

    def full(self: StemWriter, stems: object, end: int | None = None) -> None:
        raise AudioFileError("x.wav", expected="room on the disk", got="No space left on device")

    monkeypatch.setattr(StemWriter, "write", full)
    taken.attach(ring)
    for _ in range(3):
        ring.record.write(RAMP[:5000])
        taken.detach()
        taken.attach(ring)
        assert ring.record.n_readable == 0
    taken.close()
    assert taken.error == "x.wav: expected room on the disk, got No space left on device"
    written, _ = soundfile.read(tmp_path / "input.wav", dtype="float32")
    assert np.array_equal(written, RAMP[:5000])


def test_a_recording_goes_on_in_its_place_when_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came while the disk was full is silent, or there as far as it went; its samples are told."""
    ring, taken = memory(), recorder(tmp_path, skip=300)
    monkeypatch.setattr("engine.realtime.recorder.AGAIN_S", 0.0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for limit in (limits[0], 8 * 4000, limits[0]):  # as much as a full disk takes of the second block
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            taken.attach(ring)
            ring.record.write(RAMP[:3000])
            taken.detach()
            assert bool(taken.error) == (limit != limits[0])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    taken.close()
    assert list(taken.gaps(at_end=True)) == [range(3000, 6000)] and taken.n_missed == 3000
    written, _ = soundfile.read(tmp_path / "input.wav", dtype="float32")
    assert len(written) == 9000 - 300
    assert np.array_equal(written[:2700], RAMP[300:3000]) and np.array_equal(written[5700:], RAMP[:3000])
    assert not written[4000:5700].any()


def test_what_a_full_disk_lost_is_told_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring, taken = memory(), recorder(tmp_path)

    def full(self: StemWriter, stems: object, end: int | None = None) -> None:
        raise AudioFileError("x.wav", expected="room on the disk", got="No space left on device")

    monkeypatch.setattr(StemWriter, "write", full)
    taken.attach(ring)
    ring.record.write(RAMP[:5000])
    taken.detach()
    assert list(taken.gaps()) == []
    taken.close()
    assert list(taken.gaps(at_end=True)) == [range(5000)]


def test_recorder_keeps_up_from_another_thread(tmp_path: Path) -> None:
    ring, taken = memory(700), recorder(tmp_path)
    taken.attach(ring)
    left = RAMP
    while len(left):
        left = left[ring.record.write(left[:333]) :]
        threading.Event().wait(0.001)
    taken.close()
    written, _ = soundfile.read(tmp_path / "input.wav", dtype="float32")
    assert np.array_equal(written, RAMP)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"source": Path("a.wav")}, "file to file"),
        ({"source": Device(n_channels=2), "sink": Device(n_channels=1)}, "as many channels"),
        ({"source": Device(backend="jack"), "sink": Device()}, "both devices on one backend"),
        ({"source": Device(), "block": -1}, "block"),
        ({"source": Device(), "gains": {"input": 17}}, "gain of input"),
        ({"source": Device(), "slack_ms": float("nan")}, "slack_ms"),
        ({"source": Device(), "fifo_priority": 99}, "fifo_priority"),
    ],
)
def test_settings_out_of_range(settings: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        SessionConfig(**settings)  # type: ignore[arg-type]


def test_unknown_backend() -> None:
    with pytest.raises(ConfigError, match="one of portaudio, jack"):
        Device(backend="asio")
    with pytest.raises(ConfigError, match="one of portaudio, jack"):
        list_devices("asio")


@pytest.mark.parametrize("backend", ["jack", "portaudio"])
def test_no_device(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server and no card, or not even the library: one line says so, and nothing waits."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "no-such-server")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    device = Device(backend=backend, name="no such device")
    with pytest.raises(DeviceError, match="expected"):
        Session(SessionConfig(source=device)).run()


def test_unknown_gain_target() -> None:
    session = Session(SessionConfig(source=Device(), gains={"voice": 1.0}))
    with pytest.raises(ConfigError, match="one of harmonic, percussive"):
        session.gains(("harmonic", "percussive"))


def test_a_session_may_be_stopped_before_its_device_opens() -> None:
    """Control-C while the engine process still starts: an empty report, no traceback."""
    stop = threading.Event()
    stop.set()
    report = Session(SessionConfig(source=Device(backend="jack"), sink=Device(backend="jack"))).run(stop=stop)
    assert (report.ended, report.n_samples, report.targets, report.latency) == ("stopped", 0, (), None)
