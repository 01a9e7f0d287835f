"""Recordings of pianos with the MIDI of what was played, as MAPS (Emiya et al. 2010) and SMD (Müller et al. 2011) hold.

An audio file and a MIDI file of the same name belong together, in whatever folders they lie. Of MAPS only the pieces of
music are taken (MUS), not its single notes and chords.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.audio.files import AudioReader
from engine.audio.suffixes import is_audio
from engine.core.errors import AudioFileError
from engine.score.midi_song import MidiSong, is_midi, read_midi_song
from offline.resample import resample
from offline.synthesis.pianist import Played

__all__ = ["PianoRecording", "cut_played", "find_piano_recordings", "played_of_midi", "recordings_of"]

Audio = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

MAPS, MAPS_MUSIC = "MAPS_", "MAPS_MUS"
SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}  # Agrawal & Dixon (2020), section IV.A, at random
PEDAL_DOWN = 64  # least value of the controller


@dataclass(frozen=True, slots=True, kw_only=True)
class PianoRecording:
    """A recording and the MIDI of its keys, in time with it."""

    name: str
    audio: Path
    midi: Path

    def sound(self, sample_rate: int) -> Audio:
        """Return it as mono sound (sample)."""
        with AudioReader(self.audio) as reader:
            return resample(reader.read(), reader.format.sample_rate, sample_rate).mean(axis=1)


def find_piano_recordings(folder: Path) -> list[PianoRecording]:
    """Return every recording with MIDI of the same name, by name; AudioFileError if there is none."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    midi = {path.stem: path for path in files if is_midi(path)}
    found = [
        PianoRecording(name=path.stem, audio=path, midi=midi[path.stem])
        for path in files
        if is_audio(path) and path.stem in midi and (MAPS_MUSIC in path.stem or MAPS not in path.stem)
    ]
    if not found:
        expected = "recordings and MIDI files of the same names, as MAPS and SMD have"
        raise AudioFileError(str(folder), expected=expected, got="none")
    return sorted(found, key=lambda recording: recording.name)


def recordings_of(found: Sequence[PianoRecording], split: str, seed: int = 0) -> list[PianoRecording]:
    """Return the recordings of a split: eight in ten to train, one to validate, one to test, drawn at random."""
    order = np.random.default_rng(seed).permutation(len(found))
    ends = np.round(np.cumsum(list(SHARES.values())) * len(found)).astype(int)
    place = list(SHARES).index(split)
    chosen = order[ends[place - 1] if place else 0 : ends[place]]
    return [found[int(i)] for i in sorted(chosen)]


def played_of_midi(path: Path) -> Played:
    """Return keys and pedal of a MIDI file, in seconds from its beginning."""
    song = read_midi_song(path)
    notes = song.melodic(str(path))
    notes = notes[np.argsort(notes["onset"], kind="stable")]
    start_s = _seconds(song, notes["onset"])
    onsets, first = np.unique(np.round(start_s, 3), return_index=True)
    return Played(
        start_s=start_s,
        end_s=_seconds(song, notes["end"]),
        pitch=notes["pitch"].astype(np.int64),
        velocity=notes["velocity"].astype(np.int64),
        pedal=np.array(list(_presses(song)), dtype=float).reshape(-1, 2),
        quarter=onsets,
        audio_s=start_s[first],
    )


def _seconds(song: MidiSong, tick: npt.ArrayLike) -> Floats:
    """Map ticks to seconds, by all tempi of the file."""
    ticks = np.array([at for at, _ in song.tempi], dtype=float)
    each = 60 / np.array([tempo for _, tempo in song.tempi]) / song.ticks_per_quarter
    begins = np.concatenate([[0.0], np.cumsum(np.diff(ticks) * each[:-1])])
    wanted = np.asarray(tick, dtype=float)
    at = np.maximum(np.searchsorted(ticks, wanted, side="right") - 1, 0)
    return np.asarray(begins[at] + (wanted - ticks[at]) * each[at])


def _presses(song: MidiSong) -> Iterator[tuple[float, float]]:
    """When the pedal goes down and up, seconds, track by track; one that stays down is up at the end."""
    for pedal in song.pedals:
        down: int | None = None
        for tick, value in (*pedal, (song.end, 0)):
            if value >= PEDAL_DOWN and down is None:
                down = tick
            elif value < PEDAL_DOWN and down is not None:
                yield float(_seconds(song, down)), float(_seconds(song, tick))
                down = None


def cut_played(played: Played, begin_s: float, end_s: float) -> Played:
    """Return what sounds from begin_s to end_s, in seconds from begin_s."""
    kept = (played.start_s >= begin_s) & (played.start_s < end_s)
    onsets = (played.audio_s >= begin_s) & (played.audio_s < end_s)
    pedal = played.pedal[(played.pedal[:, 1] > begin_s) & (played.pedal[:, 0] < end_s)]
    return Played(
        start_s=played.start_s[kept] - begin_s,
        end_s=np.minimum(played.end_s[kept], end_s) - begin_s,
        pitch=played.pitch[kept],
        velocity=played.velocity[kept],
        pedal=np.clip(pedal, begin_s, end_s) - begin_s,
        quarter=played.quarter[onsets] - begin_s,
        audio_s=played.audio_s[onsets] - begin_s,
    )
