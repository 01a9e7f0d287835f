"""The printed copy of a score that a test writes, and what is in it."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

from engine.stage.engraving.printing.copy import printed_score


def printed(text: str) -> Element:
    """The printed copy of a score."""
    return fromstring(printed_score("piece", text.encode()).data)


def in_bar(root: Element, bar: int = 1, part: int = 1) -> list[Element]:
    """The notes and rests of a bar, counted from 1, in the order of the file."""
    return root.findall("part")[part - 1].findall("measure")[bar - 1].findall("note")


def texts(notes: list[Element], path: str) -> list[str | None]:
    """What each note has at a path."""
    return [note.findtext(path) for note in notes]
