"""Shared fixtures, and what a run must not skip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.app import main
from tests.jack_server import JackServer
from tests.places import SHARED


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings beside the project; the test skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip("the recordings in ../shared are not here")
    return SHARED


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `make demo` has been: what the documents and the examples begin with lies in demo/."""
    folder = tmp_path_factory.mktemp("reader")
    assert main(["demo", "--output", str(folder / "demo")]) == 0
    return folder


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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where COLLAPARTE_REQUIRE_JACK is set, a skipped test of a real JACK server is a failure."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and item.get_closest_marker("jack") and os.environ.get("COLLAPARTE_REQUIRE_JACK"):
        report.outcome = "failed"
        report.longrepr = f"skipped where JACK is required: {report.longrepr}"
