"""The music font, for notes in text such as a metronome mark's, as a browser takes it."""

from __future__ import annotations

import base64
import re
from importlib.util import find_spec
from pathlib import Path

from engine.core.errors import EngineError

__all__ = ["music_font"]

SHEET = "data/Leipzig.css"  # in verovio; the font is under the Open Font License
WOFF2 = re.compile(r"font-woff2;[^,]*base64,([A-Za-z0-9+/=\s]+)")


def music_font() -> bytes:
    """Return Leipzig as WOFF2, out of the package of verovio; EngineError where it is not there."""
    spec = find_spec("verovio")  # which is not imported
    folders = spec.submodule_search_locations if spec is not None else None
    try:
        found = WOFF2.search(Path(next(iter(folders or ())), SHEET).read_text())
        return base64.b64decode(found[1]) if found is not None else b""
    except (OSError, StopIteration) as error:
        remedy = "pip install 'collaparte[stage]'"
        raise EngineError("music font", expected="the package verovio", got="none", remedy=remedy) from error
