"""The best path of a whole recording through a score when the player may go anywhere at any time.

The live jump detector (`following.search.jump_detector`) keeps one path for each event, with a tempo of its own, and a
path "nowhere" for sound that is not in the score; here every entry is kept and the best path is read back from the end,
so that each jump is chosen with everything after it known. After Nakamura, Nakamura & Sagayama, "Real-time
audio-to-score alignment of music performances containing errors and arbitrary repeats and skips" (2015).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64, I64
from engine.core.config import Settings, numbers, ranged
from engine.following.likelihood import LikelihoodNumbers
from engine.following.reference import Reference
from engine.following.tempo import (
    START_SPREAD,
    Tempo,
    TempoNumbers,
    density,
    survival,
    tempo_numbers,
    tempo_of,
    update_tempo,
)
from engine.score.repeats import Links

__all__ = ["SAME_ATTACK_S", "JumpPathConfig", "JumpStep", "jump_path"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]

DEAD = -1e18
SKIP = 4.0  # nats: price of an event left out
MISSING = 3.0  # nats: price of each event left out at the beginning or at the end
LAST_S = 1.0  # score seconds that the last event lasts
FIT = 1.0  # least onset log likelihood at which a path may begin, nats
QUIET = 0.5  # share of the hush level below which no onset is possible
BEAM = 80.0  # nats below the best at which paths are dropped
SAME_ATTACK_S = 0.06  # one attack is not both the last onset before a jump and the first one after it
CHUNK = 64  # frames whose likelihoods are computed at once
SPARE = 1 << 20  # entries that are kept before those that lead nowhere are dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpPathConfig(Settings):
    """Prices of leaving the order of the score, in nats."""

    jump: float = ranged(30.0, 0, 1000, "price of going on anywhere else in the score", unit="nats")
    known: float = ranged(10.0, 0, 1000, "reduction for a jump that the score itself has", unit="nats")
    back: float = ranged(12.0, 0, 1000, "reduction for a jump back: players practise more than they skip", unit="nats")
    far: float = ranged(0.5, 0, 10, "price of each doubling of the distance of a jump, in events", unit="nats")
    leave: float = ranged(10.0, 0, 1000, "price of leaving the music", unit="nats")
    elsewhere: float = ranged(10.0, 0, 100, "price of a second outside the music", unit="nats")
    begin: float = ranged(25.0, 0, 1000, "price of beginning or ending inside the piece", unit="nats")
    spread: float = ranged(0.3, 0.01, 2, "standard deviation of the log tempo after a jump")


class JumpStep(NamedTuple):
    """Entries of the best path: event from 0, -1 outside the music, and seconds."""

    event: Ints
    entry_s: Floats


class PathNumbers(NamedTuple):
    """What the kernels take of the settings; `elsewhere` in nats a frame."""

    jump: float
    known: float
    back: float
    far: float
    leave: float
    elsewhere: float
    begin: float
    spread: float
    frame_s: float


class JumpPaths(NamedTuple):
    """One path for each event, counted from 1; 0 is outside the music.

    total: log likelihood of the path at each event
    standing: the same, including that its next event has not come yet
    tempo: the five numbers of `Tempo`
    node: entry that the path came from last
    offer: best log likelihood with which a path may begin anew at each event in this frame
    origin: event that this path comes from, and its entry
    """

    total: Floats
    standing: Floats
    tempo: Floats
    node: Ints
    offer: Floats
    origin: Ints


class Entries(NamedTuple):
    """All entries so far: event, seconds, the entry before; n: how many."""

    event: Ints
    entry_s: Floats
    parent: Ints
    n: Ints


def jump_path(
    reference: Reference,
    blocks: Iterator[Features],
    frame_s: float,
    likelihood: LikelihoodNumbers,
    config: JumpPathConfig,
) -> JumpStep:
    """Search rows of spectral features, (frame, F + G) a block; seconds count from the first row."""
    n = len(reference.score_s)
    paths = _new_paths(n)
    entries = Entries(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64), np.zeros(1, np.int64))
    given = numbers(PathNumbers, config, elsewhere=config.elsewhere * frame_s, frame_s=frame_s)
    tempo, frame = tempo_numbers(frame_s), 0
    for rows in (block[i : i + CHUNK] for block in blocks for i in range(0, len(block), CHUNK)):
        entries = _with_space(entries, paths, len(rows) * (n + 2))
        sustain, onset = _likelihoods(rows, reference, likelihood)
        _sweep(paths, entries, sustain, onset, frame * frame_s, reference.score_s, reference.links, given, tempo)
        frame += len(rows)
    return _traced(paths, entries, given)


def _new_paths(n: int) -> JumpPaths:
    """Start outside the music, with nothing played."""
    total, tempo = np.full(n + 1, DEAD), np.zeros((n + 1, 5))
    total[0] = 0.0
    tempo[0, 3] = START_SPREAD**2
    node, origin = np.full(n + 1, -1, np.int64), np.zeros((n + 1, 2), np.int64)
    return JumpPaths(total, total.copy(), tempo, node, np.full(n + 1, DEAD), origin)


def _likelihoods(rows: Features, reference: Reference, numbers: LikelihoodNumbers) -> tuple[Features, Features]:
    """Return (frame, event) log likelihoods of sustain, and of onset: DEAD where none is possible.

    As in `engine.following.likelihood`, for many frames at once.
    """
    n = reference.sustain.shape[1]
    sounds, begins = rows[:, :n], rows[:, n:]
    loudness, strength = np.linalg.norm(sounds, axis=1), np.linalg.norm(begins, axis=1)
    fit = sounds @ reference.sustain.T / np.maximum(loudness, 1e-9)[:, None]
    audible = (loudness > 0) & (sounds.max(axis=1) >= numbers.silence)
    sustain = np.where(audible[:, None], numbers.sustain * (fit - numbers.sustain_threshold), 0.0)
    projection = begins @ reference.onset.T
    likeness = projection / (strength[:, None] + 1e-9)
    full = np.minimum(projection / numbers.onset_level, 1.0)
    hush = numbers.hush * np.maximum(0.0, 1 - strength / numbers.hush_level)
    onset = numbers.onset * (full * likeness - numbers.onset_threshold) - hush[:, None]
    onset[strength < QUIET * numbers.hush_level] = DEAD
    return sustain.astype(np.float32), onset.astype(np.float32)


def _with_space(entries: Entries, paths: JumpPaths, n_more: int) -> Entries:
    """Return the entries with room for n_more; those that lead to no path are dropped when they become many."""
    n = int(entries.n[0])
    if n + n_more <= len(entries.event):
        return entries
    kept = np.zeros(n, np.bool_)
    _reach(entries.parent, paths.node, kept)
    place = np.cumsum(kept) - 1
    parent = entries.parent[:n][kept]
    m = len(parent)
    size = 2 * m + n_more + SPARE
    out = Entries(np.zeros(size, np.int64), np.zeros(size), np.zeros(size, np.int64), np.array([m]))
    out.event[:m], out.entry_s[:m] = entries.event[:n][kept], entries.entry_s[:n][kept]
    out.parent[:m] = np.where(parent >= 0, place[parent], -1)
    paths.node[:] = np.where(paths.node >= 0, place[paths.node] if n else -1, -1)
    return out


@njit(nogil=True, cache=True)
def _reach(parent: I64, node: I64, kept: npt.NDArray[np.bool_]) -> None:
    """Mark every entry that leads to one of the paths."""
    for last in node:
        k = last
        while k >= 0 and not kept[k]:
            kept[k] = True
            k = parent[k]


@njit(nogil=True, cache=True)
def _sweep(
    paths: JumpPaths,
    entries: Entries,
    sustain: F32,
    onset: F32,
    start_s: float,
    event_s: F64,
    links: Links,
    given: PathNumbers,
    tempo: TempoNumbers,
) -> None:
    """Run forward over some frames; sustain, onset: (frame, event) log likelihoods."""
    for t in range(len(sustain)):
        now_s = start_s + t * given.frame_s
        paths.total[0] -= given.elsewhere
        for event in range(1, len(paths.total)):
            if paths.total[event] > DEAD:
                paths.total[event] += sustain[t, event - 1]
        if onset[t, 0] > DEAD / 2:
            _offers(paths, entries, now_s, links, given)
            _entries_now(paths, entries, onset[t], now_s, event_s, given, tempo)
        _standings(paths, entries, now_s, event_s, given, tempo)


@njit(nogil=True, cache=True)
def _offers(paths: JumpPaths, entries: Entries, now_s: float, links: Links, given: PathNumbers) -> None:
    """Write with what log likelihood a path may begin at each event, and where it comes from."""
    best = 0
    for event in range(1, len(paths.total)):
        if paths.standing[event] > paths.standing[best] and _may_leave(paths, entries, event, now_s):
            best = event
    from_best = paths.standing[best] - given.jump
    inside = paths.node[0] >= 0
    return_price = given.jump - given.leave
    for event in range(1, len(paths.total)):
        far = given.far * np.log2(1.0 + abs(event - best)) if best > 0 else 0.0
        again = given.back if event <= best else 0.0
        _offer(paths, event, from_best - far + again, best)
        price = return_price if inside else min(MISSING * (event - 1), given.begin)
        if paths.total[0] - price > paths.offer[event]:
            _offer(paths, event, paths.total[0] - price, 0)
    for event in range(1, len(paths.total)):
        if paths.standing[event] <= DEAD or not _may_leave(paths, entries, event, now_s):
            continue
        for i in range(links.start[event - 1], links.start[event]):
            target = links.target[i]
            value = paths.standing[event] - given.jump + given.known
            value -= given.far * np.log2(1.0 + abs(event - target))
            if value > paths.offer[target]:
                _offer(paths, target, value, event)


@njit(nogil=True, cache=True)
def _may_leave(paths: JumpPaths, entries: Entries, event: int, now_s: float) -> bool:
    """Return whether the attack at which the path entered the event is over."""
    return now_s - entries.entry_s[paths.node[event]] >= SAME_ATTACK_S


@njit(nogil=True, cache=True)
def _offer(paths: JumpPaths, event: int, value: float, source: int) -> None:
    paths.offer[event], paths.origin[event, 0], paths.origin[event, 1] = value, source, paths.node[source]


@njit(nogil=True, cache=True)
def _entries_now(
    paths: JumpPaths,
    entries: Entries,
    onset: F32,
    now_s: float,
    event_s: F64,
    given: PathNumbers,
    tempo: TempoNumbers,
) -> None:
    """Continue each path to its next event or the one after, or let one begin; last event first."""
    for event in range(len(paths.total) - 1, 0, -1):
        best, source, fresh = DEAD, 0, True
        if onset[event - 1] > FIT:
            best, source = paths.offer[event], paths.origin[event, 0]
        for old in range(event - 1, max(event - 3, 0), -1):
            if paths.total[old] <= DEAD:
                continue
            length_s = event_s[event - 1] - event_s[old - 1]
            total = paths.total[old] + density(tempo_of(paths.tempo[old]), now_s, length_s, given.frame_s, tempo)
            total -= SKIP * (event - old - 1)
            if total > best:
                best, source, fresh = total, old, False
        best += onset[event - 1]
        if best > max(DEAD / 2, paths.standing[event]):
            _move(paths, entries, event, source, fresh, best, now_s, event_s, given, tempo)


@njit(nogil=True, cache=True)
def _move(
    paths: JumpPaths,
    entries: Entries,
    event: int,
    source: int,
    fresh: bool,
    total: float,
    now_s: float,
    event_s: F64,
    given: PathNumbers,
    tempo: TempoNumbers,
) -> None:
    """Let the path of `source` enter the event."""
    if fresh:
        spread = max(given.spread**2, paths.tempo[source, 3])
        state = Tempo(now_s, paths.tempo[source, 1], tempo.onset, spread, 0.0)
    else:
        state = update_tempo(tempo_of(paths.tempo[source]), now_s, event_s[event - 1] - event_s[source - 1], tempo)
    parent = paths.origin[event, 1] if fresh else paths.node[source]
    for i in range(5):
        paths.tempo[event, i] = state[i]
    paths.total[event] = paths.standing[event] = total
    _record(paths, entries, event, now_s, parent)


@njit(nogil=True, cache=True)
def _record(paths: JumpPaths, entries: Entries, event: int, now_s: float, parent: int) -> None:
    k = entries.n[0]
    entries.event[k], entries.entry_s[k], entries.parent[k] = event, now_s, parent
    paths.node[event] = k
    entries.n[0] += 1


@njit(nogil=True, cache=True)
def _standings(
    paths: JumpPaths, entries: Entries, now_s: float, event_s: F64, given: PathNumbers, tempo: TempoNumbers
) -> None:
    """Compute the standings, let the best path leave the music, make all relative to the best, drop the rest."""
    best, place = DEAD, 0
    paths.standing[0] = paths.total[0]
    for event in range(1, len(paths.total)):
        if paths.total[event] <= DEAD:
            continue
        length_s = event_s[event] - event_s[event - 1] if event < len(event_s) else LAST_S
        paths.standing[event] = paths.total[event] + survival(tempo_of(paths.tempo[event]), now_s, length_s, tempo)
        if paths.standing[event] > best:
            best, place = paths.standing[event], event
    if best - given.leave > paths.total[0] and _may_leave(paths, entries, place, now_s):
        paths.total[0] = paths.standing[0] = best - given.leave
        for i in range(5):
            paths.tempo[0, i] = paths.tempo[place, i]
        _record(paths, entries, 0, now_s, paths.node[place])
    best = max(best, paths.total[0])
    for event in range(len(paths.total)):
        if paths.total[event] <= DEAD:
            continue
        paths.total[event] -= best
        paths.standing[event] -= best
        if event > 0 and paths.standing[event] < -BEAM:
            paths.total[event] = paths.standing[event] = DEAD


def _traced(paths: JumpPaths, entries: Entries, given: PathNumbers) -> JumpStep:
    """Return the entries of the best path, ended at any event for a price."""
    standing = paths.standing.copy()
    n = len(standing) - 1
    ahead = np.maximum(n - np.arange(1, n + 1), 0)
    standing[1:] -= np.minimum(MISSING * ahead, given.begin)
    standing[0] -= given.begin / 2
    k, chosen = int(paths.node[int(np.argmax(standing))]), []
    while k >= 0:
        chosen.append(k)
        k = int(entries.parent[k])
    path = np.array(chosen[::-1], np.int64)
    return JumpStep(entries.event[path] - 1, entries.entry_s[path])
