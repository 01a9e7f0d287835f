"""Write the API pages: every public name of the four floors, by pdoc."""

from __future__ import annotations

from pathlib import Path

import pdoc

__all__ = ["FLOORS", "write_api"]

FLOORS = ("engine", "models", "offline", "cli")


def write_api(folder: Path, packages: tuple[str, ...] = FLOORS) -> Path:
    """Write HTML pages of the packages to the folder; return the first page."""
    pdoc.render.configure(docformat="markdown", show_source=True)
    pdoc.pdoc(*packages, output_directory=folder)
    return folder / "index.html"
