"""Read scores from MusicXML, compressed MusicXML and MIDI files, with protection against malicious files.

MusicXML is played out as its signs say; MIDI has none. Any error in a file is raised as one ScoreError.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.core.errors import ScoreError, warn_about
from engine.score.file_bytes import read_score_bytes
from engine.score.midi_score import midi_draft
from engine.score.midi_song import MIDI_SUFFIXES, is_midi
from engine.score.musicxml.played import played_musicxml
from engine.score.parts import PartNotes, ScoreDraft, finished_score
from engine.score.score import Score

__all__ = ["SUFFIXES", "list_parts", "read_draft", "read_score"]

SUFFIXES = (".musicxml", ".xml", ".mxl", *MIDI_SUFFIXES)


def read_score(path: str | Path, parts: Sequence[str] = (), *, repeats_after_jump: bool = False) -> Score:
    """Read MusicXML (.musicxml, .xml, .mxl) or MIDI (.mid, .midi, ...); raise a one-line ScoreError for any error.

    What had to be guessed or left out is in `Score.notices`, and each is an EngineWarning.

    parts: names, abbreviations or ids of the parts to follow; without any the part Solo if there is one, else all.
        Quarters and bars are those of the whole score.
    repeats_after_jump: take repeats again after a D.C. or D.S., which by custom is not done
    """
    score = finished_score(read_draft(Path(path), repeats_after_jump), parts)
    for notice in score.notices:
        warn_about(str(path), notice)
    return score


def list_parts(path: str | Path) -> list[PartNotes]:
    """Return the parts of a score file, with their notes; raise as `read_score` does."""
    return read_draft(Path(path), False).parts


def read_draft(path: Path, repeats_after_jump: bool = False) -> ScoreDraft:
    """Return all parts of a score file, repeats played out; raise as `read_score` does."""
    if path.suffix.lower() not in SUFFIXES:
        raise ScoreError(str(path), expected="one of " + ", ".join(SUFFIXES), got=path.suffix or "no suffix")
    data = read_score_bytes(path)
    try:
        if is_midi(path):
            return midi_draft(path, data)
        return played_musicxml(path, data, repeats_after_jump=repeats_after_jump)
    except ScoreError:
        raise
    except (Exception, RecursionError) as error:  # a file may be broken in ways that nobody has thought of
        raise _broken(path, "a well-formed score", error, "open it in a score editor and export it again") from error


def _broken(path: Path, expected: str, error: BaseException, remedy: str) -> ScoreError:
    said = " ".join(str(error).split())[:120]
    return ScoreError(str(path), expected=expected, got=f"{type(error).__name__}: {said}", remedy=remedy)
