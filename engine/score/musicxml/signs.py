"""The signs of one part that rule the order of play, from barlines, directions and sounds."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple
from xml.etree.ElementTree import Element

from engine.score.form import ending_numbers
from engine.score.musicxml.bars import PartBar, PlacedSign
from engine.score.musicxml.words import CODA, SEGNO, JumpWords, jump_words

__all__ = ["BEGINS", "Sign", "bar_signs"]

BEGINS = {"forward", "ending", "segno", "coda", "trio"}  # signs that belong to what follows them
CHARACTERS = {"segno": SEGNO, "coda": CODA}
ATTRIBUTES = {  # of <sound>, and what each means
    "dacapo": "dacapo",
    "dalsegno": "dalsegno",
    "segno": "segno",
    "coda": "coda",
    "tocoda": "to coda",
    "fine": "fine",
    "forward-repeat": "forward",
}
YES_OR_NO = {"dacapo", "fine", "forward-repeat"}
PART_OF = {"coda sign": {"coda", "to coda"}, "segno": {"dalsegno"}, "al coda": {"to coda"}}  # a sign beside a sound


class Sign(NamedTuple):
    """A sign in a bar.

    kind: that of `JumpWords`, or "forward", "backward", "ending", "ending stop", "final" (a barline that ends a piece)
    at: quarters from the beginning of the bar; `None` at its end
    sound: whether a `<sound>` or barline says it, not words alone
    words: label, until, repeats
    times, after_jump: of a backward sign; numbers: of an ending
    """

    kind: str
    at: Fraction | None
    sound: bool
    words: JumpWords = JumpWords("")
    times: int = 0
    after_jump: bool = False
    numbers: tuple[int, ...] = ()


def bar_signs(bar: PartBar) -> Iterator[Sign]:
    """Yield the signs of a bar in their order."""
    for sign in bar.signs:
        at = None if sign.at >= bar.reach and sign.begun else sign.at
        if sign.element.tag == "barline":
            yield from _barline(sign, at)
        else:
            yield from _direction(sign.element, at)


def _barline(sign: PlacedSign, at: Fraction | None) -> Iterator[Sign]:
    """Yield repeat, endings, segno and coda of a barline; without a location it stands where it is written."""
    line, zero = sign.element, Fraction(0)
    location = line.get("location")
    place = {"left": zero, "middle": at}.get(location or "")
    opening = zero if location is None and not sign.begun else place
    for repeat in line.findall("repeat"):
        if repeat.get("direction") == "forward":
            yield Sign("forward", opening, True)
        elif repeat.get("direction") == "backward":
            times, again = repeat.get("times", ""), repeat.get("after-jump") == "yes"
            number = int(times) if times.isdecimal() and len(times) < 7 else 0
            yield Sign("backward", place, True, times=number, after_jump=again)
    if (line.findtext("bar-style") or "").strip() == "light-heavy" and line.find("repeat") is None:
        yield Sign("final", place, True)
    for ending in line.findall("ending"):
        if ending.get("type") == "start":
            numbers = ending_numbers(ending.get("number", "")) or ending_numbers(ending.text or "")
            yield Sign("ending", opening, True, numbers=numbers)
        else:
            yield Sign("ending stop", place, True)
    for kind in ("segno", "coda"):
        if line.get(kind) is not None:
            yield Sign(kind, opening, True, JumpWords(kind, line.get(kind, "")))
        elif line.find(kind) is not None:
            found = "segno" if kind == "segno" else "coda sign"
            yield Sign(found, opening, False, JumpWords(found))


def _direction(element: Element, at: Fraction | None) -> Iterator[Sign]:
    """Yield what a direction or a sound says; where it has a sound, its words and signs only add to that."""
    words = jump_words(_text(element))
    said = [each for sound in _sounds(element) for each in _said(sound)]
    for kind, label in said:
        more = words if words is not None and words.kind == kind else JumpWords(kind)
        yield Sign(kind, at, True, more._replace(label=label or more.label))
    if words is not None and not {kind for kind, _ in said} & {words.kind, *PART_OF.get(words.kind, ())}:
        yield Sign(words.kind, at, False, words)


def _sounds(element: Element) -> list[Element]:
    return [element] if element.tag == "sound" else element.findall("sound")


def _said(sound: Element) -> Iterator[tuple[str, str]]:
    """Yield kind and label of each sign that a sound has."""
    for name, kind in ATTRIBUTES.items():
        value = sound.get(name)
        if value is None or (name in YES_OR_NO and value.strip().lower() in ("no", "")):
            continue
        yield kind, "" if name in YES_OR_NO else value.strip()


def _text(direction: Element) -> str:
    """Return the words of a direction in their order, with segno and coda as characters."""
    texts = []
    for kind in direction.findall("direction-type"):
        for child in kind:
            if child.tag in CHARACTERS:
                texts.append(CHARACTERS[child.tag])
            elif child.tag in ("words", "rehearsal", "symbol"):
                texts.append({"segno": SEGNO, "coda": CODA}.get((child.text or "").strip(), child.text or ""))
    return " ".join(texts)
