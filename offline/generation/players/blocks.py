"""Players that write a block at once: from a code, below a soprano, or into the gap that comes next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.players.base import Player, drawn_key
from offline.generation.players.melody import melody_segment
from offline.generation.stream import FREE, VELOCITY, Change, Segment, changes_of
from offline.generation.weights import SystemFiles
from offline.music.codecs import HoldGrid, MelodyTokens, Roll, VoiceGrid
from offline.music.home_key import foreign_to, home_shift
from offline.music.piece import REST, Piece, from_grid, phrase_ends, to_grid
from offline.music.sampling import NoteRates, draw, draw_held, sigmoid, soften, softmax

__all__ = [
    "BlockPlayer",
    "DeepBachPlayer",
    "DeepHearMelodyPlayer",
    "DeepHearPlayer",
    "MiniBachPlayer",
    "VraePlayer",
    "VrashPlayer",
]

SATB = ("Soprano", "Alto", "Tenor", "Bass")


class BlockPlayer(Player):
    """A player of blocks of four bars, and the melody that it takes."""

    names: tuple[str, ...] = ("Roll",)
    steps = 64

    def melody(self, given: np.ndarray) -> np.ndarray:
        """Return the given melody, or a soprano by Bach where it is free throughout; (steps,) pitches."""
        if (given == FREE).all():
            sopranos = self.files.array("sopranos")
            return np.asarray(sopranos[int(self.rng.integers(len(sopranos)))].astype(np.int64))
        return np.where(given == FREE, REST, given)


def rates_of(files: SystemFiles) -> NoteRates:
    """Return the rates of notes of the corpus, from the metadata."""
    density, onsets = (files.value(name, float) for name in ("density", "onsets"))
    return NoteRates(density=density, onsets=onsets, pulse=tuple(files.value("pulse", list)))


class VraePlayer(BlockPlayer):
    """Write four bars of eighths from a Gaussian code, without history."""

    steps, steps_per_quarter = 32, 2

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.first = files.part("start")
        super().__init__(files, config)

    def start(self) -> None:
        """Make the codec."""
        low, high = (self.files.value(name, int) for name in ("low", "high"))
        self.codec = Roll(low=low, high=high, articulate=False)
        self._noise: np.ndarray | None = None
        self.rates = rates_of(self.files)

    def unroll(self) -> dict[str, np.ndarray]:
        """Draw a code; return it as input of the first step, with the decoder's first state."""
        code = self.rng.standard_normal(self.files.size("latent")).astype(np.float32)[None]
        state = self.first.run({"code": code})
        return {"code": code, "h_in": state["h"], "c_in": state["c"]}

    def write(self, given: np.ndarray) -> Segment:
        """Write a block from a code."""
        inputs, logits = self.unroll(), np.zeros((self.steps, self.codec.width), np.float32)
        for t in range(self.steps):
            logits[t] = self.net.run(inputs)["logits"]
            inputs = {}
        logits[:2] = logits[2]  # before its memory fills, the decoder is of no opinion
        roll, self._noise = draw_held(logits / self.config.temperature, self.rates, self.rng, self._noise)
        return Segment(n_steps=self.steps, changes=changes_of(self.codec.decode(roll).notes))


class VrashPlayer(VraePlayer):
    """Write two bars of melody from a code and from what was written."""

    names, steps, steps_per_quarter = ("Melody",), 32, 4

    def start(self) -> None:
        """Make the codec; a rest comes before the first note."""
        self.tokens, self._before, self._pitch = MelodyTokens(), 1, REST

    def write(self, given: np.ndarray) -> Segment:
        """Write a block from a code."""
        inputs, known = self.unroll(), np.eye(self.tokens.n_tokens, dtype=np.float32)
        before = known[self._before]
        written = np.zeros(self.steps, np.int64)
        for t in range(self.steps):
            p = softmax(self.net.run({**inputs, "before": before[None, None]})["logits"])
            written[t] = draw(soften(p, self.config.temperature, keep=np.array([0, 1])), self.rng)
            self._before, inputs = int(written[t]) or self._before, {}
            before = np.maximum(known[written[t]], known[self._before])
        segment, self._pitch = melody_segment(written.tolist(), self._pitch, self.tokens)
        return segment


class MiniBachPlayer(BlockPlayer):
    """Write alto, tenor and bass below four bars of soprano, all at once."""

    hears = True
    names, PULL = SATB, 1.0  # nats of a pitch outside the key of the soprano

    def start(self) -> None:
        """Make the codec."""
        self.codec = VoiceGrid()

    def logits(self, soprano: np.ndarray) -> np.ndarray:
        """Return logits (step, 3, token) for soprano tokens (step,)."""
        logits: np.ndarray = self.net.run({"soprano": soprano[None]})["logits"][0]
        return logits

    def write(self, given: np.ndarray) -> Segment:
        """Write four bars."""
        line = self.melody(given)
        if (given == FREE).all() and not self.home:  # a network of every key: the piece's own, or a fifth from it
            line = line + home_shift(line) + drawn_key(self.config) + int(self.rng.choice((0, 0, 5, -5)))
        tokens, pitches = self.codec.tokens(line), self.codec.pitches(np.arange(self.codec.n_tokens))
        outside = self.PULL * foreign_to(pitches, -home_shift(line))
        frames = np.column_stack([tokens, smoothest(self.logits(tokens) - outside)])
        return Segment(n_steps=self.steps, changes=changes_of(from_grid(self.codec.pitches(frames)).notes))


MOVE, SEMITONE = 0.04, 0.08  # nats that a move costs, and each semitone of it beyond a second


def smoothest(logits: np.ndarray) -> np.ndarray:
    """Return the likeliest tokens (step, voice) of logits (step, voice, token) where moves and leaps cost.

    All steps are estimated at once, so that their own maxima jump between equally likely notes; the best path is found
    by dynamic programming (Viterbi), voice by voice.
    """
    token = np.arange(logits.shape[2])
    distance = np.abs(token[:, None] - token)
    cost = MOVE * (distance > 0) + SEMITONE * np.maximum(distance - 2, 0)
    cost[0, 1:] = cost[1:, 0] = MOVE
    best = logits[0].astype(np.float64)  # (voice, token)
    back = np.zeros(logits.shape, np.int64)
    for t in range(1, len(logits)):
        paths = best[:, :, None] - cost
        back[t] = paths.argmax(axis=1)
        best = paths.max(axis=1) + logits[t]
    out = np.zeros(logits.shape[:2], np.int64)
    out[-1] = best.argmax(axis=1)
    for t in range(len(logits) - 1, 0, -1):
        out[t - 1] = np.take_along_axis(back[t], out[t][:, None], axis=1)[:, 0]
    return out


class DeepBachPlayer(BlockPlayer):
    """Write a bar by pseudo-Gibbs sampling: the past and a given soprano stay, the future is drawn.

    Two bars are drawn and the first is kept, so that each bar is written with its continuation.
    """

    hears = True
    names, steps, ROUNDS, AT_ONCE = SATB, 16, 8, 8
    PULL, LEAP, AGAIN = 2.0, 0.13, 0.3  # nats: a pitch outside the key, a semitone beyond a second, the same pitch

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.voices = [files.main, *(files.part(name) for name in ("alto", "tenor", "bass"))]
        super().__init__(files, config)

    def start(self) -> None:
        """Start from silence."""
        self.window, self.n_phases, self.codec = self.files.size("window"), self.files.size("n_phases"), HoldGrid()
        self.rates = self.files.array("rates").astype(float)
        self.past = np.zeros((self.window, 4), np.int64)
        self._first, self._sounding = 0, [REST] * 4
        self._outside = self._foreign(drawn_key(self.config))

    def _foreign(self, shift: int) -> np.ndarray:
        """Return what is taken from the logits of tokens outside the scale `shift` semitones from the home key.

        Trained in every key, the network has none of its own: pseudo-Gibbs sampling from chance stays between keys.
        """
        pitches = self.codec.pitches(np.arange(self.codec.n_tokens))
        foreign = foreign_to(pitches, shift)
        foreign[self.codec.hold] = False
        return self.PULL * foreign

    def _leaps(self, line: np.ndarray, t: int) -> np.ndarray:
        """Return what is taken from the logits of pitches far from the notes before and after step t of a voice."""
        struck = np.flatnonzero((line != self.codec.hold) & (line > 0))
        before, after = struck[struck < t][-1:], struck[struck > t][:1]
        token, cost = np.arange(self.codec.n_tokens), np.zeros(self.codec.n_tokens)
        for near in (*line[before], *line[after]):
            cost += self.LEAP * np.maximum(np.abs(token - near) - 2, 0) + self.AGAIN * (token == near)
        cost[[0, self.codec.hold]] = 0
        return cost

    def find_key(self, given: np.ndarray) -> None:
        """Take the key of what is given, unless the settings have one."""
        if not self._key_known and (given >= 0).any():
            self._outside, self._key_known = self._foreign(-home_shift(given.ravel())), True

    def prime(self, piece: Piece) -> None:
        """Take a piece as the bars before the first."""
        self.find_key(to_grid(piece, 4)[0])
        tokens = np.vstack([np.zeros((self.window, 4), np.int64), self.codec.encode(piece)])
        self.past, self._first = tokens[-self.window :], (len(tokens) - self.window) % (2 * self.n_phases)

    def write(self, given: np.ndarray) -> Segment:
        """Write a bar."""
        w, n = self.window, self.steps
        tokens = np.vstack([self.past, self._chance(2 * n), np.zeros((w, 4), np.int64)])
        fixed = given[0] != FREE
        if fixed:
            grid = np.full((n, 4), REST, np.int16)
            grid[:, 0] = given
            tokens[w : w + n, 0] = self.codec.encode(from_grid(grid))[:, 0]
        steps = self._first - w + np.arange(len(tokens))
        phase, fermata = steps % self.n_phases, phrase_ends(steps)
        voices = np.arange(1 if fixed else 0, 4)
        for round_ in range(self.ROUNDS * 2 * n * len(voices) // self.AT_ONCE):
            v = int(self.rng.choice(voices))
            times = np.sort(self.rng.choice(2 * n, self.AT_ONCE, replace=False))
            warm = 1.0 if round_ < 8 * len(voices) else self.config.temperature
            self._draw(v, times + w, (tokens, phase, fermata), warm)
        self.past, self._first = tokens[n : n + w].copy(), self._first + n
        return Segment(n_steps=n, changes=self._changes(tokens[w : w + n]))

    def _chance(self, n: int) -> np.ndarray:
        """Draw tokens (n, voice) as often as each voice has them."""
        rates = self.rates
        return np.stack([self.rng.choice(rates.shape[1], n, p=r / r.sum()) for r in rates], axis=1)

    def _draw(self, v: int, times: np.ndarray, music: tuple[np.ndarray, ...], temperature: float) -> None:
        """Draw voice v again at some times."""
        tokens, phase, fermata = music
        spans = times[:, None] + np.arange(-self.window, self.window + 1)
        inputs = {"frames": tokens[spans], "phase": phase[spans], "fermata": fermata[spans]}
        logits = self.voices[v].run(inputs)["logits"]
        for t, row in zip(times, logits, strict=True):
            p = softmax(row - self._outside - self._leaps(tokens[:, v], int(t)))
            tokens[t, v] = draw(soften(p, temperature, keep=np.array([self.codec.hold])), self.rng)

    def _changes(self, bar: np.ndarray) -> tuple[Change, ...]:
        """Return what begins and ends in a bar (step, voice) of tokens, after what sounds from the bar before."""
        changes: list[Change] = []
        for step, row in enumerate(bar.tolist()):
            for voice, token in enumerate(row):
                if token == self.codec.hold:
                    continue
                if self._sounding[voice] != REST:
                    changes.append((step, voice, self._sounding[voice], 0))
                self._sounding[voice] = int(self.codec.pitches(np.array([token]))[0])
                if self._sounding[voice] != REST:
                    changes.append((step, voice, self._sounding[voice], VELOCITY))
        return tuple(changes)


class DeepHearPlayer(BlockPlayer):
    """Write four bars of roll from a random code."""

    def start(self) -> None:
        """Make the codec."""
        low, high = (self.files.value(name, int) for name in ("low", "high"))
        self.codec = Roll(low=low, high=high, articulate=False)
        self.width = int(self.net.inputs["code"][1])
        self.rates = rates_of(self.files)
        self.nothing = np.zeros(self.steps * self.codec.width, np.float32)
        self._noise: np.ndarray | None = None

    def decode(self, code: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities (step * pitch,) of a code, and the gradient for the code's logits towards a target."""
        out = self.net.run({"code": code[None], "target": target[None]})
        return out["p"], out["gradient"]

    def write(self, given: np.ndarray) -> Segment:
        """Write four bars."""
        return self.play(self.decode(self.random_code(), self.nothing)[0].reshape(self.steps, -1))

    def random_code(self) -> np.ndarray:
        """Draw each unit of the code from those of two windows of the corpus, which the decoder knows."""
        codes = self.files.array("codes")
        one, other = codes[self.rng.choice(len(codes), 2, replace=False)]
        return np.where(self.rng.random(self.width) < 0.5, one, other).astype(np.float32)

    def play(self, p: np.ndarray, fixed: np.ndarray | float = 0.0) -> Segment:
        """Play notes drawn from probabilities (step, pitch), as many as the corpus has, and the notes of `fixed`."""
        logits = np.log(np.maximum(p, 1e-6)) - np.log(np.maximum(1 - p, 1e-6))
        share = max(1 - float(np.sum(fixed)) / self.steps / self.rates.density, 0.2)  # of what is not given
        rates = replace(self.rates, density=share * self.rates.density, onsets=share * self.rates.onsets)
        bits, self._noise = draw_held(logits / self.config.temperature, rates, self.rng, self._noise)
        return Segment(n_steps=self.steps, changes=changes_of(self.codec.decode(np.maximum(bits, fixed)).notes))


class DeepHearMelodyPlayer(DeepHearPlayer):
    """Find by descent a code whose decoding contains a melody; the rest of the decoding is counterpoint."""

    hears = True
    DESCENT, RATE, BELOW = 120, 0.1, 3  # semitones from the melody to the highest of the other notes

    def write(self, given: np.ndarray) -> Segment:
        """Write four bars; nothing else sounds above the melody."""
        line = self.melody(given)
        target = self.codec.encode(from_grid(line[:, None].astype(np.int16)))
        p = self.decode(self.match(target.ravel()), self.nothing)[0].reshape(self.steps, -1)
        top = np.where(line == REST, self.codec.high + 1, line - self.BELOW)
        above = self.codec.low + np.arange(self.codec.width) > top[:, None]
        return self.play(np.where(above, 0, p), target)

    def match(self, target: np.ndarray) -> np.ndarray:
        """Descend (Adam) on the code until the notes of `target` sound; return the code."""
        inner: np.ndarray = self.rng.normal(0, 1, self.width).astype(np.float32)
        mean, square = np.zeros_like(inner), np.zeros_like(inner)
        for step in range(1, self.DESCENT + 1):
            gradient = self.decode(sigmoid(inner), target)[1]
            mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
            inner -= self.RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        return sigmoid(inner)
