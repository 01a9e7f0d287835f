"""The page in a real browser, in a few seconds: a score, the cursor on the right heads, a turn, an order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.stage.page.browser import Browser, eventually
from tests.engine.stage.page.music import SmallScore
from tests.optional import optional
from tests.tolerances import CURSOR_PX

for package in ("aiohttp", "verovio", "selenium"):
    optional(package)


def test_the_page_follows_turns_and_orders(browser: Browser, stand_in: Callable, study: SmallScore) -> None:
    server = stand_in()
    browser.open(server.url)
    browser.ready()
    server.state("following")
    for quarter, _, _, notes in (study.onsets[5], study.onsets[40], study.onsets[70]):  # the last in the repeat
        server.position(quarter)
        browser.until("Math.abs(stage.score.quarter - arguments[0]) < 1e-6 && document.querySelector('.lit')", quarter)
        assert browser.cursor() == pytest.approx(browser.head(notes[0])[0], abs=CURSOR_PX)
        assert set(browser.js("[...document.querySelectorAll('.lit')].map(n => n.id)")) == {f"cp{n}" for n in notes}
    assert browser.text("#strip-bar") == str(study.onsets[70][2] + 1)
    x, y = browser.head(study.onsets[20][3][0])
    browser.tap(x, y)
    assert "From bar 3, beat 3" in browser.text(".pill")
    browser.click(".pill-go")
    eventually(lambda: {"t": "from", "q": 42.0} in server.heard, "the order")
    assert browser.shown() == [1]
    browser.press("PageDown")
    eventually(lambda: browser.shown() == [1, 2], "the upper half of the next over the lower one of the first")
    assert not browser.complaints()
