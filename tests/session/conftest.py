"""A JACK server for the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.session.server import JackServer


@pytest.fixture(scope="module")
def server() -> Iterator[JackServer]:
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
