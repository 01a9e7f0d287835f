"""However a command is ended, it ends in time, and what was finished is there, whole."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.terminal.stopping import ends_in_time
from offline.datasets.scenes import read_tsv
from tests.cli.files import HPSS, record, stems_below
from tests.networks.detection import small_crnn_file

PATIENCE_S = 60  # of a test with a busy machine; the commands themselves have a second
RUN = [sys.executable, "-m", "cli"]


def start(*args: object, **more: object) -> subprocess.Popen[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*RUN, *map(str, args)], stderr=subprocess.PIPE, text=True, env=env, **more)  # type: ignore[call-overload]


def wait_for(condition: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 10 * PATIENCE_S
    while not condition():
        assert child.poll() is None and time.monotonic() < deadline, child.stderr and child.stderr.read()
        time.sleep(0.01)


def n_tagged(path: Path) -> int:
    return len(read_tsv(path)) if path.is_file() else 0


SLOW = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=SLOW), signal.SIGKILL])
def test_tag_keeps_what_it_has_done(tmp_path: Path, number: signal.Signals) -> None:
    for i in range(400):
        record(tmp_path / "in" / f"{i:03d}.wav", 20_000)
    table = tmp_path / "t.tsv"
    with start("tag", tmp_path / "in", "--model", small_crnn_file(), "-o", table) as child:
        wait_for(lambda: n_tagged(table) >= 5, child)
        child.send_signal(number)
        _, said = child.communicate(timeout=PATIENCE_S)
    n = len(read_tsv(table))  # every row is whole
    assert 5 <= n < 400
    assert "Traceback" not in said
    if number is not signal.SIGKILL:
        assert child.returncode == 130
        assert f"{n} done, 0 failed, {400 - n} not begun, 0 left out" in said


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=SLOW)])
def test_separate_keeps_what_it_has_done(tmp_path: Path, number: signal.Signals) -> None:
    for i in range(200):
        record(tmp_path / "in" / f"{i:03d}.wav", 40_000)
    out = tmp_path / "z"
    with start("separate", tmp_path / "in", "-o", out) as child:
        wait_for((out / "002").is_dir, child)
        child.send_signal(number)
        _, said = child.communicate(timeout=PATIENCE_S)
    shown = {name: stems for name, stems in stems_below(out).items() if not name.startswith(".")}
    assert 3 <= len(shown) < 200 and "Traceback" not in said
    assert all(stems == [*HPSS] for stems in shown.values())
    sizes = {path.stat().st_size for name in shown for path in (out / name).iterdir()}
    assert len(sizes) == 1  # none is half
    if number is signal.SIGINT:
        assert child.returncode == 130
        assert {path.name for path in out.iterdir()} == {*shown, ".collaparte.json"}


BUSY = """
import os, signal, sys, threading, time
sys.path[:0] = {path!r}
from cli.terminal.stopping import ends_in_time, stoppable
from engine.core.whole_file import unfinished
from pathlib import Path
import ctypes
with ends_in_time(), unfinished(Path({part!r})) as part:
    part.write_text("half")
    ready = lambda: print("ready", flush=True)
    {work}
"""
DEAF = {
    "python": "ready(); time.sleep(600)",
    "one that looks at its event": "\n    with stoppable() as stop: ready(); stop.wait(600)\n    sys.exit(7)",
    "one that forgets its event": "\n    with stoppable() as stop:\n        ready()\n        while 1: time.sleep(1)",
    "compiled code": "ready(); s = ctypes.CDLL(None).sleep; s(600) or s(600) or s(600)",
}


@pytest.mark.parametrize("work", DEAF.values(), ids=DEAF.keys())
def test_everything_ends_after_one_signal(tmp_path: Path, work: str) -> None:
    part = tmp_path / "part"
    code = BUSY.format(path=sys.path, part=str(part), work=work)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=PATIENCE_S)
    assert child.returncode == {"one that looks at its event": 7}.get(_name(work), child.returncode) != 0
    assert not part.exists()


def _name(work: str) -> str:
    return next(name for name, text in DEAF.items() if text == work)


def test_watching_leaves_the_handlers_as_they_were() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with ends_in_time(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
        time.sleep(1)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert signal.set_wakeup_fd(-1) == -1


def run_limited(n_bytes: int, *args: object) -> subprocess.CompletedProcess[str]:
    """A command for which no file can be longer, as on a full disk."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    words = [*RUN, *map(str, args)]
    return subprocess.run(words, preexec_fn=limit, capture_output=True, text=True, check=False, timeout=600)


def test_a_full_disk_is_one_line_and_leaves_no_half_file(tmp_path: Path) -> None:
    for i in range(3):
        record(tmp_path / "in" / f"{i:03d}.wav", 200_000)
    done = run_limited(600_000, "separate", tmp_path / "in", "-o", tmp_path / "z")
    lines = [line for line in done.stderr.replace("\r", "\n").splitlines() if "collaparte: " in line]
    assert done.returncode == 2 and len(lines) == 3 and "Traceback" not in done.stderr
    assert f"{tmp_path / 'z' / '000' / 'harmonic.wav'}: expected room on the disk" in lines[0]
    assert stems_below(tmp_path / "z") == {}
    assert "0 done, 3 failed, 0 left out" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_standard_output_on_a_full_disk(tmp_path: Path) -> None:
    song = record(tmp_path / "song.wav")
    with open("/dev/full", "w") as full:
        words = [*RUN, "tag", str(song), "--model", str(small_crnn_file())]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("collaparte: standard output: expected a place to write, got a full")


@pytest.mark.parametrize("what", ["run", pytest.param("tag", marks=SLOW), "generate"])
def test_a_reader_that_leaves_ends_it_quietly(tmp_path: Path, what: str) -> None:
    song = record(tmp_path / "song.wav", 16_000)
    model = ("--model", small_crnn_file())
    words = {
        "run": ("run", "--input", song, "--score", song, "--events", "-"),
        "tag": ("tag", *[record(tmp_path / f"{i}.wav") for i in range(30)], *model),
        "generate": ("generate", "--list"),
    }[what]
    child = start(*words, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.close()
    assert child.stderr is not None
    said = child.stderr.read()
    child.wait(timeout=PATIENCE_S)
    child.stderr.close()
    assert child.returncode == 141
    assert not [line for line in said.splitlines() if "Broken" in line or "Traceback" in line or "Exception" in line]
