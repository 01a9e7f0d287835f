"""What a tablet does and a desk does not: fingers, sleep, a slow network; and the bars that are practised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.stage.page.browser import PHONE, WIDE, Browser, eventually
from tests.optional import optional

pytestmark = pytest.mark.slow
for package in ("aiohttp", "verovio", "selenium"):
    optional(package)

LOOP, BEGIN, END = [25, 40], 128.0, 192.0  # bars of the small score, of which the first eight are played twice
DESK = {"gains": {}, "muted": [], "ratio": 1.0, "dynamics": 0.5, "loop": None, "thresholds": {}, "locked": []}
REFUSED = "Object.defineProperty(navigator, 'wakeLock', {value: {request: () => Promise.reject(new Error('no'))}})"
SLOW = {"offline": False, "latency": 300, "downloadThroughput": 150_000, "uploadThroughput": 50_000}
FAST = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


def opened(browser: Browser, server: Any, quarter: float = 33.0, **desk: Any) -> None:
    browser.open(server.url)
    browser.ready()
    server.say("controls", **(DESK | desk))
    server.state("following")
    server.position(quarter)
    browser.until("stage.told.controls && Math.abs(stage.score.quarter - arguments[0]) < 4", quarter)


def touch(browser: Browser, kind: str, *points: tuple[float, float]) -> None:
    where = [{"x": x, "y": y} for x, y in points]
    browser.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})


def swipe(browser: Browser, begin: tuple[float, float], end: tuple[float, float]) -> None:
    touch(browser, "touchStart", begin)
    for part in (0.3, 0.6, 1.0):
        point = tuple(a + part * (b - a) for a, b in zip(begin, end, strict=True))
        touch(browser, "touchMove", point)  # type: ignore[arg-type]
    touch(browser, "touchEnd")


def test_the_page_says_that_the_screen_may_sleep_where_it_is_not_allowed_to_keep_it_awake(
    browser: Browser, stand_in: Callable
) -> None:
    added = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": REFUSED})
    try:
        browser.open((server := stand_in()).url)
        browser.ready()
        server.state("waiting")
        browser.until("stage.told.sleep == 'may' && document.body.innerText.includes('screen may sleep')")
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_a_tablet_that_wakes_is_where_the_music_is(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in())
    page = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")  # behind which the page draws nothing
    for quarter in (60.0, 100.0, 152.0):
        server.position(quarter)
    browser.driver.close()
    browser.driver.switch_to.window(page)
    browser.until("stage.score.quarter > 151 && document.body.dataset.state == 'following'")
    browser.until("stage.score.layout.place")


def test_over_a_slow_network_the_page_comes_and_follows(browser: Browser, stand_in: Callable) -> None:
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", SLOW)
    try:
        opened(browser, server := stand_in(), 33.0)
        server.position(60.0)
        browser.until("stage.score.quarter > 59 && stage.score.layout.place")
    finally:
        browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", FAST)


def test_at_the_end_of_a_loop_the_cursor_goes_to_its_beginning_before_the_server_says_so(
    browser: Browser, stand_in: Callable
) -> None:
    opened(browser, server := stand_in(), 180.0, loop=LOOP)
    assert browser.js("stage.score.bars.span(arguments[0])", LOOP) == {"begin": BEGIN, "end": END}
    server.position(END - 0.3, bpm=120.0)
    browser.until("stage.score.quarter >= arguments[0] && stage.score.quarter < arguments[0] + 4", BEGIN)
    browser.until("stage.score.layout.place")


def test_the_page_with_the_beginning_of_a_loop_is_built_before_its_end(browser: Browser, stand_in: Callable) -> None:
    opened(browser, stand_in(), 180.0, loop=LOOP)
    here, there = browser.js(
        "((a) => [a.pages[a.at(arguments[0])], a.pages[a.at(arguments[1])]])(stage.score.layout.anchors)", 180.0, BEGIN
    )
    assert here != there
    browser.until("stage.score.layout.turner.needed(arguments[0]).includes(arguments[1])", 180.0, there)
    browser.until("stage.score.layout.book.page(arguments[0])", there)
    leave = "stage.score.layout.anchors.quarters[stage.score.layout.turner.leave(stage.score.layout.anchors.at(180))]"
    assert browser.js(leave) == BEGIN


def test_on_a_phone_there_is_one_bar_of_buttons(browser: Browser, stand_in: Callable) -> None:
    """Also where the session had stopped before the page came: on a wider screen its bar would be open."""
    server = stand_in(does=["follow", "accompany"], running=False)
    browser.open(server.url, PHONE)
    browser.ready()
    server.state("stopped")
    browser.until("document.body.classList.contains('phone')")
    assert browser.js("document.querySelector('.bar').hidden")
    assert browser.js(
        "[...document.querySelectorAll('.phone-bottom button')].filter((b) => b.offsetParent)"
        ".every((b) => b.scrollWidth <= b.clientWidth + 1)"
    )


def test_other_programs_are_told_of_under_more(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in())
    server.say("outlets", rows=[{"name": "OSC", "ok": True, "line": ""}, {"name": "POST", "ok": False, "line": "gone"}])
    browser.press("?")
    browser.until("document.querySelector('.more-outlets')?.innerText.includes('! POST: gone')")
    assert "✓ OSC" in browser.text(".more-outlets")


def test_the_sum_and_the_input_itself_can_be_heard(browser: Browser, stand_in: Callable) -> None:
    server = stand_in(does=["separate"], score=None)
    browser.open(server.url, WIDE)
    browser.until("document.body.dataset.view == 'stems'")
    server.say("controls", **(DESK | {"gains": {"vocals": 0.0, "rest": -3.0, "sum": -6.0}, "through": False}))
    browser.until("document.querySelector('.stem-sum .stem-value')?.textContent.includes('6.0')")
    button = browser.driver.find_element("xpath", "//button[contains(., 'Pass the input through')]")
    button.send_keys("\n")  # by a key at once; a finger has to hold
    eventually(lambda: {"t": "through", "on": True} in server.heard, f"{server.heard}")


def test_a_sound_is_asked_to_be_quiet_for_an_hour(browser: Browser, stand_in: Callable) -> None:
    server = stand_in(does=["detect"], score=None)
    browser.open(server.url, WIDE)
    browser.until("document.body.dataset.view == 'sounds'")
    server.say("controls", **(DESK | {"thresholds": {"dog": 0.5}}))
    server.say("guesses", at_s=1.0, emitted_at_s=1.0, labels=["dog"], probabilities=[0.2])
    browser.until("document.querySelector('.sound-row')")
    browser.driver.find_element("xpath", "//button[contains(., 'Quiet 1 h')]").click()
    eventually(lambda: {"t": "quiet", "label": "dog", "s": 3600} in server.heard, f"{server.heard}")
    server.say("controls", **(DESK | {"thresholds": {"dog": 0.5}, "quiet": {"dog": 4_000_000_000}}))
    browser.until("document.querySelector('.sound-row').innerText.includes('quiet')")
    browser.driver.find_element("xpath", '//button[contains(., "Don\'t listen")]').click()
    eventually(lambda: {"t": "listen", "on": False} in server.heard, f"{server.heard}")
    server.say("controls", **(DESK | {"thresholds": {"dog": 0.5}, "deaf": True}))
    browser.until("document.querySelector('.view-state').innerText.includes('Not listening')")
    browser.driver.find_element("xpath", "//button[normalize-space() = 'Listen']").click()
    eventually(lambda: {"t": "listen", "on": True} in server.heard, f"{server.heard}")


@pytest.fixture
def fingers(browser: Browser) -> Any:
    browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5})
    yield browser
    browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_a_finger_taps_swipes_and_pinches(fingers: Browser, stand_in: Callable) -> None:
    opened(fingers, stand_in())
    swipe(fingers, (600, 600), (200, 610))
    fingers.until("stage.score.layout.turner.byHand")
    swipe(fingers, (200, 600), (600, 610))
    fingers.until("stage.score.layout.turner.shown.main == 1 && !stage.score.layout.turner.shown.top")
    assert fingers.js("getComputedStyle(document.getElementById('stage')).touchAction") == "none"
    touch(fingers, "touchStart", (300, 500), (500, 500))
    touch(fingers, "touchMove", (250, 500), (550, 500))
    touch(fingers, "touchMove", (220, 500), (580, 500))
    touch(fingers, "touchEnd")
    fingers.until("JSON.parse(localStorage.getItem('collaparte') ?? '{}').zoom > 1.2")
    fingers.until("stage.score.layout.bundle.n_pages > 2 && !document.querySelector('.sheet.coming')")
