"""What verovio has made of a score, to hold the bundle of the page against."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import fromstring

from engine.stage.engraving.pages import PageLayout, engraved_pages
from engine.stage.engraving.printing.copy import printed_score
from engine.stage.engraving.sheet import read_sheet
from tests.optional import optional

verovio = optional("verovio")
from engine.stage.engraving.toolkit import VerovioScore  # noqa: E402 - which imports verovio

NOTE = re.compile(r'id="cp(\d+)" class="note"')


def semitones(data: bytes) -> dict[int, int]:
    """From written to sounding pitch by number of the note; verovio tells what is written."""
    found = {}
    for part in fromstring(data).iter("part"):
        shift = 0
        for element in part.iter():
            if element.tag == "transpose":
                shift = int(element.findtext("chromatic", "0")) + 12 * int(element.findtext("octave-change", "0"))
            elif element.tag == "note" and element.get("id", "").startswith("cp"):
                found[int(element.get("id", "")[2:])] = shift
    return found


def wrong_noteheads(path: Path, layout: PageLayout | None = None) -> tuple[int, list[str]]:
    """How many notes of all onsets there are as played, and what is wrong with their heads on the page."""
    sheet, layout = read_sheet(path, ("all",)), layout or PageLayout()
    printed = printed_score(str(path), sheet.data)
    score = VerovioScore()
    n_pages = score.lay_out(printed.data, layout)
    on_page = {int(number): page for page in range(1, n_pages + 1) for number in NOTE.findall(score.svg(page).decode())}
    toolkit = verovio.toolkit()
    toolkit.setOptions({"expandNever": True, "breaks": "none"})
    assert toolkit.loadData(printed.data.decode())
    bundle = engraved_pages("", layout, printed.places, score.pages_of(printed.bar_ids), (sheet.score, sheet.whole))
    assert [each.quarter for each in bundle.onsets] == sheet.whole.onset_quarter.tolist()
    pitches: dict[int, set[int]] = {}
    for number, pitch in zip(sheet.whole.note_id.tolist(), sheet.whole.note_pitch.tolist(), strict=True):
        pitches.setdefault(number, set()).add(pitch)
    wrong = [
        f"note {number}: page {on_page.get(number)}, expected {onset.page}"
        for onset in bundle.onsets
        for number in onset.notes
        if on_page.get(number) != onset.page
    ]
    transposed = semitones(printed.data)
    for number, right in pitches.items():
        written = toolkit.getMIDIValuesForElement(f"cp{number}").get("pitch")
        pitch = None if written is None else written + transposed[number]
        if pitch not in right:
            wrong.append(f"note {number}: pitch {pitch}, expected {sorted(right)}")
    return sum(len(onset.notes) for onset in bundle.onsets), wrong
