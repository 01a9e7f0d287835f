"""Performances with their truth, as many as wanted: score, how it was played, and the sound of both.

    library = Library.open(None)
    take = perform_piece(library, "composed-17", seed=3)
    take.audio, take.played.quarter, take.played.audio_s      # the performance, and when each score onset sounds
    take.reference, take.plain.audio_s                        # the score as written, synthesised, and its own times

Everything follows from the piece's name and the seed. The split of a piece follows from its name (`split_of`);
soundfonts can be held out too. `collaparte data performances` writes pieces that `collaparte evaluate follow` reads.
"""

from __future__ import annotations

import csv
import os
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
import soundfile

from engine.core.config import Settings, plain, ranged
from engine.core.whole_file import open_text, whole_folder
from engine.score.score import Score
from offline.datasets.corpus_scores import Library
from offline.synthesis.fluidsynth import installed_soundfonts, midi_of
from offline.synthesis.pianist import PianistConfig, Played, exact, play
from offline.synthesis.piano_sound import OTHERS, Piano, add_recording_chain, random_piano, render_piano

__all__ = ["Take", "TakeConfig", "cut_score", "perform_piece", "write_take"]

Audio = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

RATE = 44100
TICKS = 960


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeConfig(Settings):
    """What is made of a piece."""

    sample_rate: int = ranged(RATE, 8000, 96_000, "sample rate", unit="Hz")
    soundfonts: tuple[Path, ...] = plain((), "soundfonts to draw from; none for all that are installed")
    seconds: float = ranged(60.0, 1, 3600, "longest excerpt, at the score's own tempo", unit="s")
    mistuned: float = ranged(50.0, 0, 100, "largest deviation of the tuning", unit="cents")
    others: float = ranged(0.0, 0, 1, "share of performances by another instrument than a piano")
    clean: bool = plain(False, "no room and no noise")
    style: PianistConfig | None = plain(None, "how the pianist plays; None draws it at random")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Take:
    """One performance; sounds are mono (sample).

    name: of the piece
    score: of the piece
    audio: the performance
    played: how it was played, with its truth
    reference: the score as written, synthesised
    plain: how the reference is played
    piano: of the performance
    reference_piano: of the reference
    sample_rate: Hz
    """

    name: str
    score: Score
    audio: Audio
    played: Played
    reference: Audio
    plain: Played
    piano: Piano
    reference_piano: Piano
    sample_rate: int

    def reference_times(self, at_s: Floats) -> Floats:
        """Map seconds in the performance to seconds in the reference, linear between score onsets."""
        return np.interp(at_s, *self.corners())

    def audio_times(self, at_s: Floats) -> Floats:
        """Map seconds in the reference to seconds in the performance."""
        played, plain = self.corners()
        return np.interp(at_s, plain, played)

    def synchronous(self) -> Audio:
        """Render the performance's keys by the reference's piano, dry: in time with `audio`."""
        return render_piano(self.played, self.reference_piano, self.sample_rate)

    def corners(self) -> tuple[Floats, Floats]:
        """Return seconds in the performance and in the reference of each onset that was played, both rising."""
        times = np.maximum.accumulate(self.played.audio_s)
        plain = np.interp(self.played.quarter, self.plain.quarter, self.plain.audio_s)
        first = np.concatenate([[True], np.diff(times) > 1e-4])
        return times[first], plain[first]


def perform_piece(library: Library, name: str, *, seed: int, config: TakeConfig | None = None) -> Take:
    """Perform the piece, or an excerpt of it, as take number `seed`."""
    config = config or TakeConfig()
    rng = np.random.default_rng((zlib.crc32(name.encode()), seed))
    score = excerpt(library.score(name), rng, config.seconds)
    soundfonts = config.soundfonts or installed_soundfonts()
    piano = random_piano(rng, soundfonts, mistuned=config.mistuned)
    reference_piano = random_piano(rng, soundfonts, mistuned=0.0)
    chance = np.random.default_rng(
        (zlib.crc32(name.encode()), seed, 1)
    )  # a generator of its own, so that takes of pianos do not change
    if chance.random() < config.others:
        piano = replace(piano, program=int(chance.choice(OTHERS)))
    played, plain = play(score, rng, config.style), exact(score)
    audio = render_piano(played, piano, config.sample_rate)
    return Take(
        name=name,
        score=score,
        audio=audio if config.clean else add_recording_chain(audio, config.sample_rate, rng),
        played=played,
        reference=render_piano(plain, reference_piano, config.sample_rate),
        plain=plain,
        piano=piano,
        reference_piano=reference_piano,
        sample_rate=config.sample_rate,
    )


def excerpt(score: Score, rng: np.random.Generator, seconds: float) -> Score:
    """Return the whole score, or `seconds` of it at its own tempo from a random bar on."""
    whole = float(score.seconds(score.end_quarter))
    if whole <= seconds:
        return score
    starts = score.bar_quarter[score.seconds(score.bar_quarter) < whole - seconds]
    start = float(starts[int(rng.integers(len(starts)))]) if len(starts) else 0.0
    return cut_score(score, start, float(score.quarter(float(score.seconds(start)) + seconds)))


def cut_score(score: Score, start: float, stop: float) -> Score:
    """Return the notes that begin from quarter `start` to before `stop`; the first onset becomes 0."""
    chosen = (score.note_quarter >= start - 1e-6) & (score.note_quarter < stop)
    first = float(score.note_quarter[chosen].min())
    bars = score.bar_quarter >= first - 1e-6
    shift_s = float(score.seconds(first))
    corners = np.concatenate([[first], score.tempo_quarter[score.tempo_quarter > first]])
    return Score(
        name=score.name,
        note_quarter=score.note_quarter[chosen] - first,
        note_duration=score.note_duration[chosen],
        note_pitch=score.note_pitch[chosen],
        note_velocity=score.note_velocity[chosen],
        note_id=score.note_id[chosen],
        bar_quarter=score.bar_quarter[bars] - first if bars.any() else np.zeros(1),
        bar_number=score.bar_number[bars] if bars.any() else np.ones(1, np.int64),
        bar_place=score.bar_place[bars] if bars.any() else np.ones(1, np.int64),
        tempo_quarter=corners - first,
        tempo_s=score.seconds(corners) - shift_s,
    )


def write_take(folder: Path, take: Take) -> None:
    """Write score.mid, performance.flac and truth.csv, as `evaluate` reads them."""
    with whole_folder(folder) as part:
        score_midi(take.score).save(part / "score.mid")
        soundfile.write(os.fsencode(part / "performance.flac"), take.audio, take.sample_rate, subtype="PCM_16")
        with open_text(part / "truth.csv", "w") as file:
            writer = csv.writer(file)
            writer.writerow(("quarter", "audio_s"))
            rows = zip(take.played.quarter, take.played.audio_s, strict=True)
            writer.writerows((f"{q:.5f}", f"{t:.5f}") for q, t in rows)


def score_midi(score: Score) -> mido.MidiFile:
    """Return the score as a MIDI file of 960 ticks a quarter, in its first tempo."""
    seconds_a_quarter = float(score.seconds(1.0) - score.seconds(0.0))
    events = [(0, 0, mido.MetaMessage("set_tempo", tempo=round(1e6 * seconds_a_quarter)))]
    rows = zip(
        score.note_quarter, score.note_duration, score.note_pitch.tolist(), score.note_velocity.tolist(), strict=True
    )
    for quarter, duration, pitch, velocity in rows:
        start, end = round(TICKS * quarter), round(TICKS * (quarter + duration))
        events.append((start, 2, mido.Message("note_on", note=pitch, velocity=velocity)))
        events.append((max(end, start + 1), 1, mido.Message("note_off", note=pitch)))
    events.sort(key=lambda event: event[:2])
    timed = ((tick, message) for tick, _, message in events)
    return midi_of(timed, ticks_per_beat=TICKS, head=[])
