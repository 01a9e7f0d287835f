"""Whether the page is turned when the music is there, on a tablet six times as slow as this processor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import verovio

from tests.engine.stage.page.browser import TABLET, chromium
from tests.engine.stage.page.music import SmallScore
from tests.engine.stage.page.stand_in import StandIn

__all__ = ["PageTurns", "page_turns"]

SLOWER = 6
BARS, FROM, TO, BPM = 120, 40.0, 360.0, 400.0  # quarters; three times as fast as music goes by
RECORD = """(() => {
  const seen = window.seen = [];
  const look = (now) => {
    const place = stage.score.layout.place;
    seen.push([now, place ? place.page : 0]);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  return true;
})()"""


class PageTurns(NamedTuple):
    """What was seen.

    pages: how many came
    missing: frames in which the cursor's page was not there; frames: of all
    longest_s: the longest frame
    """

    pages: int
    missing: int
    frames: int
    longest_s: float


def page_turns() -> PageTurns:
    """Play through the pages of a score in a browser whose processor is slowed down."""
    with StandIn(SmallScore(BARS, 0), verovio) as server, chromium() as browser:
        browser.open(server.url, TABLET)
        browser.ready()
        server.state("following")
        server.position(FROM)
        browser.until("stage.score.layout.place && stage.score.layout.book.page(2)")
        browser.driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        browser.js(RECORD)
        server.play(FROM, TO, BPM)
        browser.driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 1})
        seen = np.array(browser.js("window.seen"))
    frames_s = np.diff(seen[:, 0]) / 1000
    return PageTurns(len(set(seen[:, 1]) - {0}), int((seen[:, 1] == 0).sum()), len(seen), float(frames_s.max()))


if __name__ == "__main__":
    print(page_turns())
