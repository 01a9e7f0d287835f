"""Whether a system keeps pace: the time that its segments cost beside the time that they play."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from offline.generation.stream import FREE, Generator

__all__ = ["WritingPace", "pace_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingPace:
    """How a system keeps pace.

    late: notes that would be sent after their time
    slack_s: the least time between the writing of a segment and its first step, seconds; negative if it is late
    busy: share of the time that it plays in which it writes
    """

    late: int
    slack_s: float
    busy: float


def pace_of(
    generator: Generator,
    *,
    bars: int,
    tempo_bpm: float,
    look_ahead_s: float = 0.15,
    now: Callable[[], float] = time.thread_time,
) -> WritingPace:
    """Write bars of four quarters and compare when each segment is written with when it begins to sound.

    As it is played: the first segment is waited for, steps are written `look_ahead_s` before they sound, and longer
    segments while the one before plays.
    now: the clock; by default the time of this thread on the processor, which a busy machine does not change
    """
    step_s, free = 60 / tempo_bpm / generator.steps_per_quarter, np.full(generator.steps, FREE)
    end, begins, late, slack, ready, spent = bars * 4 * generator.steps_per_quarter, 0, 0, np.inf, 0.0, 0.0
    before = 0.0  # when the writing of the next segment may begin
    while begins < end:
        start = now()
        segment = generator.next(free)
        cost = now() - start
        if begins:
            ready = max(ready, before) + cost
            left = begins * step_s - ready
            slack, spent = min(slack, left), spent + cost
            late += sum(velocity > 0 for *_, velocity in segment.changes) if left < 0 else 0
        length = max(segment.n_steps, 1)
        before = begins * step_s if length > 1 else (begins + 1) * step_s - look_ahead_s
        begins += length
    return WritingPace(late=late, slack_s=float(slack), busy=spent / (begins * step_s))
