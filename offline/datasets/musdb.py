"""MUSDB18-HQ with its own split: FOLDER/train and FOLDER/test, SONG/{mixture,vocals,drums,bass,other}.wav.

Rafii, Liutkus, Stoeter, Mimilakis, Bittner, "MUSDB18-HQ" (2019). The songs of `train` to validate on are those that the
package `musdb` names. The user brings the folder: its licence allows research alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import AudioFileError
from offline.synthesis.multitrack import Corpus, Song, find_songs

__all__ = ["VALIDATION_SONGS", "Musdb", "open_musdb"]

STEMS = {"vocals", "drums", "bass", "other"}
VALIDATION_SONGS = (
    "ANiMAL - Rockshow",
    "Actions - One Minute Smile",
    "Alexander Ross - Goodbye Bolero",
    "Clara Berry And Wooldog - Waltz For My Victims",
    "Fergessen - Nos Palpitants",
    "James May - On The Line",
    "Johnny Lokke - Promises & Lies",
    "Leaf - Summerghost",
    "Meaxic - Take A Step",
    "Patrick Talbot - A Reason To Leave",
    "Skelpolu - Human Mistakes",
    "Traffic Experiment - Sirens",
    "Triviul - Angelsaint",
    "Young Griffo - Pennies",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Musdb:
    """The three parts of the set; each song has all four stems.

    corpus: the folder that holds the songs to train on and those to validate on
    """

    corpus: Corpus
    train: tuple[Song, ...]
    validation: tuple[Song, ...]
    test: tuple[Song, ...]


def open_musdb(folder: Path) -> Musdb:
    """Read the split of a folder; AudioFileError if a part of it, or a stem of a song, is missing."""
    found = {name: find_songs(Corpus(folder=folder / name), needed=False) for name in ("train", "test")}
    validation = [song for song in found["train"] if song.name in VALIDATION_SONGS]
    train = [song for song in found["train"] if song.name not in VALIDATION_SONGS]
    for name, songs in (("train", train), ("train to validate on", validation), ("test", found["test"])):
        if not songs:
            raise AudioFileError(str(folder), expected=f"MUSDB18-HQ, with songs of {name}", got="none of them")
    for song in (*found["train"], *found["test"]):
        if missing := STEMS - song.stems.keys():
            expected = "vocals.wav, drums.wav, bass.wav and other.wav"
            raise AudioFileError(song.name, expected=expected, got=f"no {', '.join(sorted(missing))}")
    return Musdb(
        corpus=Corpus(folder=folder / "train"),
        train=tuple(train),
        validation=tuple(validation),
        test=tuple(found["test"]),
    )
