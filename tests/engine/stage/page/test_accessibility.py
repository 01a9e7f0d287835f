"""Whoever cannot see, point or read small type can use the page, too; nothing moves that should stand still."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.engine.stage.page.browser import PHONE, TABLET, WIDE, Browser
from tests.engine.stage.page.music import SmallScore
from tests.engine.stage.page.test_controls import DESK, DOES, opened
from tests.optional import optional
from tests.tolerances import CURSOR_PX

pytestmark = pytest.mark.slow
for package in ("aiohttp", "verovio", "selenium"):
    optional(package)

TARGET_PX = 44
CONTROLS = """
[...document.querySelectorAll('button, input:not([type=file]), [role=slider], summary')]
  .filter((e) => e.checkVisibility({visibilityProperty: true}) && e.getBoundingClientRect().width > 1)
  .map((e) => ({name: e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.[0]?.textContent || '',
                kind: e.className || e.tagName, w: e.getBoundingClientRect().width, h: e.getBoundingClientRect().height,
                tab: e.tabIndex}))
""".strip()


def check_controls(browser: Browser, least: int) -> None:
    controls = browser.js(CONTROLS)
    assert len(controls) >= least, controls
    for each in controls:
        assert each["name"], each
        assert each["h"] >= TARGET_PX - 0.5, each
        assert each["w"] >= TARGET_PX - 0.5, each
        assert each["tab"] == 0, each


@pytest.mark.parametrize("size", [TABLET, WIDE, PHONE])
@pytest.mark.parametrize("card", ["", "parts", "more"])
def test_controls_of_the_score_are_large_and_named(
    browser: Browser, stand_in: Callable, size: tuple[int, int], card: str
) -> None:
    server = stand_in(does=DOES)
    browser.open(server.url, size)
    browser.ready()
    server.say("controls", **DESK)
    server.state("paused")
    browser.until("document.body.dataset.state == 'paused' && stage.told.controls")
    if card:
        browser.driver.execute_script(f"document.querySelector('.bar-{card}').click()")
        browser.until("!document.querySelector('.card').hidden")
        browser.driver.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    check_controls(browser, 5)


@pytest.mark.parametrize(
    ("view", "says"),
    [
        ("stems", {"does": ["separate"]}),
        ("sounds", {"does": ["detect"]}),
        ("chooser", {"does": ["follow"]}),
    ],
)
def test_controls_of_the_other_screens_are_large_and_named(
    browser: Browser, stand_in: Callable, view: str, says: dict[str, Any]
) -> None:
    server = stand_in(score=None, **says)
    browser.open(server.url, WIDE)
    browser.until("document.body.dataset.view == arguments[0]", view)
    server.say("controls", **(DESK | {"gains": {"vocals": -3.0, "drums": 0.0}, "muted": []}))
    server.say("guesses", at_s=1.0, emitted_at_s=1.0, labels=["dog", "cat"], probabilities=[0.5, 0.1])
    browser.until("document.querySelectorAll('.stem, .sound-row, .score-row').length > 0")
    check_controls(browser, 4)
    assert not browser.complaints()


def test_the_keyboard_reaches_all_in_reading_order(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    server.state("paused")
    browser.until("!document.querySelector('.bar').hidden")
    reached = []
    browser.driver.execute_script("document.activeElement.blur()")
    for _ in range(8):
        browser.press("Tab")
        reached.append(
            browser.js("[document.activeElement.textContent, document.activeElement.getBoundingClientRect().x]")
        )
        if browser.js("document.activeElement.matches('.bar-main')"):
            break
    assert browser.js("document.activeElement.matches('.bar-main')"), reached
    places = [x for _, x in reached if x > 0]
    assert places == sorted(places)
    outline = browser.js(
        "(s => [s.outlineWidth, s.outlineStyle, s.outlineColor])(getComputedStyle(document.activeElement))"
    )
    assert outline == ["3px", "solid", "rgb(10, 92, 184)"]


def test_what_is_seen_is_said(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    bars = browser.js("stage.score.layout.bundle.pages[0].bars")
    label = browser.js("document.querySelector('.sheet').getAttribute('aria-label')")
    assert label == f"page 1, bars {bars[0]} to {bars[1]}"
    assert browser.js("document.querySelector('.strip-state').getAttribute('role')") == "status"
    assert browser.js("document.querySelector('.strip-arc').getAttribute('aria-label')") == "confidence high"
    assert browser.js("document.querySelector('.strip-bar').getAttribute('aria-live')") is None  # on demand only
    browser.press("b")
    assert "Bar 1" in browser.js("document.querySelector('.pill [role=status]').textContent")
    browser.press("Escape")
    server.say("levels", input=0.5, targets={"Piano": 0.1})
    browser.until("stage.told.levels")
    browser.press("m")
    browser.until("document.querySelector('.part .meter')?.getAttribute('aria-label').includes('decibels')")


def test_the_columns_of_the_strip_stand_still(browser: Browser, stand_in: Callable) -> None:
    server = stand_in()
    server.scores["one"] = score = SmallScore(n_bars=104, repeated=0)
    browser.open(server.url)
    browser.ready()
    server.state("following")
    columns = ".strip-bar, .strip-dots, .strip-word, .strip-tempo, .strip-arc, .strip-level"
    seen = []
    for bar in (9, 10, 99, 100):
        server.position(score.quarter_of_bar(bar), bpm=0.0)
        browser.until("document.querySelector('#strip-bar').textContent == arguments[0]", str(bar))
        seen.append(browser.js(f"[...document.querySelectorAll('{columns}')].map((e) => e.getBoundingClientRect().x)"))
        wide = browser.js("((e) => e.scrollWidth <= e.clientWidth)(document.querySelector('#strip-bar'))")
        assert wide, bar
    assert all(row == pytest.approx(seen[0], abs=CURSOR_PX) for row in seen)


def test_who_wants_no_motion_gets_none(browser: Browser, stand_in: Callable) -> None:
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        opened(browser, server := stand_in())
        browser.until("stage.score.layout.book.page(2)")
        browser.press("PageDown")
        server.state("lost")
        browser.until("document.body.dataset.state == 'lost'")
        assert browser.js("document.getAnimations().filter((a) => a.effect.getTiming().duration > 0).length") == 0
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_forced_colours_leave_the_cursor_and_the_words(browser: Browser, stand_in: Callable) -> None:
    features = [{"name": "forced-colors", "value": "active"}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        opened(browser, stand_in())
        assert browser.js("getComputedStyle(document.querySelector('.band')).borderTopWidth") == "3px"
        assert browser.text(".strip-word") == "Following"
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("width", [820, 700, 560, 390])
def test_narrow_strips_keep_bar_and_state(browser: Browser, stand_in: Callable, width: int) -> None:
    server = stand_in(role="viewer")
    browser.open(server.url, (width, 900))
    browser.ready()
    server.state("following")
    server.position(33.0)
    browser.until("stage.score.layout.place && document.body.dataset.state == 'following'")
    seen = browser.js(
        "['bar', 'word', 'arc', 'level'].filter((n) => document.querySelector(`.strip-${n}`).checkVisibility())"
    )
    assert seen[:2] == ["bar", "word"]
    assert "level" in seen or "arc" not in seen  # the arc goes first
    boxes = browser.js(
        "[...document.querySelector('#strip').children].filter((e) => e.checkVisibility())"
        ".map((e) => e.getBoundingClientRect().toJSON())"
    )
    assert all(a["right"] <= b["left"] + 1 for a, b in pairwise(boxes))
    assert boxes[-1]["right"] <= width


def test_nothing_is_asked_of_another_host(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    names = browser.js("performance.getEntriesByType('resource').map((e) => e.name)")
    assert len(names) > 20
    assert all(name.startswith(server.url) for name in names)
    assert not browser.complaints()
