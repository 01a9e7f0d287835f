"""Name the files of the page in the browser; what is not in this table is never served."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import MappingProxyType

__all__ = ["PAGE_FOLDER", "PAGE_INDEX", "page_files"]

PAGE_FOLDER = Path(__file__).parent
PAGE_INDEX = PAGE_FOLDER / "index.html"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".html": "text/html"}


@cache
def page_files() -> MappingProxyType[str, tuple[Path, str]]:
    """Return the path and content type of each file by its name under /static/, such as `js/score/pages.js`."""
    paths = (path for path in sorted(PAGE_FOLDER.rglob("*")) if path.suffix in TYPES)
    return MappingProxyType({path.relative_to(PAGE_FOLDER).as_posix(): (path, TYPES[path.suffix]) for path in paths})
