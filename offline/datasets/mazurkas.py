"""Chopin's Mazurkas as the Mazurka Project hands them out, turned into pieces that `evaluate` reads.

For each recording it has a folder pid.../ with the score as that pianist played it, repeats and all (pid....mid), and
the times of all beats (pid...-clean.txt: seconds, tab, bar:beat). The recordings themselves are not in it: they are
looked for by the same name, in the folder or in one beside it. Every beat is a quarter note.
"""

from __future__ import annotations

import csv
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.audio.suffixes import is_audio
from engine.core.errors import AudioFileError, EngineError, ScoreError, warn_about
from engine.core.whole_file import open_text, whole_folder
from engine.score.midi_song import read_midi_song
from engine.score.readers import read_score

__all__ = ["Mazurka", "find_mazurkas", "write_mazurka", "write_mazurkas"]

BEATS = "-clean.txt"
MIDI = ".mid"
MOST_MISSING = 6  # beats that may lack at the end, where the last chord is held
ON_BEAT = 1e-3  # quarters

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mazurka:
    """The files of one recording."""

    name: str
    midi: Path
    beats: Path
    audio: Path


def find_mazurkas(folder: Path, audio: Path | None = None) -> list[Mazurka]:
    """Return what has score, beats and recording, by name; what lacks one is warned about; AudioFileError for none.

    audio: folder of the recordings, where they do not lie in `folder`
    """
    sounds = {path.stem: path for path in sorted((audio or folder).rglob("*")) if is_audio(path)}
    found = []
    for beats in sorted(folder.rglob(f"*{BEATS}")):
        name = beats.name.removesuffix(BEATS)
        midi = beats.with_name(name + MIDI)
        if midi.is_file() and name in sounds:
            found.append(Mazurka(name=name, midi=midi, beats=beats, audio=sounds[name]))
        else:
            warn_about(str(beats), f"left out: no {'recording' if midi.is_file() else 'MIDI file'} {name}")
    if not found:
        expected = f"{MIDI} and {BEATS} of the Mazurka Project, and recordings of the same names"
        raise AudioFileError(str(folder), expected=expected, got="none")
    return found


def write_mazurkas(found: list[Mazurka], output: Path) -> int:
    """Write a folder of each that fits its score, and return how many; those that do not are warned about."""
    done = 0
    for mazurka in found:
        try:
            write_mazurka(mazurka, output / mazurka.name)
            done += 1
        except EngineError as error:
            warn_about(mazurka.name, f"left out: {error}")
    return done


def write_mazurka(mazurka: Mazurka, folder: Path) -> None:
    """Write score.mid, truth.csv and a link to the recording; ScoreError if the beats are not those of the score."""
    quarter, audio_s = _truth(mazurka)
    with whole_folder(folder) as part:
        shutil.copyfile(mazurka.midi, part / f"score{MIDI}")
        _link(mazurka.audio.resolve(), part / f"performance{mazurka.audio.suffix}")
        with open_text(part / "truth.csv", "w") as file:
            writer = csv.writer(file)
            writer.writerow(("quarter", "audio_s"))
            writer.writerows((f"{q:.5f}", f"{t:.5f}") for q, t in zip(quarter, audio_s, strict=True))


def _truth(mazurka: Mazurka) -> tuple[Floats, Floats]:
    """Return the quarter, from the first note, and the second of each beat on which a note begins."""
    score, song = read_score(mazurka.midi), read_midi_song(mazurka.midi)
    first = float(song.notes["onset"].min()) / song.ticks_per_quarter
    beats = _beats(mazurka.beats)
    quarter = math.ceil(first - ON_BEAT) - first + np.arange(len(beats))
    n = math.ceil(score.end_quarter)
    if not n - MOST_MISSING <= len(beats) <= n + 1:
        raise ScoreError(str(mazurka.beats), expected=f"about {n} beats, as the score has", got=str(len(beats)))
    near = np.abs(score.onset_quarter[:, None] - quarter).min(axis=0) < ON_BEAT
    return quarter[near], beats[near]


def _beats(path: Path) -> Floats:
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    try:
        return np.array([float(line.split()[0]) for line in lines if not line.lstrip().startswith("#")])
    except ValueError as error:
        raise ScoreError(str(path), expected="seconds, tab, bar:beat in each line", got=str(error)) from error


def _link(source: Path, place: Path) -> None:
    """Link to a recording; copy it where the system has no links."""
    try:
        os.symlink(source, place)
    except OSError:
        shutil.copyfile(source, place)
