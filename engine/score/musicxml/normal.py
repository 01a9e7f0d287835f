"""Normalise MusicXML: one shape for what programs write in many.

What comes out is partwise; its parts are those of the list; divisions and durations are whole numbers; a part on
several staves says how many; every note has an id of its own. It can be given to an engraver: the ids in it are those
of the notes in the Score.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from xml.etree.ElementTree import Element, SubElement

from engine.core.errors import ScoreError

__all__ = ["NOTE_ID", "exact_number", "normalise"]

NOTE_ID = "cp"  # before the number of a note, as its id
NUMBER = re.compile(r"\s*([+-]?\d{1,9}(?:[.,]\d{0,9})?|[+-]?[.,]\d{1,9})\s*")
COUNTED = ("divisions", "duration", "offset")
BEFORE_STAVES = ("footnote", "level", "divisions", "key", "time")


@lru_cache(maxsize=4096)
def exact_number(text: str | None) -> Fraction | None:
    """Return the number in a text, with a decimal point or comma, or None.

    >>> exact_number(" 72,5 ")
    Fraction(145, 2)
    """
    found = NUMBER.fullmatch(text or "")
    return Fraction(found[1].replace(",", ".").rstrip(".")) if found else None


def normalise(where: str, root: Element) -> list[str]:
    """Normalise a score, as `musicxml_root` gives it, in place; return what was mended.

    Raises ScoreError for a score without parts, and for divisions and durations that are no numbers.
    """
    if root.tag == "score-timewise":
        _make_partwise(root)
    parts = root.findall("part")
    if not parts:
        raise ScoreError(where, expected="a score with parts", got="none", remedy="export it again with its notes")
    notices = _list_parts(root, parts)
    for part in parts:
        _make_whole(where, part)
        _name_staves(part)
    for number, note in enumerate(root.iter("note")):
        note.set("id", f"{NOTE_ID}{number}")
    return notices


def _make_partwise(root: Element) -> None:
    """Turn measures of parts into parts of measures."""
    parts: dict[str, Element] = {}
    for measure in root.findall("measure"):
        root.remove(measure)
        for piece in measure.findall("part"):
            name = piece.get("id", "")
            part = parts.setdefault(name, Element("part", {"id": name}))
            part.append(piece)
            piece.tag, piece.attrib = "measure", dict(measure.attrib)
    root.extend(parts.values())
    root.tag = "score-partwise"


def _list_parts(root: Element, parts: list[Element]) -> list[str]:
    """Make the list of parts name those that are there."""
    listing = root.find("part-list")
    if listing is None:
        listing = Element("part-list")
        root.insert(list(root).index(parts[0]), listing)
    listed = {entry.get("id", ""): entry for entry in listing.findall("score-part")}
    free = iter([name for name in listed if name not in {part.get("id") for part in parts}])
    for number, part in enumerate(parts, start=1):
        name = part.get("id") or next(free, f"P{number}")
        part.set("id", name)
        if name not in listed:
            listed[name] = SubElement(listing, "score-part", {"id": name})
            SubElement(listed[name], "part-name")
    there, notices = {part.get("id") for part in parts}, []
    for name, entry in listed.items():
        if name not in there:
            listing.remove(entry)
            notices.append(f"the part {(entry.findtext('part-name') or name).strip()} is listed but not there")
    return notices


def _make_whole(where: str, part: Element) -> None:
    """Write divisions and durations of a part as whole numbers, all times the same factor."""
    found = list(_counted(where, part))
    factor = math.lcm(*(value.denominator for _, value in found))
    for element, value in found:
        element.text = str(value.numerator * (factor // value.denominator))


def _counted(where: str, part: Element) -> Iterator[tuple[Element, Fraction]]:
    """Yield every element of a part that counts divisions, with its value; an offset that is no number is dropped."""
    for measure in part:
        for element in [each for each in measure.iter() if each.tag in COUNTED]:
            value = exact_number(element.text)
            if value is None and element.tag == "offset":
                element.text, value = "0", Fraction(0)
            least = {"divisions": 1e-9, "duration": 0.0}.get(element.tag, -math.inf)
            if value is None or value < least:
                place = f"{where}, part {part.get('id')}, bar {measure.get('number')}"
                got = f"<{element.tag}> {str(element.text or '').strip()[:20]!r}"
                raise ScoreError(place, expected="a number above 0", got=got, remedy="export the score again")
            yield element, value


def _name_staves(part: Element) -> None:
    """Say how many staves a part has, where it uses several and does not say so."""
    used = max((int(text) for text in map(_text, part.iter("staff")) if text.isdecimal() and len(text) < 3), default=1)
    attributes = part.find("measure/attributes")
    if used < 2 or part.find("measure/attributes/staves") is not None or attributes is None:
        return
    place = sum(1 for child in attributes if child.tag in BEFORE_STAVES)
    staves = Element("staves")
    staves.text = str(used)
    attributes.insert(place, staves)


def _text(element: Element) -> str:
    return (element.text or "").strip()
