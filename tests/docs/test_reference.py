"""The pages that are made from the code are as the code is now."""

from __future__ import annotations

from pathlib import Path

from docs.tools.api import write_api
from docs.tools.papers import ROWS_PAGE, paper_rows_page
from docs.tools.settings import PAGE, settings_page


def test_the_page_of_settings_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page(), "run `make docs`"


def test_the_page_of_the_papers_rows_is_up_to_date() -> None:
    assert ROWS_PAGE.read_text(encoding="utf-8") == paper_rows_page(), "run `make docs`"


def test_api_pages_are_written(tmp_path: Path) -> None:
    index = write_api(tmp_path, ("engine.score", "engine.separation", "offline.alignment"))
    assert index.is_file()
    page = (tmp_path / "engine" / "score.html").read_text(encoding="utf-8")
    assert "read_score" in page and "make_score" in page
