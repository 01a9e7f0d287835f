"""What pitch salience is trained on: constant-Q frames of rendered performances, and the notes that sound in them.

A set is a folder: a file a recording, with its constant-Q (frame, bin) in float16 and every note's start and end in
frames and place in bins, and transform.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.errors import ConfigError
from engine.core.format import AudioFormat
from engine.dsp.constant_q import Cqt
from engine.dsp.harmonic import HcqtConfig, wide_cqt
from offline.datasets.corpus_scores import Library
from offline.datasets.performances import TakeConfig, perform_piece
from offline.run import collect_frames
from offline.synthesis.pianist import Played
from offline.synthesis.piano_sound import Piano

__all__ = [
    "PlacedNotes",
    "SalienceRecording",
    "SalienceSet",
    "analyse_performance",
    "is_rendered",
    "open_salience_set",
    "render_recordings",
    "salience_targets",
    "sounding",
    "write_salience_recording",
    "write_transform",
]

CONFIG = "transform.json"
SIDES = ("played", "written")
C1_KEY = 24
BLUR_CENTS = 25.0  # standard deviation of a target's bump; Bittner et al. (2017), section 3.2, have 20
RING_S = 3.0  # longest that a string is taken to sound on under the pedal at middle C; half as long two octaves up
ONSET_FRAMES = 1.5  # half the width of an onset's triangle

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlacedNotes:
    """Notes (note): start and end in frames, and `place` in bins from the first pitch on, none of them rounded."""

    start: Floats
    end: Floats
    place: Floats

    def within(self, first: float, n: int) -> PlacedNotes:
        """Those that touch the n frames from `first` on, counted from there."""
        near = (self.start < first + n + ONSET_FRAMES) & (self.end > first - ONSET_FRAMES)
        return PlacedNotes(start=self.start[near] - first, end=self.end[near] - first, place=self.place[near])


def salience_targets(notes: PlacedNotes, n_frames: int, n_bins: int, bins_per_octave: int) -> npt.NDArray[np.float32]:
    """Salience and onsets, (2, frame, bin) from 0 to 1: a Gaussian over frequency about each note that sounds.

    Salience is that while the note sounds (Bittner et al. 2017, section 3.2); an onset falls off over 1.5 frames.
    """
    out = np.zeros((2, n_frames, n_bins), np.float32)
    width = BLUR_CENTS * bins_per_octave / 1200
    frame, bins = np.arange(n_frames), np.arange(n_bins)
    for start, end, place in zip(notes.start, notes.end, notes.place, strict=True):
        near = slice(max(0, int(place) - 2), min(n_bins, int(place) + 4))
        bump = np.exp(-0.5 * ((bins[near] - place) / width) ** 2)
        for kind, level in enumerate(_levels(frame, start, end)):
            part = out[kind, :, near]
            np.maximum(part, level[:, None] * bump, out=part)
    return out


def _levels(frame: npt.NDArray[np.int64], start: float, end: float) -> tuple[Floats, Floats]:
    """(frame) each: whether a note sounds, and how near its onset is."""
    sounds = (frame >= start) & (frame <= max(end, start + 1))
    return sounds.astype(np.float64), np.maximum(0.0, 1 - np.abs(frame - start) / ONSET_FRAMES)


def sounding(played: Played) -> Floats:
    """When each note has died away, seconds: its key's end, or the pedal's, or its string's, or its next stroke."""
    end = played.end_s.astype(np.float64).copy()
    for down, up in played.pedal:
        held = (end >= down) & (end < up)
        end[held] = up
    ring = RING_S * 2.0 ** (-(played.pitch - 60) / 24)
    end = np.maximum(np.minimum(end, played.start_s + ring), np.minimum(played.end_s, played.start_s + 2 * ring))
    for key in np.unique(played.pitch):
        of = np.flatnonzero(played.pitch == key)
        of = of[np.argsort(played.start_s[of])]
        end[of[:-1]] = np.minimum(end[of[:-1]], played.start_s[of[1:]])
    return np.asarray(end)


def analyse_performance(
    audio: npt.NDArray[np.float32], played: Played, piano: Piano, sample_rate: int, config: HcqtConfig
) -> tuple[npt.NDArray[np.float16], PlacedNotes]:
    """The wide constant-Q frames (frame, bin) of mono sound, and its notes as they are tuned, in frames and bins."""
    cqt = Cqt(wide_cqt(config), AudioFormat(sample_rate=sample_rate, n_channels=1))
    frames = collect_frames(cqt, np.ascontiguousarray(audio[:, None], np.float32)).astype(np.float16)
    start, end = ((s * sample_rate + cqt.latency) / cqt.hop - 1 for s in (played.start_s, sounding(played)))
    cents = 100.0 * (played.pitch - C1_KEY) + np.array(piano.cents)[played.pitch % 12]
    first_cents = 1200 * np.log2(config.low_hz / (440 * 2 ** ((C1_KEY - 69) / 12)))
    return frames, PlacedNotes(start=start, end=end, place=(cents - first_cents) * config.bins_per_octave / 1200)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SalienceRecording:
    """cqt (frame, bin), the wide transform of one recording, compressed; its notes; what it is."""

    name: str
    cqt: npt.NDArray[np.float16]
    notes: PlacedNotes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SalienceSet:
    """Recordings, and the transform that they went through."""

    config: HcqtConfig
    recordings: Sequence[SalienceRecording]

    def __len__(self) -> int:
        return len(self.recordings)

    def crop(self, i: int, first: int, n: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Of recording i, n frames from `first` on: the constant-Q (frame, bin), and `targets`."""
        recording = self.recordings[i]
        cqt = recording.cqt[first : first + n].astype(np.float32)
        notes = recording.notes.within(first, len(cqt))
        return cqt, salience_targets(notes, len(cqt), self.config.n_bins, self.config.bins_per_octave)

    def whole(self, i: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """All of recording i, as `crop`."""
        return self.crop(i, 0, len(self.recordings[i].cqt))


def open_salience_set(folder: Path) -> SalienceSet:
    """Read the recordings that `data salience` has written so far; ConfigError if there is none."""
    found = sorted(path for path in folder.glob("*.npz") if not path.name.startswith("."))
    if not found:
        raise ConfigError(str(folder), expected="a set made by `data salience`", got="none")
    recordings = []
    for path in found:
        with np.load(path) as file:
            notes = PlacedNotes(start=file["start"], end=file["end"], place=file["place"])
            recordings.append(SalienceRecording(name=path.stem, cqt=file["cqt"], notes=notes))
    return SalienceSet(config=HcqtConfig(**json.loads((folder / CONFIG).read_text())), recordings=recordings)


def write_transform(folder: Path, config: HcqtConfig) -> None:
    """Write what a set's recordings go through."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(asdict(config)))


def write_salience_recording(folder: Path, recording: SalienceRecording) -> None:
    """Write a recording into a folder."""
    notes = recording.notes
    with (folder / f"{recording.name}.npz").open("wb") as file:
        np.savez(file, cqt=recording.cqt, start=notes.start, end=notes.end, place=notes.place)


def render_recordings(
    library: Library, name: str, take: TakeConfig, seed: int, config: HcqtConfig
) -> Iterator[SalienceRecording]:
    """A piece twice: as it was played and recorded, and as it is written, dry, by another piano."""
    made = perform_piece(library, name, seed=seed, config=take)
    sides = ((made.audio, made.played, made.piano), (made.reference, made.plain, made.reference_piano))
    for kind, (audio, played, piano) in zip(SIDES, sides, strict=True):
        cqt, notes = analyse_performance(audio, played, piano, made.sample_rate, config)
        yield SalienceRecording(name=f"{name}-{kind}-{piano.name.replace(':', '-')}", cqt=cqt, notes=notes)


def is_rendered(folder: Path, name: str) -> bool:
    """Return whether both recordings of a piece are in a folder."""
    return all(any(folder.glob(f"{name}-{side}-*.npz")) for side in SIDES)
