"""Players that write token after token: BachBot, Celtic, Rhythm."""

from __future__ import annotations

import numpy as np

from offline.generation.players.base import Player
from offline.generation.stream import VELOCITY, Change, Segment, changes_of
from offline.music.codecs import AbcTokens, ChoraleTokens, DrumTokens
from offline.music.codecs.abc import Reader, metre_of
from offline.music.codecs.tokens import seat
from offline.music.home_key import foreign_to, home_shift
from offline.music.own_corpus import OwnPiece
from offline.music.own_uses import onsets_of_bass_and_guitar
from offline.music.piece import REST, Piece, make_notes
from offline.music.rules import groove_condition, grooves
from offline.music.sampling import draw, soften, softmax

__all__ = ["BachBotPlayer", "CelticPlayer", "RhythmPlayer", "TokenPlayer"]

METRE, BAR = "M:", 16


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

    def p(self, sharpness: float = 1.0) -> np.ndarray:
        """Return the probability of each token of the next row."""
        return softmax(sharpness * self.logits["logits_0"])


class BachBotPlayer(TokenPlayer):
    """Write chorales frame by frame, one after another."""

    names = ("Soprano", "Alto", "Tenor", "Bass")
    KEY_PITCHES, FOREIGN = 4 * 32, 0.4  # four voices of two bars; factor on the odds of pitches outside their key

    def start(self) -> None:
        """Start a chorale from its start token."""
        super().start()
        self.codec = ChoraleTokens()
        first = self.codec.FIRST
        self._keep = np.array([self.codec.FRAME, self.codec.FERMATA, *range(first + 1, self.codec.n_tokens, 2)])
        self._sounding = [REST] * 4
        self._in_key, self._heard = np.ones(self.codec.n_tokens), list[int]()
        self._opening: list[int] = []  # tokens of the first frame of the first chorale
        self._begin([])

    def _begin(self, opening: list[int]) -> None:
        """Begin a chorale, after the first with the same chord, which keeps the key."""
        self.net.reset()
        self._now, self._given, self._frames = np.array([self.codec.START]), list(opening), 0

    def _hear(self, pitches: list[int]) -> None:
        """Hold to the key of the first bars: trained in every key, the network wanders."""
        if len(self._heard) < self.KEY_PITCHES:
            self._heard += pitches
            if len(self._heard) >= self.KEY_PITCHES:
                shift = -home_shift(np.array(self._heard))
                tokens = np.arange(self.codec.FIRST, self.codec.n_tokens)
                pitch = (tokens - self.codec.FIRST) // 2 + self.codec.low
                self._in_key[self.codec.FIRST :][foreign_to(pitch, shift)] = self.FOREIGN

    def prime(self, piece: Piece) -> None:
        """Take a piece as what was written before."""
        self.start()
        self._hear(np.repeat(piece.notes["pitch"], piece.notes["duration"]).tolist())
        tokens = self.codec.encode(piece)[:-1]
        for token in tokens[:-1]:
            self.take(np.array([token]))
        self._now = tokens[-1:]

    def write(self, given: np.ndarray) -> Segment:
        """Write a sixteenth."""
        frame: list[tuple[int, bool]] = []
        tokens: list[int] = []
        for _ in range(12):  # no frame of a chorale has more tokens
            self.take(self._now)
            p = soften(self.p() * self._in_key, self.config.temperature, keep=self._keep)
            p[self.codec.START] = 0
            p[self.codec.END] *= not frame
            self._now = np.array([self._given.pop(0) if self._given else draw(p, self.rng)])
            if not self._frames:
                tokens.append(int(self._now[0]))
            if self._now[0] < self.codec.FERMATA:
                break
            if self._now[0] >= self.codec.FIRST:
                pitch, tied = divmod(int(self._now[0]) - self.codec.FIRST, 2)
                frame.append((pitch + self.codec.low, bool(tied)))
        before, self._frames = self._sounding, self._frames + 1
        self._hear([pitch for pitch, _ in frame])
        self._opening = self._opening or tokens
        if self._now[0] == self.codec.END:
            self._begin(self._opening)
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
    """Write tunes one after another, all in the metre of the first; a segment ends at a bar line."""

    names, steps_per_quarter = ("Tune",), 24
    LONGEST = 400  # tokens after which a bar ends anyway

    def start(self) -> None:
        """Start from the token between two tunes."""
        super().start()
        self.codec = AbcTokens(vocabulary=tuple(self.files.value("vocabulary", list)))
        self._metres = np.array([0, *(text.startswith(METRE) for text in self.codec.vocabulary)], bool)
        self._allowed = np.ones(self.codec.n_tokens)
        self._begin()

    def _begin(self) -> None:
        self.net.reset()
        self.reader, self._now = Reader(), np.array([0])

    def write(self, given: np.ndarray) -> Segment:
        """Write a bar."""
        begun = len(self.reader.rows), round(self.reader.now)
        for _ in range(self.LONGEST):
            text = self._next()
            self.reader.take(text)
            if ("|" in text or "::" in text) and round(self.reader.now) > begun[1]:
                break
        self.reader.strike()
        notes = make_notes(self.reader.rows[begun[0] :])
        notes["onset"] -= begun[1]
        n_steps = round(self.reader.now) - begun[1]
        if not self._now[0]:
            self._begin()
        return Segment(n_steps=max(n_steps, 1), changes=changes_of(notes))

    def _next(self) -> str:
        """Draw a token and return its text; a tune's end is a bar line."""
        self.take(self._now)
        p = soften(self.p() * self._allowed, max(self.config.temperature, 0.3))
        self._now = np.array([draw(p, self.rng)])
        if not self._now[0]:
            return "|"
        text = self.codec.vocabulary[self._now[0] - 1]
        if text.startswith(METRE):
            self._allowed[self._metres] = 0
            self._allowed[self._now[0]] = 1
            self.metre = metre_of(text[len(METRE) :])
        return text


class RhythmPlayer(TokenPlayer):
    """Write drums to a bass and a guitar, which are made by rule, eight bars a groove, or given."""

    names, percussion = ("Drums",), True

    def start(self) -> None:
        """Start a groove: its conditions are made by rule."""
        super().start()
        self.codec = DrumTokens()
        self._condition = grooves(self.rng, tempo_bpm=self.config.tempo_bpm)[1]
        self._step, self._row, self._given = 0, np.array([0]), False

    def follow(self, band: OwnPiece) -> None:
        """Take bass and guitar of a piece as conditions, and its tempo unless the settings have one."""
        n_steps = -(-max(band.piece.n_steps, 1) // BAR) * BAR
        bass, guitar = onsets_of_bass_and_guitar(band, n_steps)
        self._condition = groove_condition(bass, guitar, self.config.tempo_bpm or band.piece.tempo_bpm)
        self._given = True

    def write(self, given: np.ndarray) -> Segment:
        """Write a sixteenth; a given groove begins again at its end, one that is made gives way to another."""
        if self._step == len(self._condition):
            if self._given:
                self._step = 0
            else:
                self.start()
        self.take(self._row, self._condition[self._step])
        self._step += 1
        self._row = np.array([draw(soften(self.p(), self.config.temperature), self.rng)])
        keys = [key for bit, key in enumerate(self.codec.drums) if self._row[0] >> bit & 1]
        return Segment(n_steps=1, changes=changes_of(make_notes([(0, 1, key, 0) for key in keys])))
