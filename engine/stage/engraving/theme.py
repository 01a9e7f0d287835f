"""Make verovio's SVG fit for a page with themes and a strict content security policy."""

from __future__ import annotations

import re

__all__ = ["themed_svg"]

STYLE = re.compile(r"<style\b.*?</style>", re.DOTALL)  # a policy without inline styles ignores it
COLOUR = re.compile(r'(<svg class="definition-scale") color="black"')
MARGIN = '<g class="page-margin"'
STROKED = ' stroke="currentColor"'  # glyphs, stems, beams; in text it would be an outline
TEXT = re.compile(r"<text\b")
LOOKS = {  # what the style said, and bar numbers as the design wants them
    "mNum": 'font-weight="600"',
    "ending": 'font-weight="bold"',
    "reh": 'font-weight="bold"',
    "placeholder": 'visibility="hidden"',
    "tempo": 'font-weight="bold"',
    "dir": 'font-style="italic"',
    "dynam": 'font-style="italic"',
}
CLASS = re.compile(rf'class="(?:[^" ]+ )*?({"|".join(LOOKS)})(?: [^"]*)?"')


def themed_svg(text: str) -> str:
    """Return a page whose glyphs and strokes have the colour of the text around it, without inline styles."""
    text = STYLE.sub("", text, count=1)
    text = COLOUR.sub(r"\1", text, count=1)
    text = TEXT.sub('<text stroke="none"', text)
    text = CLASS.sub(lambda found: f"{found[0]} {LOOKS[found[1]]}", text)
    return text.replace(MARGIN, MARGIN + STROKED, 1)
