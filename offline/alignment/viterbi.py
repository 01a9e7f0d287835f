"""The live search over a whole recording, read back from its end: the best path of all, without delay.

The live follower reports the best path of the moment; here every entry of every hypothesis is kept
(`engine.following.search.backpointers`), so each onset's time is chosen with everything after it known (Viterbi 1967).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.format import FrameFormat
from engine.core.processor import Chain
from engine.dsp.features import SpectralFeatures
from engine.dsp.stft import Stft
from engine.following.config import FollowConfig, follow_frames
from engine.following.embedding_features import follower_features
from engine.following.follower import frame_timing
from engine.following.likelihood import LikelihoodNumbers, Templates, likelihood_numbers
from engine.following.reference import TYPICAL, Reference
from engine.following.search.backpointers import Backpointers
from engine.following.search.beam_search import (
    SPAN,
    Search,
    SearchNumbers,
    advance,
    new_search,
    restart,
    search_numbers,
)
from engine.following.tempo import TempoNumbers, tempo_numbers
from engine.following.tracker import Timing
from offline.alignment.tuning import SoundProfile, in_tune, measure_profile
from offline.recording import Recording

__all__ = ["ViterbiPath", "feature_blocks", "viterbi"]

QUIET = 0.5  # share of the loudest moment; softer sound is not amplified

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class ViterbiPath:
    """The best path.

    event: indices from 0, rising; skipped events are left out
    audio_s: when each begins, seconds
    """

    event: Ints
    audio_s: Floats


def feature_blocks(
    recording: Recording, follow: FollowConfig, sound: SoundProfile, delay: int
) -> tuple[Timing, Iterator[Features]]:
    """Return the features of the whole recording and of its decay, rows (frame, F + G) a block, and their timing.

    Tuning and peak are known beforehand: noise before the music begins does not count as loud.
    delay: samples by which other features than spectral ones respond late to an onset
    """
    frames = follow_frames(recording.format)
    tuned = FrameFormat(audio=in_tune(frames.audio, sound.cents), n_fft=frames.n_fft, hop=frames.hop)
    bands = replace(follow.features, floor=min(max(QUIET * sound.peak, follow.features.floor), 1.0))
    if follow.input_features is None:
        node, blocks = Chain(Stft(frames), SpectralFeatures(tuned, bands)), recording.blocks(silence=2 * frames.n_fft)
        return frame_timing(frames), (node.process(block) for block in blocks)
    features = follower_features(follow.input_features, frames, bands, tuned)
    blocks = recording.blocks(silence=max(2 * frames.n_fft, features.latency))
    timing = Timing(features.hop, frames.audio.sample_rate, features.latency, delay)
    return timing, (features.process(block) for block in blocks)


def viterbi(
    reference: Reference,
    recording: Recording,
    follow: FollowConfig,
    *,
    finish: float,
    sound: SoundProfile | None = None,
) -> ViterbiPath:
    """Search the whole recording.

    finish: price of every event that a path leaves out at the end, nats
    sound: tuning and peak, measured if not given
    """
    timing, blocks = feature_blocks(recording, follow, sound or measure_profile(recording), reference.delay)
    frame_s = timing.hop / timing.sample_rate
    search = new_search(follow.search.entries, 1)
    restart(search)
    numbers = (
        search_numbers(follow.search, frame_s),
        tempo_numbers(frame_s),
        likelihood_numbers(follow.likelihood, frame_s, follow.features.compression, reference.strength / TYPICAL),
    )
    rest = np.zeros(len(reference.score_s), bool)
    templates = Templates(reference.sustain, reference.onset, np.zeros(0, np.float32), rest, reference.repetitions)
    n = 0
    for rows in blocks:
        search = _with_room(search, len(rows) * SPAN)
        _search(search, rows, n * frame_s, frame_s, templates, reference.score_s, numbers)
        n += len(rows)
    event, entry_s = _path(search, len(reference.score_s), finish)
    first_s = (timing.hop - timing.late - timing.delay) / timing.sample_rate
    return ViterbiPath(event, entry_s + first_s)


def _with_room(search: Search, n_more: int) -> Search:
    """Return the same search with room for n_more entries."""
    backpointers, n = search.backpointers, int(search.backpointers.n[0])
    if n + n_more <= len(backpointers.event):
        return search
    size = 2 * n + n_more
    event, entry_s = _longer(backpointers.event[:n], size), _longer(backpointers.entry_s[:n], size)
    grown = Backpointers(event, entry_s, _longer(backpointers.parent[:n], size), backpointers.n, backpointers.node)
    return search._replace(backpointers=grown)


def _longer(array: npt.NDArray[Scalar], size: int) -> npt.NDArray[Scalar]:
    out = np.zeros(size, array.dtype)
    out[: len(array)] = array
    return out


@njit(nogil=True, cache=True)
def _search(
    search: Search,
    rows: Features,
    start_s: float,
    frame_s: float,
    templates: Templates,
    event_s: Floats,
    numbers: tuple[SearchNumbers, TempoNumbers, LikelihoodNumbers],
) -> None:
    for t in range(len(rows)):
        advance(search, rows[t], start_s + t * frame_s, templates, event_s, numbers[0], numbers[1], numbers[2])


def _path(search: Search, n_events: int, finish: float) -> tuple[Ints, Floats]:
    """Return event indices from 0 and their seconds along the best path that ends now."""
    best, place = -np.inf, 0
    for event in range(int(search.span[0]), int(search.span[1]) + 1):
        slot = event % SPAN
        k = int(np.argmax(search.standing[slot]))
        standing = float(search.standing[slot, k]) - finish * (n_events - event)
        if search.score[slot, k] > -1e17 and standing > best:
            best, place = standing, int(search.backpointers.node[slot, k])
    path = []
    while place > 0:
        path.append(place - 1)
        place = int(search.backpointers.parent[place - 1])
    chosen = np.array(path[::-1], np.int64)
    return search.backpointers.event[chosen].astype(np.int64) - 1, search.backpointers.entry_s[chosen]
