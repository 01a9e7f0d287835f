"""Tunes as ABC tokens like those of folk-rnn: notes, lengths, bars and signs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from engine.core.errors import ScoreError
from offline.music.piece import Piece, make_notes

__all__ = ["AbcTokens", "Reader", "clean_abc", "metre_of", "tokenize"]

TOKEN = re.compile(
    r"M:[^\s\]]+|K:[A-Za-z#]+|\|:|:\||::|\|\]|\||\[[12]|\(3|[_^=]*[A-Ga-gz][,']*|\d*/+\d*|\d+|[<>]", re.ASCII
)
MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "m": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1, "": 0}
FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARPS = "FCGDAEB"
STEPS_PER_QUARTER = 24  # triplets of eighths, dotted sixteenths and thirty-seconds fall on it


def clean_abc(text: str) -> str:
    """Remove what has no token: comments, chords in quotes, ornaments, grace notes, slurs, other fields."""
    text = re.sub(r"%.*|\"[^\"]*\"|\{[^}]*\}|![^!]*!|\+[^+]*\+", "", text)
    text = re.sub(r"^(?![MK]:)[A-Za-z]:.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"[~.HLMOPSTuv\-\\()](?!\d|:)", " ", text)


def tokenize(text: str) -> list[str]:
    """Return the tokens of a tune: metre, key, then notes, lengths, bars and signs."""
    return TOKEN.findall(clean_abc(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class AbcTokens:
    """Convert token texts to numbers and back; 0 begins and ends a tune.

    vocabulary: texts of the tokens from 1 on
    """

    vocabulary: tuple[str, ...]

    @classmethod
    def of(cls, tunes: Iterable[list[str]]) -> AbcTokens:
        """Make the codec of a corpus."""
        return cls(vocabulary=tuple(sorted({token for tune in tunes for token in tune})))

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens."""
        return len(self.vocabulary) + 1

    def encode(self, tokens: list[str]) -> np.ndarray:
        """Return tokens (token,) int64, with 0 at both ends."""
        number = {text: i for i, text in enumerate(self.vocabulary, 1)}
        unknown = [token for token in tokens if token not in number]
        if unknown:
            raise ScoreError("ABC tune", expected="tokens of the vocabulary", got=repr(unknown[0]))
        return np.array([0, *(number[token] for token in tokens), 0], np.int64)

    def texts(self, numbers: np.ndarray) -> list[str]:
        """Return the texts of tokens."""
        return [self.vocabulary[i - 1] for i in numbers.tolist() if i > 0]

    def decode(self, numbers: np.ndarray) -> Piece:
        """Return the piece of a tune, repeats played once, on a grid of 24 steps a quarter."""
        return play(self.texts(numbers))


def key_signature(key: str) -> dict[str, int]:
    """Return the accidentals by letter of a key like D, Gm, Edor or F#min."""
    match = re.match(r"([A-G])([#b]?)\s*([A-Za-z]*)", key)
    if match is None:
        return {}
    tonic, accidental, mode = match.groups()
    fifths = FIFTHS[tonic] + {"#": 7, "b": -7, "": 0}[accidental] + MODES.get(mode.lower()[:3], 0)
    if fifths >= 0:
        return dict.fromkeys(SHARPS[:fifths], 1)
    return dict.fromkeys(SHARPS[::-1][:-fifths], -1)


def play(tokens: list[str]) -> Piece:
    """Return the notes of ABC tokens, unit length an eighth; what has no meaning is skipped."""
    reader = Reader()
    for token in tokens:
        reader.take(token)
    reader.strike()
    return Piece(
        notes=make_notes(reader.rows),
        n_steps=round(reader.now),
        steps_per_quarter=STEPS_PER_QUARTER,
        beats_per_bar=reader.metre[0],
        beat_unit=reader.metre[1],
    )


class Reader:
    """State while a tune is read: the note that waits for its length, the key, the accidentals of the bar."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int]] = []
        self.now = Fraction(0)
        self.metre = (4, 4)
        self.key: dict[str, int] = {}
        self.bar: dict[str, int] = {}
        self.note: int | None = None
        self.waiting = False
        self.length = Fraction(1)
        self.broken = Fraction(1)
        self.triplet = 0

    def take(self, token: str) -> None:
        """Take one token."""
        if token in "<>" and token:
            long, short = Fraction(3, 2), Fraction(1, 2)
            self.length *= long if token == ">" else short
            self.strike()
            self.broken = short if token == ">" else long
        elif token[0].isdigit() or token[0] == "/":
            self.length *= _length(token)
        elif token[0] in "_^=" or token[0] in "ABCDEFGabcdefgz":
            self.strike()
            self._begin(token)
        else:
            self.strike()
            self._sign(token)

    def _sign(self, token: str) -> None:
        if token.startswith("M:"):
            self.metre = metre_of(token[2:])
        elif token.startswith("K:"):
            self.key = key_signature(token[2:])
        elif token == "(3":
            self.triplet = 3
        elif "|" in token or "::" in token:
            self.bar = {}

    def _begin(self, token: str) -> None:
        mark, letter, octave = re.fullmatch(r"([_^=]*)([A-Ga-gz])([,']*)", token).groups()  # type: ignore[union-attr]
        self.waiting, self.length, self.broken = True, self.broken, Fraction(1)
        if self.triplet:
            self.length, self.triplet = self.length * Fraction(2, 3), self.triplet - 1
        if letter == "z":
            self.note = None
            return
        name = letter.upper()
        if mark:
            self.bar[name] = mark.count("^") - mark.count("_")
        alter = self.bar.get(name, self.key.get(name, 0))
        octaves = letter.islower() + octave.count("'") - octave.count(",")
        self.note = int(np.clip(60 + STEPS[name] + 12 * octaves + alter, 0, 127))

    def strike(self) -> None:
        """Write the waiting note."""
        if self.waiting:
            end = self.now + self.length * STEPS_PER_QUARTER / 2
            onset, duration = round(self.now), max(round(end) - round(self.now), 1)
            if self.note is not None:
                self.rows.append((onset, duration, self.note, 0))
            self.now = end
        self.waiting, self.length = False, Fraction(1)


def _length(token: str) -> Fraction:
    """Return 3, /2, 3/2, / and // as factors, limited to a sixteenth of a unit and sixteen units."""
    number, slashes, divisor = re.fullmatch(r"(\d*)(/*)(\d*)", token).groups()  # type: ignore[union-attr]
    under = int(divisor) if divisor else 1 << len(slashes)
    return min(max(Fraction(int(number or 1), max(under, 1)), Fraction(1, 16)), Fraction(16))


def metre_of(text: str) -> tuple[int, int]:
    """Return the time signature of C, C| or n/m."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None:
        return (2, 2) if text == "C|" else (4, 4)
    beats, unit = int(match[1]), int(match[2])
    return (beats, unit) if 1 <= beats <= 32 and unit in (1, 2, 4, 8, 16, 32) else (4, 4)
