"""`python -m docs.tools`: write all pages that are made from the code."""

from __future__ import annotations

from pathlib import Path

from docs.tools.api import write_api
from docs.tools.gallery import render_gallery
from docs.tools.papers import ROWS_PAGE, paper_rows_page
from docs.tools.settings import PAGE, settings_page

API = Path("site/api")

PAGE.write_text(settings_page(), encoding="utf-8")
print(f"wrote {PAGE}")
ROWS_PAGE.write_text(paper_rows_page(), encoding="utf-8")
print(f"wrote {ROWS_PAGE}")
print(f"wrote {write_api(API)}")
for path in render_gallery():
    print(f"wrote {path}")
