"""Cases of finding: which of three scales is played, with the follower of the one that is found."""

from __future__ import annotations

import math

import numpy as np

from engine.core.events import Event, PieceFound
from engine.core.format import AudioFormat
from engine.following.follower import FollowConfig
from engine.stage.finding.config import FinderConfig
from engine.stage.finding.finder import PieceFinder
from engine.stage.finding.piece_follower import PieceFollower, PieceFollowerConfig
from engine.stage.finding.piece_index import PieceIndex
from tests.contract import Case
from tests.engine.following.play import RATE, sound
from tests.engine.stage.finding.shelf import SALIENCE, index_of, tune

AUDIO = AudioFormat(sample_rate=RATE, n_channels=2)
SIZES = (1, 100, 512, 1000, 5000)
SECONDS = 3.0
OFTEN = FinderConfig(repeat=0.1)
AT_PITCH = FollowConfig(semitones=0)  # not eleven followers at once


def index() -> PieceIndex:
    return index_of(*(tune(seed) for seed in range(3)))


def played() -> np.ndarray:
    audio, _ = sound(tune(1))
    return np.concatenate([audio, 0.5 * audio], axis=1)[: int(SECONDS * RATE)].astype(np.float32)


SOUND = played()


def in_time(output: list[Event], signal: np.ndarray, latency: int) -> float:
    """What is told of a piece is exactly so late, and there is some."""
    late = {event.emitted_at - event.at for event in output if isinstance(event, PieceFound)}
    return 0.0 if late == {latency} else math.inf


def at_most_so_late(output: list[Event], signal: np.ndarray, latency: int) -> float:
    """With a follower beside it the latency is that of the later of both."""
    late = max(event.emitted_at - event.at for event in output)
    return 0.0 if late == latency and any(isinstance(event, PieceFound) for event in output) else math.inf


FOLLOWING = PieceFollowerConfig(index=index(), salience=SALIENCE, first="id1", finder=OFTEN, follow=AT_PITCH)
CASES = [
    Case("piece finder", lambda: PieceFinder(AUDIO, index(), SALIENCE, OFTEN), SOUND, in_time, sizes=SIZES),
    Case(
        "piece follower",
        lambda: PieceFollower(AUDIO, FOLLOWING),
        SOUND,
        at_most_so_late,
        sizes=SIZES,
    ),
]
