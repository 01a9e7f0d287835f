"""Scores: notes, bars and repeats, read from MusicXML and MIDI."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.score.musicxml.played import normalised_musicxml
    from engine.score.readers import SUFFIXES, list_parts, read_score
    from engine.score.repeats import Links, known_jumps, no_jumps
    from engine.score.score import Score, make_score
    from engine.score.score_config import ScoreConfig
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "SUFFIXES",
    "Links",
    "Score",
    "ScoreConfig",
    "known_jumps",
    "list_parts",
    "make_score",
    "no_jumps",
    "normalised_musicxml",
    "read_score",
]
