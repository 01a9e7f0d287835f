"""Shared fixtures, and what a run must not skip."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from hypothesis import settings

from tests.jack_server import JackServer
from tests.places import ROOT, SHARED

DEMO_S = 40.0  # of two minutes: enough for every command of the pages

# No deadline, for no test may depend on the machine's load; the same examples each time, `make fuzz` looks for more.
settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings beside the project; the test skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip("the recordings in ../shared are not here")
    return SHARED


@pytest.fixture(scope="session")
def whole_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `collaparte demo --output demo` has run; demo.txt holds what it printed. One worker runs it for all."""
    made = tmp_path_factory.getbasetemp().parent / "made"
    with open(made.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.mkdir()
            command = [sys.executable, "-m", "cli", "demo", "--output", "demo", "--no-page"]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            with open(made / "demo.txt", "w") as said:
                subprocess.run(command, cwd=made, env=environment, stdout=said, stderr=subprocess.STDOUT, check=False)
    return made


@pytest.fixture(scope="session")
def demo_folder(whole_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the documents and the examples begin with lies in demo/, its sound cut short.

    Each worker gets a copy of its own, since the commands of the pages write there.
    """
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(whole_demo / "demo", folder / "demo")
    cut_short(folder / "demo", DEMO_S)
    return folder


def cut_short(demo: Path, seconds: float) -> None:
    """Keep the first seconds of the performance, and of its truth."""
    audio, rate = soundfile.read(demo / "performance.wav", dtype="int32")
    soundfile.write(demo / "performance.wav", audio[: int(seconds * rate)], rate, subtype="PCM_24")
    header, *rows = (demo / "truth.csv").read_text().splitlines()
    column = header.split(",").index("audio_s")
    rows = [row for row in rows if float(row.split(",")[column]) < seconds]
    (demo / "truth.csv").write_text("\n".join([header, *rows]) + "\n")


@pytest.fixture(scope="module")
def server() -> Iterator[JackServer]:
    """A JACK server for the tests of one module."""
    if missing := JackServer.missing():
        pytest.skip(missing)
    with JackServer(period=512) as running:
        yield running


@pytest.fixture
def own_server() -> Iterator[JackServer]:
    """One that the test may kill."""
    if missing := JackServer.missing():
        pytest.skip(missing)
    with JackServer(period=256) as running:
        yield running


def pytest_configure() -> None:
    """Take ctrl-C again where the tests run in the background: there it is ignored, also by what they start."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where COLLAPARTE_REQUIRE_JACK is set, a skipped test of a real JACK server is a failure."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and item.get_closest_marker("jack") and os.environ.get("COLLAPARTE_REQUIRE_JACK"):
        report.outcome = "failed"
        report.longrepr = f"skipped where JACK is required: {report.longrepr}"
