"""The record of the corpora that networks learn from: one row a corpus, read by cards, errors and `--help`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CORPORA", "ROLL_SETS", "ROLL_SPLITS", "CorpusRow"]

ROLL_SPLITS = ("train", "valid", "test")
ROLL_SETS = ("JSB_Chorales", "Nottingham", "Piano_midi", "MuseData")  # Boulanger-Lewandowski et al. (2012)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusRow:
    """One corpus.

    name: its short name
    file: file in the folder of symbolic corpora; empty for music that is made by rule
    text: what it holds, and its licence
    split: how it is divided into training, validation and test
    """

    name: str
    file: str = ""
    text: str
    split: str


ROWS = (
    CorpusRow(
        name="chorales",
        file="Jsb16thSeparated.json",
        text="four-part chorales by J. S. Bach at sixteenths (Jsb16thSeparated.json); the music is public domain",
        split="229 chorales train, 76 validate, 77 test, as published",
    ),
    CorpusRow(
        name="signed chorales",
        file="chorales.npz",
        text="scores with ties and fermatas from music21's corpus, in that split (offline.music.chorale_split)",
        split="as that of the chorales",
    ),
    CorpusRow(
        name="JSB_Chorales",
        file="JSB_Chorales.mat",
        text="Bach's chorales at quarters as Boulanger-Lewandowski et al. (2012) split them; public domain",
        split="as published; the metric is of the validation split",
    ),
    CorpusRow(
        name="tunes",
        file="tunes.json",
        text="tunes of O'Neill's and Ryan's collections from music21's corpus; the music is public domain",
        split="every tenth tune validates, every tenth tests",
    ),
    CorpusRow(
        name="blues",
        text="twelve-bar blues made by rule (offline.music.corpora)",
        split="none: validation draws other choruses",
    ),
    CorpusRow(
        name="grooves",
        text="drum patterns made by rule (offline.music.corpora)",
        split="none: validation draws other grooves",
    ),
    CorpusRow(
        name="sound",
        file="Jsb16thSeparated.json",
        text="Bach's chorales (public domain) played by a plain organ that is rendered here",
        split="60 chorales at most of each published split",
    ),
)
CORPORA = {row.name: row for row in ROWS}
