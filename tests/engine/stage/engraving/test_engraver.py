"""The engraving process: what it gives, what it refuses, and how it is lost and found again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.stage.engraving.cache import EngravedCache
from engine.stage.engraving.engraver import Engraver
from engine.stage.engraving.pages import PageLayout
from engine.stage.engraving.sheet import Sheet, read_sheet
from offline.synthesis.demo_piece import write_musicxml
from tests.optional import optional

optional("verovio")
PORTRAIT = PageLayout()
SMALL = PageLayout(width=500, height=420, scale=40)


@pytest.fixture(scope="module")
def minuet(tmp_path_factory: pytest.TempPathFactory) -> Sheet:
    path = tmp_path_factory.mktemp("minuet") / "minuet.musicxml"
    write_musicxml(path)
    return read_sheet(path)


@pytest.fixture(scope="module")
def engraver(tmp_path_factory: pytest.TempPathFactory, minuet: Sheet) -> Iterator[Engraver]:
    with Engraver(EngravedCache(tmp_path_factory.mktemp("cache"))) as made:
        made.load(minuet.data, minuet.score)
        yield made


def test_progress_is_told_and_never_goes_back(engraver: Engraver, minuet: Sheet) -> None:
    told: list[tuple[float, str]] = []
    engraver.load(minuet.data + b" ", minuet.score, on_progress=lambda share, what: told.append((share, what)))
    engraver.lay_out(SMALL, on_progress=lambda share, what: told.append((1 + share, what)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert {"reading", "engraving", "drawing"} & {what for _, what in told}


def test_a_page_is_the_same_however_it_was_reached(tmp_path: Path, minuet: Sheet) -> None:
    pages = []
    for name, layouts in (("a", [SMALL]), ("b", [PORTRAIT, SMALL])):
        with Engraver(EngravedCache(tmp_path / name)) as made:
            made.load(minuet.data, minuet.score)
            laid = [made.lay_out(layout) for layout in layouts][-1]
            pages.append([made.svg(laid.key, number) for number in range(1, laid.n_pages + 1)])
    assert len(pages[0]) > 1
    assert pages[0] == pages[1]


def test_pages_of_several_layouts_stay_there(engraver: Engraver) -> None:
    first, second = engraver.lay_out(SMALL), engraver.lay_out(PORTRAIT)
    assert first.key != second.key
    assert engraver.svg(first.key, first.n_pages) != engraver.svg(second.key, 1)


def test_an_svg_follows_the_theme_and_a_strict_policy(engraver: Engraver) -> None:
    text = engraver.svg(engraver.lay_out(PORTRAIT).key, 1).decode()
    assert "<style" not in text
    assert "style=" not in text
    assert "<script" not in text
    assert "black" not in text
    assert 'stroke="currentColor"' in text


@pytest.mark.parametrize("number", [0, -1, 999])
def test_a_page_that_is_not_there_is_refused(engraver: Engraver, number: int) -> None:
    key = engraver.lay_out(PORTRAIT).key
    with pytest.raises(EngineError, match="page"):
        engraver.svg(key, number)
    with pytest.raises(EngineError, match="page"):
        engraver.svg("0" * 32, 1)


def test_what_is_no_score_is_refused_in_one_line(tmp_path: Path, minuet: Sheet) -> None:
    with Engraver(EngravedCache(tmp_path)) as made:
        for data in (b"", b"<html></html>", b"PK\x03\x04", b"<score-partwise><part-list/>"):
            with pytest.raises(EngineError) as refused:
                made.load(data, minuet.score)
            assert "\n" not in str(refused.value)
            with pytest.raises(EngineError, match="score"):
                made.lay_out(PORTRAIT)
        made.load(minuet.data, minuet.score)
        assert made.lay_out(PORTRAIT).n_pages == 1


def test_a_process_that_dies_is_replaced(tmp_path: Path, minuet: Sheet) -> None:
    with Engraver(EngravedCache(tmp_path)) as made:
        made.load(minuet.data, minuet.score)
        assert made.process is not None
        os.kill(made.process, signal.SIGKILL)
        pages = made.lay_out(SMALL)
        assert made.svg(pages.key, pages.n_pages).startswith(b"<svg")


def test_closing_ends_the_process_and_who_waits(tmp_path: Path, minuet: Sheet) -> None:
    made = Engraver(EngravedCache(tmp_path))
    made.load(minuet.data, minuet.score)
    process = made.process
    assert process is not None
    os.kill(process, signal.SIGSTOP)  # it answers no more
    refused: list[EngineError] = []

    def lay_out() -> None:
        try:
            made.lay_out(SMALL)
        except EngineError as error:
            refused.append(error)

    waiting = threading.Thread(target=lay_out)
    waiting.start()
    began = time.monotonic()
    made.close()
    waiting.join(60)
    assert [("closed" in str(each)) for each in refused] == [True]
    assert made.process is None
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert time.monotonic() - began < 60


def test_what_was_engraved_is_there_the_next_time_without_a_process(tmp_path: Path, minuet: Sheet) -> None:
    with Engraver(EngravedCache(tmp_path)) as made:
        made.load(minuet.data, minuet.score)
        before = made.lay_out(PORTRAIT)
        page = made.svg(before.key, 1)
    with Engraver(EngravedCache(tmp_path)) as again:
        again.load(minuet.data, minuet.score)
        assert again.lay_out(PORTRAIT) == before
        assert again.svg(before.key, 1) == page
        assert again.process is None
