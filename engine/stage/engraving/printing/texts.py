"""Mend the words of a score: tempo marks, credits and fingerings that editors stored as directions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement

from engine.score.musicxml.tempo import tempo_mark
from engine.score.musicxml.words import jump_words
from engine.stage.engraving.printing.timeline import PartLine, notations

__all__ = ["mend_texts"]

FIRST_SYSTEM = 6  # bars in which credits are looked for
SAME_TEMPO = 0.02  # ratio: printed and played tempo of one mark
CREDIT = re.compile(
    r"\b(sonat[ea]|suite|satz|opus|op\.|k\.? ?v\.?|bwv|hob\w*|rv|woo|d\.|nr?o?\.|(1[5-9]|20)\d\d)(?!\w)|^[IVX]{2,}\.?$",
    re.IGNORECASE,
)
MARKUP = re.compile(r"</?\w{1,8}>")
FINGER = re.compile(r"[1-5]")
TEMPO = re.compile(
    r"(prestissim|presto|allegr|vivac|vivo|moderato|andant|adag|larg|lent|grave|maestoso|mosso|tempo\b|allmähl|langsam"
    r"|lebhaft|schnell|m[aä](ss|ß)ig|bewegt|rasch|ruhig|feierlich|modéré|vif|animé|mouv|rondo|men[ue]+tt?o?|quickly|slowly)",
    re.IGNORECASE,
)
CHANGE = re.compile(r"(poco |molto )*(rit|rall|accel|string|stretto|a tempo|allarg|slent|smorz|cal[ao]nd|morend)", re.I)
LOOKS = ("font-family", "font-size", "font-weight", "font-style", "default-x", "default-y", "relative-x", "relative-y")
SPACE = "\N{NO-BREAK SPACE}" * 2
UPRIGHT = {"font-weight": "bold", "font-style": "normal"}


class _Direction(NamedTuple):
    """A direction: its bar, its place in divisions without its offset, and itself."""

    measure: Element
    bar: int
    element: Element

    def drop(self) -> None:
        self.measure.remove(self.element)


def mend_texts(lines: list[PartLine]) -> None:
    """Mend the directions of all parts, so that each tempo is said once, over the first staff."""
    for number, line in enumerate(lines):
        for direction in list(_directions(line)):
            _tidy(direction)
            _one_direction(direction, first=number == 0)
    for line in lines[:1]:
        _join_tempi(line)
        _say_once(line)


def _directions(line: PartLine) -> Iterator[_Direction]:
    for index, bar in enumerate(line.bars):
        for element in bar.measure.findall("direction"):
            yield _Direction(bar.measure, index, element)


def _tidy(direction: _Direction) -> None:
    """Take markup, sizes and places out of words."""
    for words in direction.element.iter("words"):
        words.text = " ".join(MARKUP.sub("", words.text or "").split())
        for name in LOOKS:
            if not (name == "font-weight" and words.get(name) == "bold"):
                words.attrib.pop(name, None)


def _one_direction(direction: _Direction, *, first: bool) -> None:
    said = [text for text in (words.text or "" for words in direction.element.iter("words")) if text]
    if _empty(direction, said) or (direction.bar < FIRST_SYSTEM and any(CREDIT.search(text) for text in said)):
        direction.drop()
    elif len(said) == 1 and FINGER.fullmatch(said[0]):
        _make_fingering(direction, said[0])
    elif any(jump_words(text) for text in said):
        _set_above(direction.element)
    elif not _is_tempo(direction.element, said):
        if not first and any(CHANGE.match(text) for text in said):
            direction.drop()
    elif first:
        _set_tempo(direction)
    else:
        direction.drop()


def _empty(direction: _Direction, said: list[str]) -> bool:
    """Return whether nothing but empty words is in a direction."""
    kinds = {kind.tag for each in direction.element.findall("direction-type") for kind in each}
    return kinds == {"words"} and not any(letter.isalnum() for text in said for letter in text)


def _make_fingering(direction: _Direction, finger: str) -> None:
    """Give a finger to the note that its direction stands before."""
    children = list(direction.measure)
    later = children[children.index(direction.element) :]
    note = next((each for each in later if each.tag == "note" and each.find("pitch") is not None), None)
    if note is not None:
        marks = notations(note)
        technical = marks.find("technical")
        technical = SubElement(marks, "technical") if technical is None else technical
        SubElement(technical, "fingering").text = finger
    direction.drop()


def _is_tempo(element: Element, said: list[str]) -> bool:
    """Return whether a direction says how fast the music goes from here on."""
    if element.find("direction-type/metronome") is not None:
        return True
    capital = any(TEMPO.search(text) and text[:1].isupper() for text in said)
    return bool(said) and (capital or any(sound.get("tempo") for sound in element.findall("sound")))


def _set_tempo(direction: _Direction) -> None:
    """Write a tempo bold and upright over the first staff, with no other number than the one that is played."""
    element = direction.element
    _set_above(element)
    _part_words(element)
    for kind in element.findall("direction-type"):
        mark = kind.find("metronome")
        if mark is not None and not _is_played(element, mark):
            element.remove(kind)
    if element.find("direction-type") is None:
        direction.drop()


def _set_above(element: Element) -> None:
    """Write a direction bold and upright over the first staff."""
    element.set("placement", "above")
    for staff in element.findall("staff"):
        staff.text = "1"
    for words in element.iter("words"):
        words.attrib.update(UPRIGHT)


def _part_words(element: Element) -> None:
    """Put a space after words that others or a metronome mark follow."""
    pieces = [piece for kind in element.findall("direction-type") for piece in kind]
    for words, following in pairwise(pieces):
        if words.tag == "words" and following.tag in ("words", "metronome"):
            words.text = (words.text or "").removesuffix("(").rstrip() + SPACE
    for mark in element.iter("metronome"):
        mark.attrib.pop("parentheses", None)
    for words in [each for each in element.iter("words") if (each.text or "").strip() == ")"]:
        words.text = ""


def _is_played(element: Element, mark: Element) -> bool:
    """Return whether a metronome mark tells the tempo that the engine reads; its number is made a whole one."""
    alone = Element("direction")
    alone.append(mark)
    printed, played = tempo_mark(alone), tempo_mark(element)
    if printed is None or played is None or mark.get("print-object") == "no":
        return False
    same = abs(printed.bpm - played.bpm) <= SAME_TEMPO * played.bpm
    number = mark.find("per-minute")
    text = (number.text or "").strip().replace(",", ".") if number is not None else ""
    if number is not None and text.replace(".", "", 1).isdigit():
        number.text = f"{float(text):.0f}"
    return same


def _join_tempi(line: PartLine) -> None:
    """Put a metronome mark behind the words that stand at the same place."""
    for bar in line.bars:
        directions = bar.measure.findall("direction")
        marks = [each for each in directions if each.find("direction-type/metronome") is not None]
        texts = [each for each in directions if each not in marks and _is_bold(each)]
        for mark in marks:
            partner = next((each for each in texts if _together(bar.measure, mark, each)), None)
            if partner is not None:
                texts.remove(partner)
                bar.measure.remove(partner)
                for kind in reversed(partner.findall("direction-type")):
                    mark.insert(0, kind)
                _part_words(mark)


def _say_once(line: PartLine) -> None:
    """Drop a metronome mark that says no more than the one before."""
    before = ""
    for bar in line.bars:
        for element in bar.measure.findall("direction"):
            mark = element.find("direction-type/metronome")
            if mark is None:
                before = "" if _is_bold(element) else before
                continue
            now = " ".join(" ".join(mark.itertext()).split())
            if now == before:
                for kind in [each for each in element.findall("direction-type") if each.find("metronome") is not None]:
                    element.remove(kind)
                if element.find("direction-type") is None:
                    bar.measure.remove(element)
            before = now


def _is_bold(direction: Element) -> bool:
    return any(words.get("font-weight") == "bold" for words in direction.iter("words"))


def _together(measure: Element, one: Element, other: Element) -> bool:
    """Return whether two directions stand at the same place: nothing that takes time is between them."""
    if (one.findtext("offset") or "0").strip() != (other.findtext("offset") or "0").strip():
        return False
    children = list(measure)
    first, last = sorted((children.index(one), children.index(other)))
    return all(child.tag in ("direction", "sound", "attributes") for child in children[first:last])
