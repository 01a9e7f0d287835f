"""Names, brackets and clefs of the parts: what stands at the left of a system."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from xml.etree.ElementTree import Element, SubElement

from engine.stage.engraving.printing.timeline import PartLine, PrintedBar

__all__ = ["add_clefs", "end_line", "shorten_names"]

LONGEST, SHORT = 12, 5  # characters of a name before the first system and before the others
HANDS = ({"right hand", "rh", "r.h.", "right", "upper"}, {"left hand", "lh", "l.h.", "left", "lower"})
KNOWN = {
    "accompaniment": ("Acc.", "Acc."),
    "right hand": ("R. H.", "R. H."),
    "left hand": ("L. H.", "L. H."),
    "bass clarinet": ("Bass Cl.", "B. Cl."),
    "english horn": ("Engl. Horn", "E. H."),
    "french horn": ("Horn", "Hn."),
    "violoncello": ("Cello", "Vc."),
    "cello": ("Cello", "Vc."),
    "double bass": ("D. Bass", "Db."),
    "contrabass": ("D. Bass", "Db."),
    "harpsichord": ("Harpsich.", "Hpd."),
    "violin": ("Violin", "Vn."),
    "piano": ("Piano", "Pno."),
}
NUMBER = re.compile(r"[IVX]+|\d{1,2}")
SCALE = "CDEFGAB"
CLEFS = (("G", "2"), ("F", "4"))
LOWEST = {"G": 30, "F": 18}  # the lowest line in each clef, steps of the scale from C0
STAFF = 8  # steps from the lowest line to the highest
OTHER = {"G": "F", "F": "G"}
MUCH = 1.5  # ratio of what lies outside the staff in two clefs
CHANGE = 30  # steps outside the staff that are borne before the clef changes
AFTER_CLEF = ("staff-details", "transpose", "directive", "measure-style", "for-part")


def shorten_names(root: Element) -> None:
    """Leave the name of a single part out, make others short, and brace the two hands of a pianist."""
    entries = list(root.iter("score-part"))
    for entry in entries:
        name = " ".join((entry.findtext("part-name") or "").split())
        short = " ".join((entry.findtext("part-abbreviation") or "").split())
        for tag in ("part-name-display", "part-abbreviation-display"):
            for each in entry.findall(tag):
                entry.remove(each)
        first, others = ("", "") if len(entries) == 1 else _names(name, short)
        _set(entry, "part-name", first)
        _set(entry, "part-abbreviation", others if len(entries) > 2 else "")
    _brace_hands(root, entries)


def _names(name: str, short: str) -> tuple[str, str]:
    """Return what stands before the first system and before the others; "Violin II" is "Vn. II"."""
    base, _, number = name.rpartition(" ")
    if not NUMBER.fullmatch(number):
        base, number = name, ""
    first, others = KNOWN.get(base.casefold(), (base, "" if number else short))
    if len(first) > LONGEST:
        first = short if 0 < len(short) <= LONGEST else first[: LONGEST - 1].rstrip() + "."
    if len(others or base) > SHORT:
        others = "".join(word[0] for word in base.split()) if " " in base else base[: SHORT - 1] + "."
    return f"{first} {number}".strip(), f"{others or base} {number}".strip()


def _set(entry: Element, tag: str, text: str) -> None:
    found = entry.find(tag)
    if found is None:
        found = Element(tag)
        entry.insert(1 if tag == "part-abbreviation" else 0, found)
    found.text = text
    found.attrib.clear()


def _brace_hands(root: Element, entries: list[Element]) -> None:
    """Join the staves of two parts that are the hands of one player, and leave their names out."""
    listing = root.find("part-list")
    parts = root.findall("part")
    if listing is None or len(entries) != 2 or root.find("part-list/part-group") is not None:
        return
    names = [_hand(entry) for entry in entries]
    if names != [0, 1] or any(part.find("measure/attributes/staves") is not None for part in parts):
        return
    group = Element("part-group", {"type": "start", "number": "1"})
    SubElement(group, "group-symbol").text = "brace"
    SubElement(group, "group-barline").text = "yes"
    listing.insert(0, group)
    SubElement(listing, "part-group", {"type": "stop", "number": "1"})
    for entry in entries:
        _set(entry, "part-name", "")


def _hand(entry: Element) -> int:
    name = (entry.findtext("part-name") or "").casefold()
    known = {"r. h.": 0, "l. h.": 1}
    return known.get(name, next((i for i, names in enumerate(HANDS) if name in names), -1))


def add_clefs(line: PartLine) -> None:
    """Give each staff a clef, where the part has none at its beginning; and another, where its only one is far off."""
    if not line.bars:
        return
    first = line.bars[0].measure
    attributes = first.find("attributes")
    if attributes is None:
        attributes = Element("attributes")
        first.insert(0, attributes)
    there = {clef.get("number", "1"): clef for each in first.findall("attributes") for clef in each.findall("clef")}
    all_clefs = [clef.get("number", "1") for clef in line.element.iter("clef")]
    for staff in range(1, line.n_staves + 1):
        clef = there.get(str(staff))
        if clef is not None and (all_clefs.count(str(staff)) > 1 or not _plain_clef(clef)):
            continue
        bars = [_places(bar, staff) for bar in line.bars]
        places = [place for bar in bars for place in bar]
        if clef is None:
            clef = Element("clef", {"number": str(staff)})
            index = next((i for i, child in enumerate(attributes) if child.tag in AFTER_CLEF), len(attributes))
            attributes.insert(index, clef)
            _write_clef(clef, min("GF" if staff == 1 else "FG", key=partial(_outside, places)))
        elif _is_far_off(places, _plain_clef(clef)):
            _change_clefs(line, staff, clef, bars)


def _is_far_off(places: list[int], sign: str) -> bool:
    """Return whether notes hang far outside the staff in this clef, and less so in the other."""
    here, there = (_outside(places, each) / max(len(places), 1) for each in (sign, OTHER[sign]))
    return here > max(there * MUCH, there + 1)


def _change_clefs(line: PartLine, staff: int, clef: Element, bars: list[list[int]]) -> None:
    """Write the clefs in which notes lie least far outside the staff, where each change costs some ledger lines."""
    best = {sign: (_outside(bars[0], sign), sign) for sign in LOWEST}  # cost and signs up to here
    for bar in bars[1:]:
        best = {
            sign: min((cost + (CHANGE if way[-1] != sign else 0), way) for cost, way in best.values())
            for sign in LOWEST
        }
        best = {sign: (cost + _outside(bar, sign), way + sign) for sign, (cost, way) in best.items()}
    signs = min(best.values())[1]
    _write_clef(clef, signs[0])
    for printed, before, sign in zip(line.bars[1:], signs, signs[1:], strict=False):
        if sign != before:
            attributes = Element("attributes")
            _write_clef(SubElement(attributes, "clef", {"number": str(staff)}), sign)
            printed.measure.insert(0, attributes)


def _plain_clef(clef: Element) -> str:
    """Return G or F of a treble or bass clef; nothing of others."""
    sign, on_line = (clef.findtext("sign") or "").strip(), (clef.findtext("line") or "").strip()
    return sign if (sign, on_line) in CLEFS and clef.find("clef-octave-change") is None else ""


def _outside(places: Iterable[int], sign: str) -> int:
    """Return how far notes lie outside the staff in a clef, steps in all."""
    low = LOWEST[sign]
    return sum(max(low - place, place - low - STAFF, 0) for place in places)


def _write_clef(clef: Element, sign: str) -> None:
    clef[:] = []
    for tag, text in zip(("sign", "line"), next(each for each in CLEFS if each[0] == sign), strict=True):
        SubElement(clef, tag).text = text


def _places(bar: PrintedBar, staff: int) -> list[int]:
    """Return the notes of a staff in a bar as steps of the scale from C0."""
    found = []
    for note in bar.notes:
        octave = (note.element.findtext("pitch/octave") or "").strip()
        if note.staff == staff and octave.isdecimal():
            found.append(7 * int(octave) + SCALE.index((note.element.findtext("pitch/step") or "C").strip()[:1]))
    return found


def end_line(line: PartLine) -> None:
    """Close a part with a final barline, where its last bar has none of its own."""
    if line.bars and all(each.get("location") == "left" for each in line.bars[-1].measure.findall("barline")):
        barline = SubElement(line.bars[-1].measure, "barline", {"location": "right"})
        SubElement(barline, "bar-style").text = "light-heavy"
