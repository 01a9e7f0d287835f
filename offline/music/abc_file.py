"""Tunes in ABC files as tokens: the header's metre and key, then the music of one voice in eighths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from offline.music.codecs.abc import MODES, tokenize

__all__ = ["AbcTune", "read_abc"]

AbcTune = tuple[str, list[str], str]  # its number in the file, its tokens, and why it is left out, or nothing
UNIT = "1/8"


def read_abc(path: Path) -> Iterator[AbcTune]:
    """Read every tune of a file."""
    text = path.read_text(encoding="utf8", errors="replace").replace("\r", "")
    for i, body in enumerate(("\n" + text).split("\nX:")[1:], 1):
        yield _tune(str(i), body.split("\n")[1:])  # the first line is the tune's number


def _tune(number: str, lines: list[str]) -> AbcTune:
    fields = {line[:2]: line[2:].split("%")[0].strip() for line in reversed(lines) if line[1:2] == ":"}
    if why := _unfit(fields):
        return number, [], why
    music = "\n".join(line for line in lines if line[1:2] != ":" or line[0] in "|:")
    head = [f"M:{fields.get('M:', '4/4')}", f"K:{_key(fields['K:'])}"]
    return number, [*head, *(t for t in tokenize(music) if t[:2] not in ("M:", "K:"))], ""


def _unfit(fields: dict[str, str]) -> str:
    """Return what a header has that these tokens cannot say."""
    if "V:" in fields:
        return "several voices"
    if "K:" not in fields:
        return "no key"
    unit = fields.get("L:", UNIT)
    return "" if unit in (UNIT, "") else f"the unit {unit}, where {UNIT} is read"


def _key(text: str) -> str:
    """Return one spelling of each key: D, Em, Amix, Edor."""
    match = re.match(r"([A-G][#b]?)\s*([A-Za-z]*)", text.strip())
    if match is None:
        return "C"
    mode = match[2].lower()[:3]
    return match[1] + {"maj": "", "ion": "", "min": "m", "aeo": "m"}.get(mode, mode if mode in MODES else "")
