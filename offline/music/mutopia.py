"""Guitar music of the Mutopia project (github.com/MutopiaProject/MutopiaProject), converted by LilyPond.

Each piece says under which licence it stands; only what was asked for is converted, and an index tells which is which.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.core.errors import DeviceError, ScoreError
from offline.music.midi_file import read_midi
from offline.music.piece import Piece
from offline.music.piece_sets import save_pieces

__all__ = ["LICENCES", "convert_mutopia", "engrave", "find_scores", "header", "lilypond_path"]

FIELD = re.compile(r'^\s*(\w+)\s*=\s*(?:\\markup\s*)?"([^"]*)"', re.MULTILINE)
LICENCES = {
    "pd": re.compile(r"public\s*domain", re.IGNORECASE),
    "by": re.compile(r"creative commons attribution(?!.*share)|\bcc[- ]by(?!-sa)\b", re.IGNORECASE),
    "by-sa": re.compile(r"share\s*-?alike|\bcc[- ]by-sa\b", re.IGNORECASE),
}
LIMIT_S = 120


def header(text: str) -> dict[str, str]:
    """Return the plain string fields of a LilyPond file's header; the first of each name counts."""
    found: dict[str, str] = {}
    for name, value in FIELD.findall(text):
        found.setdefault(name, value)
    return found


def licence_of(fields: dict[str, str]) -> str | None:
    """Return `pd`, `by` or `by-sa`, or None where a header states none of these."""
    said = " ".join(fields.get(name, "") for name in ("license", "copyright", "licence"))
    return next((name for name, pattern in LICENCES.items() if pattern.search(said)), None)


def find_scores(folder: Path, licences: Sequence[str]) -> Iterator[tuple[Path, dict[str, str], str]]:
    """Find files for the guitar under these licences, with their headers."""
    for path in sorted(folder.rglob("*.ly")):
        fields = header(path.read_text(encoding="utf8", errors="replace"))
        licence = licence_of(fields)
        instrument = fields.get("mutopiainstrument", fields.get("instrument", ""))
        if licence is not None and licence in licences and "guitar" in instrument.lower():
            yield path, fields, licence


def lilypond_path() -> str:
    """Return the program: on the path, or in the distribution `lilypond`."""
    found = shutil.which("lilypond")
    if found is not None:
        return found
    try:
        return str(importlib.import_module("lilypond").executable())
    except ImportError as error:
        raise DeviceError("LilyPond", expected="the program", got="none", remedy="pip install lilypond") from error


def engrave(path: Path, *, program: str | None = None) -> list[Piece]:
    """Return the pieces of a LilyPond file's MIDI blocks; none where it cannot be read."""
    with tempfile.TemporaryDirectory() as place:
        command = [program or lilypond_path(), "--loglevel=NONE", "-dno-print-pages", "-dno-point-and-click"]
        command += ["-I", str(path.parent), "-o", place, str(path)]
        try:
            subprocess.run(command, capture_output=True, check=False, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            return []
        pieces = []
        for midi in sorted(Path(place).glob("*.mid*")):
            try:
                pieces.append(read_midi(midi))
            except ScoreError:
                continue
    return [piece for piece in pieces if len(piece.notes)]


def convert_mutopia(folder: Path, out: Path, licences: Sequence[str] = ("pd",)) -> str:
    """Write guitar.npz and guitar.json into `out`; return how many of how many were converted."""
    out.mkdir(parents=True, exist_ok=True)
    program, pieces, index, n_files = lilypond_path(), [], [], 0
    for path, fields, licence in find_scores(folder, licences):
        n_files += 1
        for piece in engrave(path, program=program):
            pieces.append(piece)
            title = fields.get("title", path.stem)
            index.append({"file": path.relative_to(folder).as_posix(), "title": title, "licence": licence})
    if not pieces:
        raise ScoreError(str(folder), expected="guitar scores of the Mutopia project", got="none that can be read")
    save_pieces(out / "guitar.npz", pieces)
    (out / "guitar.json").write_text(json.dumps(index, indent=1), encoding="utf8")
    return f"{len(pieces)} pieces of {n_files} scores"
