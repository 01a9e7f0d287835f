"""Write a bar anew, voice after voice, after something has been put into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from engine.stage.engraving.printing.timeline import PlacedNote, PrintedBar, move_element

__all__ = ["rewrite_bar"]

MOVES = ("backup", "forward")


class _Token(NamedTuple):
    """A child of a bar: where it stands, and how far it leads."""

    element: Element
    at: int
    advance: int
    is_note: bool


def rewrite_bar(bar: PrintedBar, added: Sequence[PlacedNote]) -> None:
    """Put rests into a bar of which they are notes already, each into its voice; what else is there keeps its place."""
    ends = [child for child in bar.measure if child.tag == "barline" and child.get("location", "right") == "right"]
    for barline in ends:
        bar.measure.remove(barline)
    streams = _streams(bar, added)
    for rest in added:
        tokens = streams.setdefault(rest.voice, [])
        later = (i for i, token in enumerate(tokens) if token.at >= rest.end or (token.is_note and token.at >= rest.at))
        tokens.insert(next(later, len(tokens)), _Token(rest.element, rest.at, rest.duration, True))
    bar.measure[:] = [*_written(streams), *ends]


def _streams(bar: PrintedBar, added: Sequence[PlacedNote]) -> dict[str, list[_Token]]:
    """Return the children of a bar by voice; what is no note goes with the next note, or with the last one."""
    placed = {id(note.element): note for note in bar.notes}
    streams: dict[str, list[_Token]] = {}
    waiting: list[_Token] = []
    voice, at = "", 0
    for child in bar.measure:
        if (note := placed.get(id(child))) is not None:
            voice = note.voice
            streams.setdefault(voice, []).extend(waiting)
            waiting = []
            advance = 0 if note.chord else note.duration
            streams[voice].append(_Token(child, note.at, advance, True))
            at = at if note.chord else note.at + advance
        elif child.tag in MOVES:
            at = max(at + _moved(child), 0)
        else:
            waiting.append(_Token(child, at, 0, False))
    streams.setdefault(voice or (added[0].voice if added else ""), []).extend(waiting)
    return streams


def _moved(element: Element) -> int:
    duration = int((element.findtext("duration") or "0").strip() or 0)
    return duration if element.tag == "forward" else -duration


def _written(streams: dict[str, list[_Token]]) -> Iterator[Element]:
    """Yield the children, with the moves that they need between them."""
    at = 0
    for tokens in streams.values():
        for token in tokens:
            chord = token.is_note and token.element.find("chord") is not None
            if not chord and token.at != at:
                yield move_element("forward" if token.at > at else "backup", abs(token.at - at))
                at = token.at
            yield token.element
            at += token.advance
