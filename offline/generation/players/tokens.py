"""Players that write token after token: BachBot, Celtic, CONCERT, Rhythm."""

from __future__ import annotations

from itertools import count

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.players.base import Player
from offline.generation.stream import VELOCITY, Change, Segment, changes_of
from offline.generation.weights import SystemFiles
from offline.music.codecs import AbcTokens, ChoraleTokens, DrumTokens, TuneTuples
from offline.music.codecs.abc import Reader
from offline.music.codecs.tokens import seat
from offline.music.corpora import grooves
from offline.music.piece import REST, Piece, make_notes
from offline.music.sampling import draw, soften, softmax

__all__ = ["BachBotPlayer", "CelticPlayer", "ConcertPlayer", "RhythmPlayer", "TokenPlayer"]


class TokenPlayer(Player):
    """A player with a token network."""

    def start(self) -> None:
        """Start a piece."""
        self.net.reset()
        self.logits: dict[str, np.ndarray] = {}

    def take(self, row: np.ndarray, condition: np.ndarray | None = None) -> None:
        """Take the row (stream,) that was written, and the condition of the next."""
        inputs = {"row": row.reshape(1, 1, -1)}
        if condition is not None:
            inputs["condition"] = condition.reshape(1, 1, -1)
        self.logits = self.net.run(inputs)

    def p(self, stream: int, row: np.ndarray, sharpness: float = 1.0) -> np.ndarray:
        """Return the probability of each token of a stream of the next row; streams before it are read from `row`."""
        logits = self.logits[f"logits_{stream}"]
        return softmax(sharpness * (logits + self.between(row)[f"logits_{stream}"] if stream else logits))

    def between(self, row: np.ndarray) -> dict[str, np.ndarray]:
        """Return what streams add to the logits of those after them; only a network of several streams has it."""
        raise NotImplementedError


class BachBotPlayer(TokenPlayer):
    """Write chorales frame by frame, one after another."""

    names = ("Soprano", "Alto", "Tenor", "Bass")

    def start(self) -> None:
        """Start a chorale from its start token."""
        super().start()
        self.codec = ChoraleTokens()
        first = self.codec.FIRST
        self._keep = np.array([self.codec.FRAME, self.codec.FERMATA, *range(first + 1, self.codec.n_tokens, 2)])
        self._sounding = [REST] * 4
        self._now = np.array([self.codec.START])

    def prime(self, piece: Piece) -> None:
        """Take a piece as what was written before."""
        self.start()
        tokens = self.codec.encode(piece)[:-1]
        for token in tokens[:-1]:
            self.take(np.array([token]))
        self._now = tokens[-1:]

    def next(self, given: np.ndarray) -> Segment:
        """Write a sixteenth."""
        frame: list[tuple[int, bool]] = []
        for _ in range(12):  # no frame of a chorale has more tokens
            self.take(self._now)
            p = soften(self.p(0, self._now), self.config.temperature, keep=self._keep)
            p[self.codec.START] = 0
            p[self.codec.END] *= not frame
            self._now = np.array([draw(p, self.rng)])
            if self._now[0] < self.codec.FERMATA:
                break
            if self._now[0] >= self.codec.FIRST:
                pitch, tied = divmod(int(self._now[0]) - self.codec.FIRST, 2)
                frame.append((pitch + self.codec.low, bool(tied)))
        before = self._sounding
        if self._now[0] == self.codec.END:
            self.start()
        self._sounding, struck = seat(frame, before, 4)
        return Segment(n_steps=1, changes=_voices(before, self._sounding, struck))


def _voices(before: list[int], now: list[int], struck: list[bool]) -> tuple[Change, ...]:
    out: list[Change] = []
    for voice, (old, new, hit) in enumerate(zip(before, now, struck, strict=True)):
        if old != REST and (hit or old != new):
            out.append((0, voice, old, 0))
        if new != REST and (hit or old != new):
            out.append((0, voice, new, VELOCITY))
    return tuple(out)


class CelticPlayer(TokenPlayer):
    """Write tunes one after another; a segment ends at a bar line."""

    names, steps_per_quarter = ("Tune",), 24
    LONGEST = 400  # tokens after which a bar ends anyway

    def start(self) -> None:
        """Start from the token between two tunes."""
        super().start()
        self.codec = AbcTokens(vocabulary=tuple(self.files.value("vocabulary", list)))
        self.reader, self._now = Reader(), np.array([0])

    def next(self, given: np.ndarray) -> Segment:
        """Write a bar."""
        begun = len(self.reader.rows), round(self.reader.now)
        for _ in range(self.LONGEST):
            self.take(self._now)
            p = soften(self.p(0, self._now), max(self.config.temperature, 0.3))
            self._now = np.array([draw(p, self.rng)])
            text = self.codec.vocabulary[self._now[0] - 1] if self._now[0] else "|"
            self.reader.take(text)
            if ("|" in text or "::" in text) and round(self.reader.now) > begun[1]:
                break
        self.reader.strike()
        notes = make_notes(self.reader.rows[begun[0] :])
        notes["onset"] -= begun[1]
        n_steps = round(self.reader.now) - begun[1]
        if not self._now[0]:
            self.start()
        return Segment(n_steps=max(n_steps, 1), changes=changes_of(notes))


class ConcertPlayer(TokenPlayer):
    """Write notes with their chords, which sound as triads below."""

    names = ("Melody", "Chords")

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.streams = files.part("between")
        super().__init__(files, config)

    def between(self, row: np.ndarray) -> dict[str, np.ndarray]:
        """Return what pitch and duration add to the logits of duration and chord."""
        return self.streams.run({"row": row.reshape(1, 1, -1)})

    def start(self) -> None:
        """Start from a rest of a quarter."""
        super().start()
        self.codec = TuneTuples(low=54, n_pitches=36)
        self._row, self._chord = np.array([0, 3, 1]), 0

    def next(self, given: np.ndarray) -> Segment:
        """Write a note."""
        self.take(self._row)
        row = np.zeros(3, np.int64)
        for stream in range(3):
            p = self.p(stream, row)
            row[stream] = draw(soften(p, self.config.temperature) if stream != 1 else p, self.rng)
        self._row = row
        n_steps = self.codec.durations[row[1]]
        changes: list[Change] = []
        if row[0]:
            pitch = int(row[0]) - 1 + self.codec.low
            changes += [(0, 0, pitch, VELOCITY), (n_steps, 0, pitch, 0)]
        if row[2] != self._chord:
            changes += [(0, 1, pitch, 0) for pitch in _triad(self._chord)]
            changes += [(0, 1, pitch, VELOCITY - 20) for pitch in _triad(int(row[2]))]
            self._chord = int(row[2])
        return Segment(n_steps=n_steps, changes=tuple(changes))


def _triad(chord: int) -> list[int]:
    """Return the pitches around C3 of a chord token: 1 + root for major, 13 + root for minor."""
    third = 3 if chord > 12 else 4
    return [48 + (chord - 1) % 12 + step for step in (0, third, 7)] if chord else []


class RhythmPlayer(TokenPlayer):
    """Write drums to a bass and a guitar that are made by rule, eight bars a groove."""

    names, percussion = ("Drums",), True

    def start(self) -> None:
        """Start a groove: its conditions are made by rule."""
        super().start()
        self.codec = DrumTokens()
        self._condition, self._count, self._row = grooves(self.rng)[1], count(), np.array([0])

    def next(self, given: np.ndarray) -> Segment:
        """Write a sixteenth."""
        self.take(self._row, self._condition[next(self._count) % len(self._condition)])
        self._row = np.array([draw(soften(self.p(0, self._row), self.config.temperature), self.rng)])
        keys = [key for bit, key in enumerate(self.codec.drums) if self._row[0] >> bit & 1]
        return Segment(n_steps=1, changes=changes_of(make_notes([(0, 1, key, 0) for key in keys])))
