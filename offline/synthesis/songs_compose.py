"""Compose endless pop songs as notes: a chord grammar, drum patterns, bass lines, comping and a melody.

Nothing is taken from any piece of music, so renderings may be used for anything. Times are quarter notes; everything
depends only on the given random generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["BAR", "ComposedSong", "Hit", "Part", "compose"]

BAR = 4.0  # quarters
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
# What may follow each degree of the scale, after Piston's table of usual root progressions; repeated ones weigh more.
GRAMMAR = {
    0: (3, 4, 5, 3, 4, 5, 1, 2),
    1: (4, 4, 4, 3, 6),
    2: (5, 5, 3, 1),
    3: (4, 4, 0, 0, 1, 5),
    4: (0, 0, 0, 5, 3),
    5: (1, 3, 3, 4, 2),
    6: (0, 0, 5),
}
# Steps of sixteenths that sound, of kick, snare and hi-hat.
GROOVES = {
    "rock": ("0 8 10", "4 12", "0 2 4 6 8 10 12 14"),
    "disco": ("0 4 8 12", "4 12", "2 6 10 14"),
    "half": ("0 6 10", "8", "0 2 4 6 8 10 12 14"),
    "break": ("0 2 10", "4 7 9 12 15", "0 2 4 6 8 10 12 14"),
    "hiphop": ("0 3 10", "4 12", "0 2 3 4 6 8 10 11 12 14"),
    "bossa": ("0 3 4 7 8 11 12 15", "0 3 6 10 13", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"),
    "train": ("0 4 8 12", "2 6 10 14", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"),
}
KICKS, SNARES, HATS, CRASH, TOMS = (35, 36), (37, 38, 39, 40), (42, 44, 46, 51, 70), (49, 57), (50, 48, 47, 45, 41)
PATTERNS = {  # of a bar: onsets and lengths in quarters
    "whole": ((0, 4),),
    "halves": ((0, 2), (2, 2)),
    "quarters": ((0, 1), (1, 1), (2, 1), (3, 1)),
    "eighths": tuple((i / 2, 0.5) for i in range(8)),
    "pushed": ((0, 1.5), (1.5, 1.5), (3, 1)),
    "offbeat": ((0.5, 0.5), (1.5, 0.5), (2.5, 0.5), (3.5, 0.5)),
}


@dataclass(frozen=True, slots=True)
class Hit:
    """One note: start and length in quarters, MIDI pitch and velocity."""

    start: float
    length: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The notes of one instrument; program: General MIDI, 0 to 127, or of a drum kit."""

    notes: list[Hit]
    program: int
    drums: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedSong:
    """A song: its instruments by stem, and the melody that is to be sung."""

    tempo_bpm: float
    parts: dict[str, list[Part]]
    melody: list[Hit]
    n_bars: int

    @property
    def seconds(self) -> float:
        """Return the duration without the last notes' decay."""
        return self.n_bars * BAR * 60 / self.tempo_bpm


def compose(rng: np.random.Generator, *, seconds: float = 75.0) -> ComposedSong:
    """Compose a song of about `seconds`: sections of eight bars in which the instruments come and go."""
    tempo_bpm = float(rng.uniform(70, 165))
    n_bars = max(8, round(seconds * tempo_bpm / 60 / BAR / 8) * 8)
    scale, key = (MAJOR, MINOR)[int(rng.random() < 0.5)], int(rng.integers(12))
    chords = _progressions(rng, n_bars)
    tonal = [[key + scale[d % 7] + 12 * (d // 7) for d in (root, root + 2, root + 4)] for root in chords]
    parts = {
        "drums": [_thin(rng, _drums(rng, n_bars), n_bars, 0.9)],
        "bass": [_thin(rng, _bass(rng, tonal), n_bars, 0.9)],
        "other": [_thin(rng, _comping(rng, tonal), n_bars, 0.8) for _ in range(rng.integers(1, 4))],
    }
    melody = _melody(rng, [key + s for s in scale], tonal)
    return ComposedSong(tempo_bpm=tempo_bpm, parts=parts, melody=_keep(rng, melody, n_bars, 0.75), n_bars=n_bars)


def _progressions(rng: np.random.Generator, n_bars: int) -> list[int]:
    """Return a degree for each bar: four-bar phrases by the grammar, some of which come back."""
    phrases: list[list[int]] = []
    for _ in range(-(-n_bars // 4)):
        if phrases and rng.random() < 0.6:
            phrases.append(phrases[int(rng.integers(len(phrases)))])
            continue
        phrase = [0 if rng.random() < 0.6 else int(rng.choice([5, 3, 1]))]
        while len(phrase) < 4:
            phrase.append(int(rng.choice(GRAMMAR[phrase[-1]])))
        phrases.append(phrase)
    return [degree for phrase in phrases for degree in phrase][:n_bars]


def _keep(rng: np.random.Generator, notes: Sequence[Hit], n_bars: int, share: float) -> list[Hit]:
    """Keep only the notes of some of the eight-bar sections, of at least one."""
    sections = -(-n_bars // 8)
    sounding = rng.random(sections) < share
    sounding[int(rng.integers(sections))] = True
    return [note for note in notes if sounding[min(sections - 1, int(note.start // (8 * BAR)))]]


def _thin(rng: np.random.Generator, part: Part, n_bars: int, share: float) -> Part:
    return Part(notes=_keep(rng, part.notes, n_bars, share), program=part.program, drums=part.drums)


def _human(rng: np.random.Generator, start: float, velocity: float) -> tuple[float, int]:
    return max(0.0, start + rng.normal(0, 0.008)), int(np.clip(velocity + rng.normal(0, 7), 20, 127))


def _drums(rng: np.random.Generator, n_bars: int) -> Part:
    groove = [[int(step) for step in row.split()] for row in GROOVES[str(rng.choice(list(GROOVES)))]]
    keys = [int(rng.choice(row)) for row in (KICKS, SNARES, HATS)]
    swing = float(rng.choice([0, 0, 0.06, 0.08]))
    notes = []
    for bar in range(n_bars):
        fill = bar % 4 == 3 and rng.random() < 0.5
        for key, steps, level in zip(keys, groove, (108, 104, 78), strict=True):
            for step in steps:
                if rng.random() < 0.06 or (fill and step >= 12 and key != keys[0]):
                    continue
                start, velocity = _human(rng, bar * BAR + step / 4 + swing * (step % 2), level - 12 * (step % 4 > 0))
                notes.append(Hit(start, 0.2, key, velocity))
        if fill:
            fills = [(bar * BAR + 3 + i / 4, int(rng.choice(TOMS))) for i in range(4)]
            notes += [Hit(*_human(rng, at, 0)[:1], 0.2, tom, int(rng.integers(80, 118))) for at, tom in fills]
        if bar % 8 == 0 and rng.random() < 0.7:
            notes.append(Hit(bar * BAR, 1.0, int(rng.choice(CRASH)), 100))
    return Part(notes=notes, program=int(rng.choice([0, 8, 16, 24, 25, 32, 40])), drums=True)


def _bass(rng: np.random.Generator, chords: Sequence[Sequence[int]]) -> Part:
    pattern = PATTERNS[str(rng.choice(["halves", "quarters", "eighths", "pushed", "whole"]))]
    style, gate = str(rng.choice(["root", "fifths", "octaves", "walking"])), rng.uniform(0.6, 1.0)
    notes = []
    for bar, (root, third, fifth) in enumerate(chords):
        low = 28 + (root - 28) % 12
        tones = {
            "root": [low],
            "fifths": [low, low + fifth - root],
            "octaves": [low, low + 12],
            "walking": [low, low + third - root, low + fifth - root, low + 10],
        }[style]
        for i, (at, length) in enumerate(pattern):
            start, velocity = _human(rng, bar * BAR + at, 96)
            notes.append(Hit(start, length * gate, tones[i % len(tones)], velocity))
    return Part(notes=notes, program=int(rng.integers(32, 40)))


# General MIDI programs that can carry chords.
CHORDAL = (*range(8), 11, *range(16, 22), *range(24, 32), 46, *range(48, 55), *range(61, 64), *range(80, 96), 104, 108)


def _comping(rng: np.random.Generator, chords: Sequence[Sequence[int]]) -> Part:
    pattern = PATTERNS[str(rng.choice(list(PATTERNS)))]
    octave, gate = int(rng.choice([48, 60, 60, 72])), rng.uniform(0.4, 1.0)
    broken = rng.random() < 0.4
    notes = []
    for bar, chord in enumerate(chords):
        tones = [octave + (pitch - octave) % 12 for pitch in chord]
        steps = [(i / 2, 0.5) for i in range(8)] if broken else pattern
        for i, (at, length) in enumerate(steps):
            start, velocity = _human(rng, bar * BAR + at, 80)
            chosen = [tones[i % 3] + 12 * (i % 6 > 2)] if broken else tones
            notes += [Hit(start, length * gate, pitch, velocity) for pitch in chosen]
    return Part(notes=notes, program=int(rng.choice(CHORDAL)))


def _melody(rng: np.random.Generator, scale: Sequence[int], chords: Sequence[Sequence[int]]) -> list[Hit]:
    """Return phrases of two bars that walk by step, land on chord tones and breathe before the next."""
    centre = int(rng.integers(50, 70))
    pitches = sorted(p for p in range(centre - 8, centre + 13) if (p - scale[0]) % 12 in {s - scale[0] for s in scale})
    at, notes, where = 0.0, [], len(pitches) // 2
    while at < len(chords) * BAR - 2:
        length = float(rng.choice([0.5, 0.5, 0.5, 1, 1, 1.5, 2]))
        chord = {p % 12 for p in chords[int(at // BAR)]}
        where = int(np.clip(where + rng.choice([-2, -1, -1, 0, 1, 1, 2, 3, -3]), 0, len(pitches) - 1))
        if length >= 1:
            near = sorted(range(len(pitches)), key=lambda i: (pitches[i] % 12 not in chord, abs(i - where)))
            where = near[0]
        notes.append(Hit(at, length * 0.95, pitches[where], int(rng.integers(70, 120))))
        at += length
        if at % (2 * BAR) >= 2 * BAR - 1.5:
            at = (at // (2 * BAR) + 1) * 2 * BAR + float(rng.choice([0, 0.5, 1]))
    return notes
