"""One browser a module, and a server that stands in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import pytest

from tests.engine.stage.page.browser import Browser, chromium
from tests.engine.stage.page.music import SmallScore


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all tests of a module."""
    with chromium() as window:
        yield window


@pytest.fixture(scope="session")
def study() -> SmallScore:
    """The small score."""
    return SmallScore()


@pytest.fixture
def stand_in(study: SmallScore, browser: Browser) -> Iterator[Callable[..., Any]]:
    """Start servers that stand in: `stand_in(**hello)`; after the test nothing may have gone wrong in the page."""
    verovio, module = import_module("verovio"), import_module("tests.engine.stage.page.stand_in")
    with ExitStack() as open_servers:
        yield lambda **says: open_servers.enter_context(module.StandIn(study, verovio, **says))
        browser.driver.get("about:blank")
