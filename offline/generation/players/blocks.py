"""Players that write a block at once: from a code, below a soprano, or into the gap that comes next."""

from __future__ import annotations

import numpy as np

from offline.generation.config import GeneratorConfig
from offline.generation.players.base import Player
from offline.generation.stream import FREE, VELOCITY, Change, Segment, changes_of
from offline.generation.weights import SystemFiles
from offline.music.codecs import HoldGrid, MelodyTokens, Roll, VoiceGrid
from offline.music.piece import REST, Piece, from_grid, phrase_ends
from offline.music.sampling import draw, sigmoid, soften, softmax

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

    def unroll(self) -> dict[str, np.ndarray]:
        """Draw a code; return it as input of the first step, with the decoder's first state."""
        code = self.rng.standard_normal(self.files.size("latent")).astype(np.float32)[None]
        state = self.first.run({"code": code})
        return {"code": code, "h_in": state["h"], "c_in": state["c"]}

    def next(self, given: np.ndarray) -> Segment:
        """Write a block from a code."""
        inputs, logits = self.unroll(), np.zeros((self.steps, self.codec.width), np.float32)
        for t in range(self.steps):
            logits[t] = self.net.run(inputs)["logits"]
            inputs = {}
        roll = self.rng.random(logits.shape) < sigmoid(logits / max(self.config.temperature, 0.05))
        return Segment(n_steps=self.steps, changes=changes_of(self.codec.decode(roll.astype(np.float32)).notes))


class VrashPlayer(VraePlayer):
    """Write two bars of melody from a code and from what was written."""

    names, steps, steps_per_quarter = ("Melody",), 32, 4

    def start(self) -> None:
        """Make the codec."""
        self.tokens = MelodyTokens()

    def next(self, given: np.ndarray) -> Segment:
        """Write a block from a code."""
        inputs, before = self.unroll(), np.zeros(self.tokens.n_tokens, np.float32)
        written = np.zeros(self.steps, np.int64)
        for t in range(self.steps):
            p = softmax(self.net.run({**inputs, "before": before[None, None]})["logits"])
            written[t] = draw(soften(p, self.config.temperature, keep=np.array([0, 1])), self.rng)
            before, inputs = np.eye(self.tokens.n_tokens, dtype=np.float32)[written[t]], {}
        return Segment(n_steps=self.steps, changes=changes_of(self.tokens.decode(written).notes))


class MiniBachPlayer(BlockPlayer):
    """Write alto, tenor and bass below four bars of soprano, all at once."""

    names = SATB

    def start(self) -> None:
        """Make the codec."""
        self.codec = VoiceGrid()

    def logits(self, soprano: np.ndarray) -> np.ndarray:
        """Return logits (step, 3, token) for soprano tokens (step,)."""
        logits: np.ndarray = self.net.run({"soprano": soprano[None]})["logits"][0]
        return logits

    def next(self, given: np.ndarray) -> Segment:
        """Write four bars."""
        tokens = self.codec.tokens(self.melody(given))
        frames = np.column_stack([tokens, self.logits(tokens).argmax(axis=2)])
        return Segment(n_steps=self.steps, changes=changes_of(from_grid(self.codec.pitches(frames)).notes))


class DeepBachPlayer(BlockPlayer):
    """Write a bar by pseudo-Gibbs sampling: the past and a given soprano stay, the future is drawn.

    Two bars are drawn and the first is kept, so that each bar is written with its continuation.
    """

    names, steps, ROUNDS, AT_ONCE = SATB, 16, 8, 8

    def __init__(self, files: SystemFiles, config: GeneratorConfig) -> None:
        self.voices = [files.main, *(files.part(name) for name in ("alto", "tenor", "bass"))]
        super().__init__(files, config)

    def start(self) -> None:
        """Start from silence."""
        self.window, self.n_phases, self.codec = self.files.size("window"), self.files.size("n_phases"), HoldGrid()
        self.rates = self.files.array("rates").astype(float)
        self.past = np.zeros((self.window, 4), np.int64)
        self._first, self._sounding = 0, [REST] * 4

    def prime(self, piece: Piece) -> None:
        """Take a piece as the bars before the first."""
        tokens = np.vstack([np.zeros((self.window, 4), np.int64), self.codec.encode(piece)])
        self.past, self._first = tokens[-self.window :], (len(tokens) - self.window) % (2 * self.n_phases)

    def next(self, given: np.ndarray) -> Segment:
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
            tokens[t, v] = draw(soften(softmax(row), temperature, keep=np.array([self.codec.hold])), self.rng)

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
        self.width, self.density = int(self.net.inputs["code"][1]), self.files.value("density", float)
        self.nothing = np.zeros(self.steps * self.codec.width, np.float32)

    def decode(self, code: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities (step * pitch,) of a code, and the gradient for the code's logits towards a target."""
        out = self.net.run({"code": code[None], "target": target[None]})
        return out["p"], out["gradient"]

    def next(self, given: np.ndarray) -> Segment:
        """Write four bars."""
        code = (self.rng.random(self.width) < 0.5).astype(np.float32)
        return self.play(self.decode(code, self.nothing)[0].reshape(self.steps, -1))

    def play(self, roll: np.ndarray, fixed: np.ndarray | float = 0.0) -> Segment:
        """Play the likeliest notes of a roll (step, pitch), as many as chorales have, and the notes of `fixed`."""
        share = self.density / roll.shape[1]
        sounds = np.maximum(roll > np.quantile(roll, 1 - share), fixed)
        return Segment(n_steps=self.steps, changes=changes_of(self.codec.decode(sounds).notes))


class DeepHearMelodyPlayer(DeepHearPlayer):
    """Find by descent a code whose decoding contains a melody; the rest of the decoding is counterpoint."""

    DESCENT, RATE = 120, 0.1

    def next(self, given: np.ndarray) -> Segment:
        """Write four bars."""
        line = self.melody(given)
        target = self.codec.encode(from_grid(line[:, None].astype(np.int16)))
        p, _ = self.decode(self.match(target.ravel()), self.nothing)
        return self.play(p.reshape(self.steps, -1), target)

    def match(self, target: np.ndarray) -> np.ndarray:
        """Descend (Adam) on the code until the notes of `target` sound; return the code."""
        inner: np.ndarray = self.rng.normal(0, 1, self.width).astype(np.float32)
        mean, square = np.zeros_like(inner), np.zeros_like(inner)
        for step in range(1, self.DESCENT + 1):
            gradient = self.decode(sigmoid(inner), target)[1]
            mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
            inner -= self.RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        return sigmoid(inner)
