"""Shared fixtures, and what a run must not skip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings beside the project; the test skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip("the recordings in ../shared are not here")
    return SHARED


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where COLLAPARTE_REQUIRE_JACK is set, a skipped test of a real JACK server is a failure."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and item.get_closest_marker("jack") and os.environ.get("COLLAPARTE_REQUIRE_JACK"):
        report.outcome = "failed"
        report.longrepr = f"skipped where JACK is required: {report.longrepr}"
