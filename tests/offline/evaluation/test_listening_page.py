"""The listening test's page in a real browser: play both, choose, save, analyse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from offline.evaluation.listening_test import analyse_answers, write_test
from tests.offline.evaluation.page_browser import await_page, needs_browser, webdriver

ActionChains = webdriver.ActionChains
pytestmark = needs_browser


def _tones(folder: Path) -> dict[str, list[Path]]:
    sounds = {}
    for name, pitch_hz in (("High", 880.0), ("Low", 220.0)):
        sounds[name] = [folder / f"{name}.wav"]
        soundfile.write(sounds[name][0], 0.1 * np.sin(2 * np.pi * pitch_hz * np.arange(8000) / 8000), 8000)
    return sounds


def _listen(browser: webdriver.Chrome) -> dict[str, str]:
    """Press play on both sounds, at the left of the browser's own control; returns the files by place."""
    for place in ("a", "b"):
        assert not _buttons(browser)[0].is_enabled(), "a choice before both were played"
        player = browser.find_element("id", place)
        ActionChains(browser).move_to_element_with_offset(player, 25 - player.size["width"] // 2, 0).click().perform()
        await_page(lambda p=place: browser.execute_script(f"return played.{p}"), f"sound {place}")
    return {p: browser.execute_script(f"return document.getElementById('{p}').getAttribute('src')") for p in "ab"}


def _buttons(browser: webdriver.Chrome) -> list:
    return browser.find_elements("tag name", "button")


def test_a_listener_hears_chooses_and_saves(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """The one who always prefers one system is found to, whatever the order of places and pairs."""
    folder = tmp_path / "page"
    write_test(_tones(tmp_path), folder, n_pairs=6)
    key = json.loads((folder / "key.json").read_text())
    browser.get((folder / "index.html").as_uri())
    for i in range(6):
        assert browser.find_element("id", "place").text == f"Pair {i + 1} of 6"
        files = _listen(browser)
        high = next(place for place, name in files.items() if key[name] == "High")
        _buttons(browser)[2 if i == 5 else "ab".index(high)].click()
    assert not browser.find_element("id", "choice").is_displayed()
    browser.find_element("id", "save").click()
    saved = tmp_path / "saved" / "answers.json"
    await_page(saved.exists, "the download")
    (found,) = analyse_answers(folder, [saved])
    assert (found.one, found.wins, found.losses, found.ties) == ("High", 5, 0, 1)


def test_the_page_does_not_tell_whose_sound_it_is(browser: webdriver.Chrome, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    write_test(_tones(tmp_path), folder, n_pairs=2)
    browser.get((folder / "index.html").as_uri())
    shown = browser.page_source
    assert "High" not in shown and "Low" not in shown and "key.json" not in shown
