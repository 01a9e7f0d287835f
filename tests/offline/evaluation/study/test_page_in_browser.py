"""The page of a study in a real browser: hear, rate, come back, save, analyse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from offline.evaluation.study import make
from offline.evaluation.study.make import write_study
from offline.evaluation.study.pieces import StudyPiece
from offline.evaluation.study.ratings import read_ratings
from offline.evaluation.study.report import analyse_study
from offline.evaluation.study.scales import SCALES
from offline.music.piece import Piece, make_notes
from tests.offline.evaluation.page_browser import await_page, needs_browser, webdriver

pytestmark = [
    needs_browser,
    pytest.mark.slow,
]
N_PIECES, SECONDS, RATE = 2, 0.4, 8000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of two systems whose pieces are short tones."""
    tone = 0.1 * np.sin(np.arange(round(SECONDS * RATE)))
    monkeypatch.setattr(make, "_render", lambda each, path, font: soundfile.write(path, tone, RATE))
    piece = Piece(notes=make_notes([(0, 4, 60, 0)]), n_steps=4)
    found = [StudyPiece(system=name, origin=str(i), piece=piece) for name in ("Ax", "Bx") for i in range(N_PIECES)]
    write_study(found, SCALES, tmp_path / "study", seed=1)
    return tmp_path / "study"


def _begin(browser: webdriver.Chrome, folder: Path, *, composer: bool) -> None:
    browser.get((folder / "page" / "index.html").as_uri())
    browser.find_element("id", "rater").send_keys("Ann Ö.")
    if composer:
        browser.find_element("id", "composer").click()
    browser.find_element("css selector", "#begin button").click()


def _rate(browser: webdriver.Chrome, liked: set[str]) -> None:
    """Hear a piece and rate it 6 on every scale if it is liked, else 2."""
    following = browser.find_element("id", "next")
    assert not following.is_enabled(), "a rating before anything was heard"
    name = browser.execute_script("return document.getElementById('sound').getAttribute('src')")
    value = 6 if name in liked else 2
    for label in browser.find_elements("css selector", f"input[value='{value}']"):
        label.click()
    assert not following.is_enabled(), "rated without being heard"
    browser.execute_script("document.getElementById('sound').play()")
    await_page(following.is_enabled, "the end of the piece")
    following.click()


def test_a_composer_rates_comes_back_and_saves(browser: webdriver.Chrome, folder: Path, tmp_path: Path) -> None:
    liked = {row["file"] for row in json.loads((folder / "study.json").read_text())["pieces"] if row["system"] == "Bx"}
    _begin(browser, folder, composer=True)
    order = browser.execute_script("return state.order")
    assert len(browser.find_elements("css selector", "fieldset")) == len(SCALES)
    _rate(browser, liked)
    _begin(browser, folder, composer=False)  # the page was closed; what was rated is there
    assert browser.find_element("id", "place").text == "Piece 2 of 4"
    assert browser.execute_script("return state.order") == order
    for _ in range(3):
        _rate(browser, liked)
    for kind in ("json", "csv"):
        browser.find_element("id", kind).click()
        await_page(lambda k=kind: list((tmp_path / "saved").glob(f"*.{k}")), "the download")
    for path in (tmp_path / "saved").glob("ratings-*"):
        scores = analyse_study(read_ratings(folder, [path]))
        assert len(scores) == len(SCALES)
        assert {name: mean.value for score in scores for name, mean in score.means.items()} == {"Ax": 2, "Bx": 6}
    assert len(list((tmp_path / "saved").glob("ratings-Ann_*"))) == 2


def test_other_listeners_hear_another_order_and_fewer_questions(browser: webdriver.Chrome, folder: Path) -> None:
    _begin(browser, folder, composer=False)
    everybody = [scale for scale in SCALES if not scale.composers]
    assert len(browser.find_elements("css selector", "fieldset")) == len(everybody)
    orders = browser.execute_script(
        "return ['a', 'b', 'c', 'd', 'e'].map(rater => shuffled(study.files, rater).join())"
    )
    assert len(set(orders)) > 1
    assert {tuple(sorted(order.split(","))) for order in orders} == {
        tuple(browser.execute_script("return study.files"))
    }
