"""The real command with the real page in a real browser."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.cli.live.stage_music import played, written
from tests.cli.live.staged import staged
from tests.engine.stage.page.browser import PHONE, Browser, chromium

WATCH = """(() => {
  const seen = window.seen = {places: [], pages: [], frames: 0};
  const look = () => {
    seen.frames += 1;
    const band = document.querySelector('.sheet:not(.coming) .band');
    const box = band?.getBoundingClientRect();
    const page = [...document.querySelectorAll('.page.shown')].map(p => +p.dataset.page).sort().join();
    if (box?.width && !band.classList.contains('away')) seen.places.push([page, box.y, box.x]);
    if (seen.pages.at(-1) != page) seen.pages.push(page);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  return true;
})()"""
SAME_SYSTEM = 40.0  # CSS pixels between the cursor's tops in one system
BACK = 3.0  # CSS pixels that a soft correction may take back: far less than a quarter


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as window:
        yield window


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("study"))


@pytest.fixture(autouse=True)
def _afterwards(browser: Browser) -> Iterator[None]:
    """Leave the page before its server goes, and forget what it complained of."""
    yield
    browser.driver.get("about:blank")
    browser.driver.get_log("browser")


def says(browser: Browser, text: str) -> Any:
    return browser.until("document.body.innerText.includes(arguments[0])", text)


def test_a_wrong_token_is_refused_and_the_right_one_lets_in(browser: Browser, study: Path) -> None:
    """Nothing is followed: only the door is tried, and the first page of music comes."""
    with staged(study, "--input", "mic", "--begin", "button", "--host", "0.0.0.0") as stage:
        browser.driver.get(f"{stage.base}/enter?token=guessed")
        assert "opens nothing" in browser.text("body")
        browser.driver.get(stage.base)
        assert "its token" in browser.text("body")
        browser.open(stage.address)
        browser.ready()
        assert browser.js("location.search + location.pathname") == "/"
        assert browser.js("document.cookie") == ""  # scripts cannot read it
        assert browser.js("document.querySelectorAll('.page.shown .note').length") > 50
        assert [line for line in browser.complaints() if "401" not in line] == []


@pytest.mark.slow
def test_the_page_follows_a_take_and_turns(browser: Browser, study: Path) -> None:
    take = played(study)
    with staged(study, "--input", take) as stage:
        browser.open(stage.base, PHONE)
        browser.ready()
        browser.js(WATCH)
        says(browser, "Following")
        says(browser, "The end")
        seen = browser.js("window.seen")
        assert browser.complaints() == []
        assert stage.interrupt() == 0
    assert len(seen["pages"]) >= 2 and seen["pages"] == sorted(seen["pages"])
    tops = [(page, y) for page, y, _ in seen["places"]]
    assert len({(page, round(y / SAME_SYSTEM)) for page, y in tops}) >= 4
    steps = [(a, b) for a, b in pairwise(seen["places"]) if a[0] == b[0] and abs(a[1] - b[1]) < SAME_SYSTEM]
    back = [a[2] - b[2] for a, b in steps if b[2] < a[2] - BACK]
    assert len(back) <= 1  # the repeat, where it lies within one system


@pytest.mark.slow
def test_a_click_sends_the_follower_there(browser: Browser, study: Path) -> None:
    take = played(study, seconds=6, silence_s=600)
    with staged(study, "--input", take) as stage:
        browser.open(stage.base)
        browser.ready()
        says(browser, "Following")
        says(browser, "Paused")  # the player has stopped
        first = browser.box(".page.shown .note .notehead")
        browser.tap(first["x"] + first["width"] / 2, first["y"] + first["height"] / 2)
        says(browser, "From bar 1")
        browser.click(".pill-go")
        says(browser, "Waiting for you")
        browser.until("document.querySelector('#strip-bar').textContent == '1'")
        assert browser.complaints() == []


@pytest.mark.slow
def test_a_lost_server_is_found_again(browser: Browser, study: Path) -> None:
    take = played(study, seconds=20)
    with staged(study, "--input", take, "--begin", "now") as stage:
        browser.open(stage.base)
        browser.ready()
        says(browser, "Following")
        port = stage.port
        stage.kill()
        says(browser, "No connection")
        assert browser.js("document.querySelectorAll('.page.shown .note').length") > 50
    with staged(study, "--input", take, "--begin", "now", port=port):
        browser.until("!document.body.innerText.includes('No connection')")
        says(browser, "Following")


@pytest.mark.slow
def test_ctrl_c_ends_the_command_and_says_so_to_the_page(browser: Browser, study: Path) -> None:
    with staged(study, "--input", played(study, seconds=20)) as stage:
        browser.open(stage.base)
        says(browser, "Following")
        stage.process.send_signal(signal.SIGINT)
        assert stage.process.wait(20) == 0
        says(browser, "No connection")
