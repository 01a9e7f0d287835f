"""The baseline: blended Markov chains of several orders, counted from the chorales, and their player."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from engine.core.errors import ModelError
from offline.generation.config import GeneratorConfig
from offline.generation.players.base import drawn_key
from offline.generation.stream import FREE, FrameGenerator
from offline.music.codecs import VoiceGrid
from offline.music.corpora import Corpora
from offline.music.home_key import home_frames, home_shift
from offline.music.own_corpus import is_corpus
from offline.music.piece import REST
from offline.music.sampling import draw, forbid_parallels, soften

__all__ = [
    "Markov",
    "MarkovPlayer",
    "ages",
    "chorale_contexts",
    "count_home",
    "fit",
    "fit_chorales",
    "load_markov",
    "save_markov",
    "voice_contexts",
]

TABLE = ".npz"
MIX = np.uint64(0x9E3779B97F4A7C15)
AGE_CAP = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Markov:
    """Counts of tokens by context for each order; order 0 has the shortest context.

    n_tokens: number of tokens
    keys: sorted hashes of the contexts
    starts: where the tokens of each context begin
    tokens, counts: what followed, and how often
    """

    n_tokens: int
    keys: tuple[np.ndarray, ...]
    starts: tuple[np.ndarray, ...]
    tokens: tuple[np.ndarray, ...]
    counts: tuple[np.ndarray, ...]

    @property
    def n_contexts(self) -> int:
        """Return the number of contexts of all orders."""
        return sum(map(len, self.keys))

    def distribution(self, context: np.ndarray) -> np.ndarray:
        """Return p(token | context), (token,) float64, for one row of nested hashes (order,).

        Witten & Bell (1991), method C: p_k = (count + types * p_{k-1}) / (total + types).
        """
        p = np.full(self.n_tokens, 1 / self.n_tokens)
        for order, key in enumerate(context):
            found = np.searchsorted(self.keys[order], key)
            if found == len(self.keys[order]) or self.keys[order][found] != key:
                break
            span = slice(self.starts[order][found], self.starts[order][found + 1])
            counts = self.counts[order][span]
            p *= len(counts)
            p[self.tokens[order][span]] += counts
            p /= counts.sum() + len(counts)
        return p

    def probability(self, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Return p(token | context) (n,) for contexts (n, order) and tokens (n,)."""
        p = np.full(len(tokens), 1 / self.n_tokens)
        for order in range(contexts.shape[1]):
            keys, starts = self.keys[order], self.starts[order]
            at = np.minimum(np.searchsorted(keys, contexts[:, order]), len(keys) - 1)
            known = keys[at] == contexts[:, order]
            types = starts[at + 1] - starts[at]
            sums = np.concatenate([[0], np.cumsum(self.counts[order])])
            total = sums[starts[at + 1]] - sums[starts[at]]
            p = np.where(known, (self._count(order, at, tokens) + types * p) / (total + types), p)
        return p

    def _count(self, order: int, at: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Return how often each token followed the context in row `at`."""
        rows = np.repeat(np.arange(len(self.keys[order])), np.diff(self.starts[order]))
        pairs = rows * self.n_tokens + self.tokens[order]
        wanted = at * self.n_tokens + tokens
        found = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
        return np.where(pairs[found] == wanted, self.counts[order][found], 0)


def fit(contexts: np.ndarray, tokens: np.ndarray, n_tokens: int) -> Markov:
    """Count tokens (n,) by contexts (n, order) of nested hashes."""
    keys, starts, followers, counts = [], [], [], []
    for order in range(contexts.shape[1]):
        key, row = np.unique(contexts[:, order], return_inverse=True)
        pair, count = np.unique(row * n_tokens + tokens, return_counts=True)
        keys.append(key)
        starts.append(np.searchsorted(pair, np.arange(len(key) + 1) * n_tokens))
        followers.append((pair % n_tokens).astype(np.int32))
        counts.append(count.astype(np.int32))
    return Markov(
        n_tokens=n_tokens, keys=tuple(keys), starts=tuple(starts), tokens=tuple(followers), counts=tuple(counts)
    )


def nest(*columns: np.ndarray) -> np.ndarray:
    """Return hashes (n, order): order k tells columns 0 to k apart."""
    hashes, state = [], np.zeros(len(columns[0]), np.uint64)
    for i, column in enumerate(columns):
        state = (state ^ (column.astype(np.uint64) + np.uint64(i + 1))) * MIX
        state ^= state >> np.uint64(29)
        hashes.append((state >> np.uint64(32)).astype(np.uint32))  # half of it, for a table of half the size
    return np.stack(hashes, axis=1)


def ages(tokens: np.ndarray, cap: int = AGE_CAP) -> np.ndarray:
    """Return for how many frames each voice has had its token, 0 where it is new; (frame, voice) int64."""
    t = np.arange(len(tokens))[:, None]
    changed = np.zeros(tokens.shape, bool)
    changed[1:] = tokens[1:] != tokens[:-1]
    return np.minimum(t - np.maximum.accumulate(np.where(changed, t, 0), axis=0), cap)


def chorale_contexts(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return contexts (n, 4) and tokens (n,) of a chorale (frame, voice), voice after voice within a frame.

    The orders read, one after another: the voice, the position in the beat and which voices above moved; the voice's
    pitch and whether it is new; the voice next to it and the next but one; the last voice. Voices above are those of
    this frame, voices below those of the last.
    """
    padded = np.vstack([np.zeros((1, tokens.shape[1]), tokens.dtype), tokens])
    last, now, age = padded[:-1], padded[1:], ages(padded)[:-1]
    beat = np.arange(len(now)) % 4
    rows = [voice_contexts(v, last, now, age[:, v], beat) for v in range(tokens.shape[1])]
    return np.concatenate(rows), np.concatenate([now[:, v] for v in range(tokens.shape[1])])


def voice_contexts(v: int, last: np.ndarray, now: np.ndarray, age: np.ndarray, beat: np.ndarray) -> np.ndarray:
    """Return contexts (frame, 4) of voice v; last, now: (frame, voice); only voices above v are read of `now`."""
    n_voices = now.shape[1]
    moved = sum(((now[:, u] != last[:, u]).astype(np.int64) << u for u in range(v)), np.zeros(len(now), np.int64))
    others = [now[:, u] if u < v else last[:, u] for u in range(n_voices) if u != v]
    near = others.pop(v - 1 if v else -1)
    return nest(
        (v * 4 + beat) << n_voices | moved,
        last[:, v] * 4 + np.minimum(age, 3),
        near * 256 + others[-1],
        others[0],
    )


def fit_chorales(pieces: list[np.ndarray], codec: VoiceGrid, semitones: int = 6) -> Markov:
    """Count chorales (frame, voice) of pitches, each in every key from -semitones to +semitones."""
    parts = [
        chorale_contexts(codec.tokens(np.where(piece == REST, piece, piece + shift)))
        for piece in pieces
        for shift in range(-semitones, semitones + 1)
    ]
    return fit(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]), codec.n_tokens)


def save_markov(path: Path, model: Markov) -> None:
    """Pack counts that were made in the home key."""
    arrays: dict[str, np.ndarray] = {"n_tokens": np.array(model.n_tokens)}
    for order in range(len(model.keys)):
        arrays[f"keys_{order}"] = np.diff(model.keys[order], prepend=np.uint32(0)).astype(np.uint32)
        arrays[f"followers_{order}"] = np.diff(model.starts[order]).astype(np.uint16)
        arrays[f"tokens_{order}"] = model.tokens[order].astype(np.uint8)
        arrays[f"counts_{order}"] = model.counts[order].astype(np.uint32)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def load_markov(path: Path) -> Markov:
    """Read a file of `save_markov`; ModelError if it is something else."""
    try:
        with np.load(path) as file:
            orders = range(sum(name.startswith("keys_") for name in file.files))
            return Markov(
                n_tokens=int(file["n_tokens"]),
                keys=tuple(np.cumsum(file[f"keys_{k}"], dtype=np.uint32) for k in orders),
                starts=tuple(np.cumsum([0, *file[f"followers_{k}"]], dtype=np.int64) for k in orders),
                tokens=tuple(file[f"tokens_{k}"].astype(np.int32) for k in orders),
                counts=tuple(file[f"counts_{k}"].astype(np.int32) for k in orders),
            )
    except (OSError, ValueError, KeyError) as error:
        remedy = "collaparte train generation --system Markov"
        raise ModelError(str(path), expected="counts of Markov", got=type(error).__name__, remedy=remedy) from error


class MarkovPlayer(FrameGenerator):
    """Write chorales by the chains, with the temperature and rules of the networks.

    home: whether the counts are of music in the home key, which is then played in another
    """

    def __init__(self, model: Markov, codec: VoiceGrid, config: GeneratorConfig, *, home: bool = False) -> None:
        super().__init__(codec.n_voices)
        self.model, self.codec, self.config, self.home = model, codec, config, home
        self.reset()

    @classmethod
    def open(cls, source: Path, config: GeneratorConfig) -> Self:
        """Open the player of a table of counts, or of a corpus that is counted now."""
        if source.suffix == TABLE and not is_corpus(source):
            return cls(load_markov(source), VoiceGrid(), config, home=True)
        return cls(count_home(Corpora(source)), VoiceGrid(), config, home=True)

    def reset(self) -> None:
        """Start again: the same seed writes the same music."""
        self.rng = np.random.default_rng(self.config.seed)
        self.step_number, self._key_known = 0, self.config.key is not None
        self.shift = drawn_key(self.config) if self.home else 0
        self.last = np.zeros((1, self.n_voices), np.int64)
        self.age = np.zeros((1, self.n_voices), np.int64)

    def find_key(self, given: np.ndarray) -> None:
        """Take the key of what is given, unless the settings have one."""
        if self.home and not self._key_known and (given >= 0).any():
            self.shift, self._key_known = -home_shift(given.ravel()), True

    def step(self, given: np.ndarray | None = None) -> np.ndarray:
        """Write the next frame (voice,) of pitches; given: pitches that are fixed, -1 a rest, -2 free."""
        if given is not None and not self.step_number:
            self.find_key(given)
        chosen = np.zeros((1, self.n_voices), np.int64)
        beat = np.array([self.step_number % 4])
        for v in range(self.n_voices):
            if given is not None and given[v] != FREE:
                pitch = given[v : v + 1]
                chosen[0, v] = self.codec.tokens(np.where(pitch == REST, pitch, pitch - self.shift))[0]
                continue
            context = voice_contexts(v, self.last, chosen, self.age[:, v], beat)[0]
            p = soften(self.model.distribution(context), self.config.temperature, keep=int(self.last[0, v]))
            if self.config.rules:
                p = forbid_parallels(p, v, self.last[0], chosen[0])
            chosen[0, v] = draw(p, self.rng)
        self.age = np.where(chosen == self.last, np.minimum(self.age + 1, AGE_CAP), 0)
        self.last, self.step_number = chosen, self.step_number + 1
        pitches = self.codec.pitches(chosen[0])
        return np.where(pitches == REST, pitches, pitches + self.shift)


def count_home(corpora: Corpora) -> Markov:
    """Count the training split in the home key."""
    return fit_chorales(home_frames(corpora.chorales()["train"]), VoiceGrid(), semitones=0)
