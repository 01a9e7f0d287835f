"""A live accompaniment on a JACK server while the machine is busy: timing, cost, memory, and what a kill leaves.

    python -m benchmarks.accompaniment [seconds]

Ten minutes (600) show what an hour would: memory that stays, no note left, no drop-out.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jack
import numpy as np
import numpy.typing as npt
import soundfile

from benchmarks.generators import burning
from benchmarks.rows import Row
from engine.accompaniment.ensemble import message_of
from engine.accompaniment.synthesiser import SYNTH_GRID, Synthesiser
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.core.events import Control, Note
from engine.core.format import AudioFormat
from tests.cli.live.live_accompaniment import WIRES, LiveAccompaniment, sounding
from tests.duos import BPM, make_duo
from tests.engine.midi.probe import MidiProbe
from tests.engine.realtime.stage import Stage
from tests.jack_server import JackServer

RATE, PERIOD = 48000, 1024  # notes are exact at any period, and a long one survives stalls of the machine
CHORD = tuple(range(33, 33 + 3 * 16, 3))  # 16 keys, two voices each in the usual soundfonts
WORDS = ("--port", "Orchestra", "--output", "jack", "--accompaniment-gain", "0")
KILL_PERIOD, N_KILLS = 256, 3
NEAR = 4 * PERIOD  # samples within which a message is the one that was sent
NEVER = -(1 << 60)
TICKS = os.sysconf("SC_CLK_TCK")


def rows(seconds: float) -> Iterator[Row]:
    """All rows of this page."""
    if missing := JackServer.missing():
        print(f"  no accompaniment: {missing}")
        return
    with JackServer(rate=RATE, period=PERIOD, realtime=True) as server, tempfile.TemporaryDirectory() as folder:
        yield from _played(server, Path(folder), seconds)
    with JackServer(rate=RATE, period=KILL_PERIOD, realtime=True) as server, tempfile.TemporaryDirectory() as folder:
        duo = make_duo(Path(folder), RATE, quarters=16, chord=CHORD[:4])
        for victim in ("main", "engine", "port"):
            yield _killed(server, duo, victim)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a process has used: processor seconds, and megabytes that it holds."""

    cpu_s: float
    rss_mb: float


def use(pid: int) -> Use:
    """Read it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Use(cpu_s=(int(fields[11]) + int(fields[12])) / TICKS, rss_mb=pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def _played(server: JackServer, folder: Path, seconds: float) -> Iterator[Row]:
    """Play a steady duo under load; its sound and notes are recorded."""
    quarters = round(seconds * BPM / 60)
    duo = make_duo(folder, RATE, quarters=quarters, chord=CHORD)
    solo = soundfile.read(duo / "solo.wav", dtype="float32")[0]
    with LiveAccompaniment(duo, folder, *WORDS) as live, Stage(solo, folder) as stage, burning(1):
        live.wire(server)
        stage.begin()
        live.until(lambda: len(live.events("accompanied")) > 8, "its first notes")
        ids, before, began_s = live.processes(), {}, time.monotonic()
        before = {name: use(pid) for name, pid in ids.items()}
        stage.end()
        after = {name: use(pid) for name, pid in ids.items()}
        lasted_s = time.monotonic() - began_s
        live.until(lambda: _is_over(live, quarters), "the last note")
        live.stop()
        recorded = stage.recorded()
    yield from _jitter(live, recorded, seconds)
    yield _cost(before, after, lasted_s)
    yield _memory(before, after, lasted_s)


def _is_over(live: LiveAccompaniment, quarters: int) -> bool:
    played = live.events("accompanied")
    return bool(played) and played[-1]["quarter"] == quarters - 1 and not live.n_sounding


def _as_run(recorded: dict[str, Any]) -> dict[str, Any]:
    """Return a recording without the frames that the server never ran: for every client they do not exist."""
    midi, sound, first = recorded["midi"].copy(), recorded["sound"], int(recorded["first"])
    for begin, end in recorded["skipped"][::-1]:
        midi[midi[:, 0] >= end, 0] -= end - begin
        sound = np.delete(sound, slice(begin - first, end - first))
    return {**recorded, "midi": midi, "sound": sound}


def _delays(played: list[Note | Control], midi: Any) -> npt.NDArray[np.int64]:
    """Return by how much each message that arrived came after its sample.

    A message is that of the same bytes which came nearest to its time, as most are late; one without is lost.
    """
    received: dict[bytes, list[int]] = {}
    for frame, *message in midi.tolist():
        received.setdefault(bytes(message), []).append(frame)
    sent: dict[bytes, list[int]] = {}
    for event in played:
        sent.setdefault(message_of(event), []).append(event.at)
    usual = int(np.median([received[message][0] - ats[0] for message, ats in sent.items() if message in received]))
    delays = [
        _nearest(np.array(ats) + usual, np.array(received.get(message, [NEVER]))) for message, ats in sent.items()
    ]
    return np.concatenate(delays) + usual


def _nearest(due: npt.NDArray[np.int64], came: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return by how much what came nearest to each time came after it, for those to which anything came near."""
    after = np.clip(np.searchsorted(came, due), 1, max(1, len(came) - 1))
    near = [came[after - 1], came[np.minimum(after, len(came) - 1)]]
    late = np.where(np.abs(near[0] - due) <= np.abs(near[1] - due), near[0], near[1]) - due
    return np.asarray(late[np.abs(late) < NEAR])


def _jitter(live: LiveAccompaniment, recorded: dict[str, Any], seconds: float) -> Iterator[Row]:
    """When each note left, and sounded, against when it was scheduled."""
    played, recorded = live.played(RATE), _as_run(recorded)
    delays = _delays(played, recorded["midi"])
    usual = int(np.bincount(delays - delays.min()).argmax() + delays.min())
    skipped = int(np.sum(np.diff(recorded["skipped"], axis=1)))
    said = "".join(f"; {line}" for line in live.lines if "samples" in line)
    yield Row(
        what=f"accompaniment for {seconds:.0f} s through jackd at {PERIOD} frames, a core burning: MIDI played against "
        "scheduled",
        ours=f"standard deviation {np.std(delays):.2f} samples",
        peer="0 asked",
        ratio="",
        agreement=f"{np.sum(delays == usual)} of {len(played)} messages at their very sample, "
        f"{len(played) - len(delays)} lost, {len(_left(recorded))} notes left; "
        f"{skipped} frames skipped by the server{said}",
    )
    grid = np.array([-event.at % SYNTH_GRID for event in played if isinstance(event, Note) and event.active])
    same, n = _sounded(played, recorded, usual)
    yield Row(
        what="the same by the synthesiser",
        ours=f"standard deviation {np.std(grid):.1f} samples, at most {grid.max()} late",
        peer="64 asked",
        ratio="",
        agreement=f"{same} of {n} seconds of the recording are to the bit the rendering of the notes as scheduled",
    )


def _left(recorded: dict[str, Any]) -> set[tuple[int, int]]:
    return sounding([(int(frame), bytes(map(int, rest))) for frame, *rest in recorded["midi"]])


def _sounded(played: list[Note | Control], recorded: dict[str, Any], usual: int) -> tuple[int, int]:
    """Return how many seconds of the recording are what the synthesiser makes of the notes, and of how many."""
    synth = Synthesiser(AudioFormat(sample_rate=RATE, n_channels=2), SynthesiserConfig())
    synth.program(0, 0)
    for event in played:
        synth.send(event.at, message_of(event))
    begin, n_seconds, same = usual - int(recorded["first"]), played[-1].at // RATE, 0
    for second in range(n_seconds):
        expected = synth.render(RATE)[:, 0]
        start = begin + second * RATE
        same += start < 0 or np.array_equal(recorded["sound"][start : start + RATE], expected)
    return same, n_seconds


def _cost(before: dict[str, Use], after: dict[str, Use], lasted_s: float) -> Row:
    """Processor time of each process."""
    share = {name: 100 * (after[name].cpu_s - before[name].cpu_s) / lasted_s for name in before}
    return Row(
        what=f"processor time: following, scheduler and synthesiser with {2 * len(CHORD)} voices",
        ours=f"{share['engine']:.1f} % of a core",
        peer="",
        ratio="",
        agreement="; ".join(f"{name} {x:.1f} %" for name, x in share.items()),
    )


def _memory(before: dict[str, Use], after: dict[str, Use], lasted_s: float) -> Row:
    grown = {name: after[name].rss_mb - before[name].rss_mb for name in before}
    return Row(
        what=f"memory of an accompaniment after {lasted_s:.0f} s",
        ours=f"{sum(grown.values()):+.1f} MB",
        peer="",
        ratio="",
        agreement="; ".join(f"{name} {after[name].rss_mb:.0f} MB ({x:+.1f})" for name, x in grown.items()),
    )


def _killed(server: JackServer, duo: Path, victim: str) -> Row:
    """Kill -9 of a process while a chord sounds: until every note is off."""
    delays = []
    for _ in range(N_KILLS):
        solo = soundfile.read(duo / "solo.wav", dtype="float32")[0]
        with (
            tempfile.TemporaryDirectory() as folder,
            LiveAccompaniment(duo, Path(folder), *WORDS) as live,
            Stage(solo, Path(folder)) as stage,
        ):
            live.wire(server, WIRES[:2])
            probe = MidiProbe("Orchestra:out")
            probe.connected()
            stage.begin()
            pid = live.processes()[victim]
            with jack.Client("watch", no_start_server=True) as client:
                probe.until(lambda messages: len(messages) > 8 and len(sounding(messages)) == 4)
                killed = client.frame_time
                os.kill(pid, signal.SIGKILL)
                probe.until(lambda messages: not sounding(messages))
            delays.append(1e3 * (_silent_at(probe.heard(), killed) - killed) / RATE)
    return Row(
        what=f"kill -9 of {victim} in a chord of four: until every note is off",
        ours=f"{np.median(delays):.1f} ms, at most {max(delays):.1f} ms",
        peer="100 ms asked",
        ratio="",
        agreement=f"{len(delays)} kills, no note left",
    )


def _silent_at(messages: list[tuple[int, bytes]], killed: int) -> int:
    """Return the first frame from that of the kill on at which no note sounds; note-offs may be said again later."""
    for i, (frame, _) in enumerate(messages):
        if frame >= killed and not sounding(messages[: i + 1]):
            return frame
    return killed


if __name__ == "__main__":
    for row in rows(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0):
        print(f"{row.what}: {row.ours} | {row.peer} | {row.ratio} | {row.agreement}", flush=True)
