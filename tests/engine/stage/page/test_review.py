"""A take again: the cursor goes with the recording, the curve tells where it was slower, notes are played from."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.stage.page.browser import TABLET, WIDE, Browser
from tests.engine.stage.page.music import SmallScore
from tests.optional import optional

pytestmark = pytest.mark.slow
for package in ("aiohttp", "verovio", "selenium"):
    optional(package)

RATE_HZ, BPM, SLOW = 8000, 120.0, range(40, 44)  # bars that are played a tenth slower


def take(score: SmallScore) -> tuple[dict[str, Any], bytes]:
    """Positions ten a second and silence as long; bar 41 of the played ones is where the place was lost."""
    positions, at_s, quarter = [], 0.0, 0.0
    while quarter < score.end:
        bpm = BPM * (0.9 if int(quarter // 4) in SLOW else 1.0)
        positions.append([round(at_s, 3), round(quarter, 4), bpm, 0.9])
        at_s, quarter = at_s + 0.1, quarter + 0.1 * bpm / 60
    lost_s = next(row[0] for row in positions if row[1] >= 4 * 41)
    states = [{"name": "following", "at_s": 0.0}, {"name": "lost", "at_s": lost_s}]
    states += [{"name": "following", "at_s": lost_s + 1.5}]
    body = {"audio": "/api/review/audio", "duration_s": at_s, "positions": positions, "states": states, "events": []}
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(bytes(2 * int(at_s * RATE_HZ)))
    return body, sound.getvalue()


def reviewed(browser: Browser, stand_in: Callable, study: SmallScore, size: tuple[int, int]) -> Any:
    server = stand_in(mode="review", running=False)
    server.review, server.audio = take(study)
    browser.open(server.url, size)
    browser.ready()
    browser.until("document.querySelectorAll('.tint-slower').length > 0")
    return server


@pytest.mark.parametrize("size", [TABLET, WIDE])
def test_a_take_is_looked_at_again(
    browser: Browser, stand_in: Callable, study: SmallScore, size: tuple[int, int]
) -> None:
    reviewed(browser, stand_in, study, size)
    assert browser.js("document.querySelectorAll('.tint-slower').length") == len(SLOW)
    assert browser.js("document.querySelectorAll('.tint-faster').length") == 0
    numbers = [bar[1] for bar in study.bars]
    again = [k for k in range(1, len(numbers)) if numbers[k] not in (numbers[k - 1], numbers[k - 1] + 1)]
    assert browser.js("document.querySelectorAll('.curve-jump').length") == len(again) > 0
    axis = browser.js("[...document.querySelectorAll('.curve-bar')].map((each) => Number(each.textContent))")
    assert axis[0] == numbers[0] and {numbers[k] for k in again} <= set(axis)
    lost = study.bars[41][1]
    assert browser.text(".loss-text") == f"bar {lost}, 1.5 s"
    assert "found 99 %" in browser.text(".review-facts")
    assert (
        browser.js(
            "document.querySelector('.bar').hidden && getComputedStyle(document.querySelector('#strip')).display"
        )
        == "none"
    )
    browser.press("ArrowRight")
    browser.until("stage.score.lookAt > 3.9 && stage.score.lookAt < 4.2")
    browser.until("document.querySelector('.review-buttons .strip-bar').textContent == '2'")
    x, y = browser.head(study.onsets[24][3][0])
    browser.tap(x, y)
    browser.until("!document.querySelector('.pill').hidden")
    assert browser.text(".pill-go") == "Listen"
    browser.click(".pill-go")
    browser.until(
        "stage.score.lookAt >= 12 && document.querySelector('.review-buttons .bar-main').textContent == 'Pause'"
    )
    browser.until("document.querySelector('.band').dataset.mode == 'following' && stage.score.layout.place")
    browser.press(" ")
    browser.until("document.querySelector('.review-buttons .bar-main').textContent == 'Play'")
    browser.driver.execute_script(
        "[...document.querySelectorAll('.review-buttons button')].find((b) => b.textContent == 'Table').click()"
    )
    rows = browser.js("[...document.querySelectorAll('.review-table tbody tr')].map((r) => r.textContent)")
    assert len(rows) == len(study.bars)
    assert ["slower" in row for row in rows] == [k in SLOW for k in range(len(rows))]
    assert "lost" in rows[41]
    assert not browser.complaints()
