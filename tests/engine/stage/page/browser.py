"""A real Chromium that shows the page, and what tests ask it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from tests.stage_tools import needs_tool

PATIENCE_S = 40.0  # a browser on a busy machine
TABLET, WIDE, PHONE = (820, 1180), (1180, 820), (390, 844)
STAGE = (
    "JSON.stringify([document.body.dataset, stage.told.link, stage.told.state, stage.told.progress, stage.told.hello])"
)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--hide-scrollbars",
)


class Browser:
    """A window on the page."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def size(self, width: int, height: int) -> None:
        """Be a screen of this size."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, url: str, size: tuple[int, int] = TABLET) -> None:
        """Show a page for the first time: nothing is remembered of the one before."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")  # what the page before had to complain of
        self.size(*size)
        self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": url.rstrip("/"), "storageTypes": "all"})
        self.driver.get(url)

    def js(self, script: str, *arguments: Any) -> Any:
        """Return the value of an expression."""
        return self.driver.execute_script(f"return {script}", *arguments)

    def until(self, script: str, *arguments: Any, patience_s: float = PATIENCE_S) -> Any:
        """Wait until an expression is true, and return it."""
        limit = time.monotonic() + patience_s
        while not (value := self.js(script, *arguments)):
            assert time.monotonic() < limit, (
                f"{script}: not within {patience_s} s; {self.complaints()} {self.js(STAGE)}"
            )
            time.sleep(0.02)
        return value

    def ready(self) -> None:
        """Wait for the first page of music."""
        self.until("document.querySelector('.page.shown') && !document.querySelector('.sheet.coming')")

    def complaints(self) -> list[str]:
        """Return what went wrong in the page, its policy's refusals among it."""
        told = [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        return [*told, *(self.js("window.stageErrors ?? []"))]

    def tap(self, x: float, y: float) -> None:
        """Tap a point of the screen."""
        for kind in ("mousePressed", "mouseReleased"):
            event = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1, "buttons": 1}
            self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    def press(self, key: str, text: str = "", repeat: bool = False) -> None:
        """Press and release a key, by its name in the browser."""
        event = {"type": "keyDown", "key": key, "text": text or (key if len(key) == 1 else ""), "autoRepeat": repeat}
        self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", event)
        self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", "key": key})

    def click(self, selector: str) -> None:
        """Click an element."""
        self.driver.find_element("css selector", selector).click()

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return self.js("document.querySelector(arguments[0])?.textContent ?? ''", selector)

    def box(self, selector: str) -> dict[str, float]:
        """Return the box of the first element found, on the screen."""
        return self.until("document.querySelector(arguments[0])?.getBoundingClientRect().toJSON()", selector)

    def head(self, number: int) -> tuple[float, float]:
        """Return the middle of a note's head on the screen."""
        box = self.box(f".page.shown #cp{number} .notehead")
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def cursor(self) -> float | None:
        """Return the middle of the cursor on the screen, None where it is not to be seen."""
        box = self.js(
            "(band => band.classList.contains('away') || band.dataset.mode == 'none' ? null"
            " : band.getBoundingClientRect().toJSON())(document.querySelector('.sheet:not(.coming) .band'))"
        )
        return None if box is None else box["x"] + box["width"] / 2

    def shown(self) -> list[int]:
        """Return the pages in view."""
        return self.js("[...document.querySelectorAll('.page.shown')].map(p => +p.dataset.page).sort((a, b) => a - b)")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser; it ends, whatever happens."""
    program, service = needs_tool("chromium", "chromium"), needs_tool("chromedriver", "chromium-driver")
    webdriver = import_module("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(service))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


def eventually(true: Callable[[], bool], what: str) -> None:
    """Wait for something outside the browser."""
    limit = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < limit, f"{what} did not happen within {PATIENCE_S} s"
        time.sleep(0.02)
