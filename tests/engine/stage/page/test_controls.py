"""What hands do on the page: fingers, faders, keys, pedals; and what a viewer cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.stage.page.browser import PHONE, WIDE, Browser, eventually
from tests.engine.stage.page.music import SmallScore
from tests.optional import optional

pytestmark = pytest.mark.slow
for package in ("aiohttp", "verovio", "selenium"):
    optional(package)

DESK: dict[str, Any] = {
    "gains": {"Piano": -3.0, "Metronome": 0.0},
    "muted": ["Metronome"],
    "ratio": 1.0,
    "dynamics": 0.5,
    "loop": None,
    "thresholds": {},
    "locked": [],
}
DOES = ["follow", "accompany"]
BAR_OF = """
((anchors, note) => stage.score.bars.number(anchors.quarters[anchors.passes.get(note)[0]]))(
  stage.score.layout.anchors, arguments[0])
""".strip()


def opened(browser: Browser, server: Any, **desk: Any) -> None:
    browser.open(server.url)
    browser.ready()
    server.say("controls", **(DESK | desk))
    server.state("following")
    server.position(33.0)
    browser.until("stage.score.quarter == 33 && stage.told.controls && stage.score.layout.place")


def heard(server: Any, **message: Any) -> None:
    eventually(lambda: message in server.heard, f"{message}; {server.heard}")


def free_place(browser: Browser) -> tuple[float, float]:
    """A point of the page without a note nearby: between two systems, right of the middle."""
    boxes = browser.js("stage.score.layout.book.page(1).systems.map((s) => [s.inkTop, s.inkBottom])")
    return 450.0, (boxes[0][1] + boxes[1][0]) / 2


def open_bar(browser: Browser) -> None:
    browser.tap(*free_place(browser))
    browser.until("!document.querySelector('.bar').hidden")


def test_a_touch_brings_the_bar_and_another_takes_it_away(browser: Browser, stand_in: Callable) -> None:
    opened(browser, stand_in(does=DOES))
    assert browser.js("document.querySelector('.bar').hidden")
    open_bar(browser)
    stage = browser.js("document.querySelector('.sheet').getBoundingClientRect().toJSON()")
    assert stage["y"] == 0  # the music does not move
    browser.tap(*free_place(browser))
    browser.until("document.querySelector('.bar').hidden")


def test_the_bar_opens_where_no_music_sounds(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    open_bar(browser)
    assert browser.box(".bar")["y"] > 500
    browser.press("Escape")
    last = browser.js("stage.score.layout.bundle.pages[0].bars[1]")
    server.position(32.0 + 4 * (last - 1))
    browser.until("stage.score.layout.place.system == stage.score.layout.book.page(1).systems.length - 1")
    open_bar(browser)
    assert browser.box(".bar")["y"] < 50
    band, bar = browser.box(".band"), browser.box(".bar")
    assert band["top"] > bar["bottom"]


def test_each_order_is_sent(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    open_bar(browser)
    for selector, message in (
        (".bar-first", {"t": "countin"}),
        (".bar-step[aria-label=faster]", {"t": "ratio", "x": 1.05}),
        (".bar-main", {"t": "stop"}),
    ):
        browser.click(selector)
        heard(server, **message)
    browser.click(".bar-parts")
    browser.click(".mute[aria-label='mute Piano']")
    heard(server, t="mute", target="Piano", on=True)
    server.state("stopped")
    browser.until("document.body.dataset.state == 'stopped'")
    assert browser.text(".bar-main") == "Start"
    browser.click(".bar-main")
    heard(server, t="start")


def test_faders_move_from_where_they_are(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    open_bar(browser)
    browser.click(".bar-parts")
    fader = ".slider[aria-label=Piano]"
    assert browser.js(f"document.querySelector('{fader}').ariaValueText") == "minus 3 decibels"
    box = browser.box(fader)
    browser.tap(box["x"] + 20, box["y"] + 20)  # far from its thumb: it must not jump there
    assert browser.js(f"document.querySelector('{fader}').ariaValueText") == "minus 3 decibels"
    browser.driver.execute_script(f"document.querySelector('{fader}').focus()")
    browser.press("ArrowUp")
    heard(server, t="gain", target="Piano", db=-2.5)
    browser.press("0")
    heard(server, t="gain", target="Piano", db=0)
    for kind, x in (("mousePressed", 200), ("mouseMoved", 150), ("mouseMoved", 50), ("mouseReleased", 50)):
        event = {"type": kind, "x": box["x"] + x, "y": box["y"] + 20, "button": "left", "buttons": 1, "clickCount": 1}
        browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    eventually(lambda: server.heard[-1]["t"] == "gain" and server.heard[-1]["db"] < -10, "the drag")


def test_a_loop_is_drawn_with_a_long_press(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    x, y = browser.head(22)
    event = {"type": "mousePressed", "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
    browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    browser.until("document.querySelector('.bracket-loop')")
    end, _ = browser.head(46)
    for kind in ("mouseMoved", "mouseReleased"):
        browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {**event, "type": kind, "x": end})
    first, last = (browser.js(BAR_OF, number) for number in (22, 46))
    heard(server, t="loop", bars=[first, last])
    assert last > first
    server.say("controls", **(DESK | {"loop": [first, last]}))
    browser.until("document.querySelector('.bracket-label')?.textContent == arguments[0]", f"loop {first}–{last}")
    browser.press("l")
    heard(server, t="loop", bars=None)


def test_keys_give_every_order(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    for key, message in (
        ("]", {"t": "ratio", "x": 1.05}),
        ("[", {"t": "ratio", "x": 0.95}),
        ("c", {"t": "countin"}),
        ("1", {"t": "mute", "target": "Piano", "on": True}),
        (".", {"t": "stop"}),
    ):
        browser.press(key)
        heard(server, **message)
    browser.press("l")
    browser.until("document.querySelector('.bar-loop').classList.contains('chosen')")
    browser.press("l")
    heard(server, t="loop", bars=[1, 1])
    browser.press("m")
    browser.until("document.querySelector('.card[data-name=parts]') && !document.querySelector('.card').hidden")
    browser.press("Escape")
    browser.until("document.querySelector('.card').hidden && document.querySelector('.bar').hidden")
    browser.press("?")
    browser.until("document.querySelector('.keys')?.open")
    browser.press("Escape")
    browser.press("b")
    browser.until("document.activeElement.classList.contains('pill-field')")
    for character in "12":
        browser.press(character)
    browser.press("Enter", "\r")
    heard(server, t="from", q=32.0 + 44)


def test_a_pedal_turns_once_and_held_goes_to_the_top(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    browser.until("stage.score.layout.book.page(2)")
    browser.driver.execute_script(  # in one task, whatever the load: a second press at once is the pedal's own
        "for (const repeat of [false, true, false])"
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'PageDown', repeat, bubbles: true}))"
    )
    assert browser.shown() == [1, 2]
    browser.driver.execute_script("window.dispatchEvent(new KeyboardEvent('keyup', {key: 'PageDown'}))")
    browser.until("stage.score.quarter == 33")
    browser.press("Home")
    browser.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", "key": "ArrowLeft"})
    heard(server, t="from", q=32.0)  # the pass that is being played
    browser.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", "key": "ArrowLeft"})


def test_the_space_bar_turns_unless_a_button_has_the_focus(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    browser.until("stage.score.layout.book.page(2)")
    browser.press(" ")
    browser.until("document.querySelector('.page[data-page=\"2\"].shown')")
    open_bar_by_key = "document.querySelector('.bar-main').focus()"
    server.state("paused")
    browser.until("!document.querySelector('.bar').hidden")
    shown = browser.shown()
    browser.driver.execute_script(open_bar_by_key)
    browser.press(" ")
    heard(server, t="start")
    assert browser.shown() == shown


def test_keys_can_be_given_to_other_actions(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    browser.press("?")
    browser.until("document.querySelector('.keys')?.open")
    browser.driver.execute_script("document.querySelector('.key-set[aria-label$=\"count-in\"]').click()")
    browser.driver.execute_script("document.querySelector('.key-set[aria-label$=\"count-in\"]').focus()")
    browser.press("n")
    browser.press("Escape")
    browser.press("n")
    heard(server, t="countin")
    assert browser.js("document.documentElement.dataset.theme") == "light"
    browser.driver.refresh()
    browser.ready()
    server.heard.clear()
    browser.press("n")
    heard(server, t="countin")


def test_a_viewer_sees_no_controls(browser: Browser, stand_in: Callable) -> None:
    server = stand_in(does=DOES, role="viewer", master=False)
    opened(browser, server)
    browser.tap(*free_place(browser))
    browser.tap(*browser.head(20))
    for key in ("m", "c", ".", "l", "1", "Enter", "]"):
        browser.press(key)
    visible = "[...document.querySelectorAll('button, input, [role=slider]')].filter((e) => e.offsetParent).length"
    assert browser.js(visible) == 0
    browser.press("PageDown")
    browser.until("!document.querySelector('.pill').hidden")  # which leads back to the music, no control
    assert not [message for message in server.heard if message["t"] != "own"]


def test_the_master_turns_and_others_may_keep_their_page(
    browser: Browser, stand_in: Callable, study: SmallScore
) -> None:
    opened(browser, server := stand_in(does=DOES, master=False))
    second = study.quarter_of_bar(browser.js("stage.score.layout.bundle.pages[1].bars[0]"))
    server.say("turn", page=7, q=second, by="another")  # of another layout: the quarter counts
    browser.until("document.querySelector('.page[data-page=\"2\"].shown')")
    assert browser.shown() == [2]
    server.say("turn", page=0, q=-1, by="another")
    browser.until("document.querySelector('.page[data-page=\"1\"].shown')")
    open_bar(browser)
    browser.click(".bar-more")
    browser.driver.execute_script(
        "[...document.querySelectorAll('.more-buttons button')].find((b) => b.textContent.startsWith('Keep')).click()"
    )
    heard(server, t="own", on=True)
    server.say("turn", page=2, q=second, by="another")
    server.position(second)
    browser.until("stage.score.quarter == arguments[0]", second)
    assert browser.shown() == [1]
    browser.click(".pill-go")
    heard(server, t="own", on=False)
    browser.until("document.querySelector('.page[data-page=\"2\"].shown')")


def test_a_master_tells_the_others(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    browser.until("stage.score.layout.book.page(2)")
    browser.press("End")
    last = browser.js("stage.score.layout.bundle.n_pages")
    eventually(lambda: any(m["t"] == "turn" and m["page"] == last for m in server.heard), "the turn")


def test_the_server_goes_and_comes_again(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    browser.driver.execute_script("window.same = true")
    server.go_away()
    browser.until("document.body.dataset.state == 'offline'")
    assert browser.js("document.querySelector('.band').dataset.mode") == "offline"
    assert browser.text(".strip-bpm") == "trying again"
    browser.press("PageDown")
    assert browser.shown()
    server.come_back()
    browser.until("document.body.dataset.state == 'following'")
    assert browser.js("window.same && stage.score.quarter") == 33
    server.position(40.0)
    browser.until("stage.score.quarter == 40")


def test_a_refusal_is_told_in_a_line(browser: Browser, stand_in: Callable) -> None:
    opened(browser, server := stand_in(does=DOES))
    server.say("error", line="loop: expected the first bar before the last, got 5-3")
    browser.until("document.querySelector('.pill [role=alert]')")
    assert "first bar before the last" in browser.text(".pill")


def test_themes_go_round_and_stay(browser: Browser, stand_in: Callable) -> None:
    opened(browser, stand_in(does=DOES))
    theme = "document.documentElement.dataset.theme"
    seen = [browser.js(theme)]
    for _ in range(2):
        browser.press("n")
        seen.append(browser.js(theme))
    assert seen == ["light", "dark", "pit"]
    browser.driver.refresh()
    assert browser.js(theme) == "pit"
    browser.ready()
    assert browser.js("getComputedStyle(document.documentElement).backgroundColor") == "rgb(11, 8, 6)"
    assert browser.js("getComputedStyle(document.querySelector('.page svg')).color") == "rgb(194, 139, 80)"


def test_the_phone_stops_by_a_hold(browser: Browser, stand_in: Callable) -> None:
    server = stand_in(does=DOES)
    browser.open(server.url, PHONE)
    browser.ready()
    server.say("controls", **DESK)
    server.state("following")
    server.position(33.0)
    browser.until("stage.score.layout.place && document.body.classList.contains('phone')")
    browser.until("document.querySelector('.phone-bottom .bar-main').textContent.startsWith('Stop')")
    box = browser.box(".phone-bottom .bar-main")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    browser.tap(x, y)
    event = {"type": "mousePressed", "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
    assert {"t": "stop"} not in server.heard
    browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    heard(server, t="stop")
    browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {**event, "type": "mouseReleased"})


def test_stems_have_faders(browser: Browser, stand_in: Callable) -> None:
    server = stand_in(does=["separate"], score=None)
    browser.open(server.url, WIDE)
    browser.until("document.body.dataset.view == 'stems'")
    server.say("controls", **(DESK | {"gains": {"vocals": -3.0, "drums": 0.0}, "muted": []}))
    browser.until("document.querySelectorAll('.stem:not(.stem-sum)').length == 2")
    browser.click(".mute[aria-label='solo vocals']")
    heard(server, t="mute", target="drums", on=True)
    browser.driver.execute_script("document.querySelector('.slider[aria-label=drums]').focus()")
    browser.press("ArrowDown")
    heard(server, t="gain", target="drums", db=-0.5)
    assert not browser.complaints()


def test_sounds_have_thresholds(browser: Browser, stand_in: Callable) -> None:
    server = stand_in(does=["detect"], score=None)
    browser.open(server.url, WIDE)
    browser.until("document.body.dataset.view == 'sounds'")
    server.say("controls", **(DESK | {"thresholds": {"dog": 0.6}}))
    for k in range(40):
        p = 0.8 if 10 <= k < 14 or 20 <= k < 22 else 0.1
        server.say("guesses", at_s=k / 10, emitted_at_s=k / 10, labels=["dog", "cat"], probabilities=[p, 0.05])
    server.say("sound", at_s=1.0, emitted_at_s=1.1, label="dog", active=True, probability=0.8)
    server.say("sound", at_s=1.4, emitted_at_s=1.5, label="dog", active=False, probability=0.8)
    browser.until("document.querySelectorAll('.sound-row').length == 2")
    browser.driver.execute_script("document.querySelectorAll('.sound-row')[1].click()")
    browser.until("document.querySelector('.would-tell .here b')?.textContent == '2'")
    browser.driver.execute_script("document.querySelector('.sound-detail .slider').focus()")
    browser.press("ArrowRight")
    heard(server, t="threshold", label="dog", p=0.61)
    browser.driver.execute_script(
        "[...document.querySelectorAll('.plain-button')].find((b) => b.textContent == 'Table').click()"
    )
    browser.until("document.querySelector('.sound-table td')?.textContent == '0:01'")
    assert not browser.complaints()
