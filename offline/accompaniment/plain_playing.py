"""A score that simply plays, following nothing: the accompanist's own code, run over silence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.accompaniment.accompanist import AccompanyConfig
from engine.accompaniment.ensemble import Ensemble
from engine.audio.event_log import EventWriter
from engine.audio.files import AudioWriter
from engine.core.events import Accompanied, Event
from engine.core.format import AudioFormat
from engine.core.whole_file import whole_path

__all__ = ["PlainJob", "PlayedBlock", "play_score", "play_to_files"]

BLOCK_S = 0.1
ECHO_S = 2.0  # the last notes sound on

Audio = npt.NDArray[np.float32]


class PlayedBlock(NamedTuple):
    """A tenth of a second: what is played, and its sound (sample, channel) for each target."""

    events: list[Event]
    sounds: list[Audio]
    n_samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainJob:
    """What to write of a score that simply plays.

    accompany: what is played
    audio: format of the sound
    mix: file for it
    gains: of accompaniment and metronome in the mix
    events: file for the events, or - for standard output
    """

    accompany: AccompanyConfig
    audio: AudioFormat
    mix: Path | None = None
    gains: tuple[float, float] = (1.0, 0.5)
    events: str | None = None


def play_score(accompany: AccompanyConfig, audio: AudioFormat) -> Iterator[PlayedBlock]:
    """Yield the score block by block until it has ended; at the end of the iteration every note and pedal has."""
    ensemble = Ensemble(audio, accompany)
    silence = np.zeros((round(BLOCK_S * audio.sample_rate), audio.n_channels), np.float32)
    n_echo = round(ECHO_S / BLOCK_S)
    while n_echo > 0:
        yield PlayedBlock(*ensemble.process(silence, []), len(silence))
        n_echo -= ensemble.finished


def play_to_files(job: PlainJob, *, stop: threading.Event | None = None) -> list[tuple[float, float]]:
    """Play the score into files, each whole; return when each onset was played, rows of (quarter, seconds)."""
    played: list[tuple[float, float]] = []
    rate = job.audio.sample_rate
    with ExitStack() as stack:
        write = _mix(job, stack)
        log = None if job.events is None else stack.enter_context(EventWriter(job.events, rate))
        for block in play_score(job.accompany, job.audio):
            if stop is not None and stop.is_set():
                break
            write(block.sounds)
            for event in block.events:
                if log is not None:
                    log.write(event)
                if isinstance(event, Accompanied):
                    played.append((event.quarter, event.at / rate))
    return played


def _mix(job: PlainJob, stack: ExitStack) -> Callable[[list[Audio]], None]:
    """Return what takes the sounds of the targets and writes their mix, if there is to be one."""
    if job.mix is None:
        return lambda sounds: None
    writer = stack.enter_context(AudioWriter(stack.enter_context(whole_path(job.mix)), job.audio))
    gains = np.array(job.gains, np.float32)
    return lambda sounds: writer.write(np.tensordot(np.stack(sounds), gains[: len(sounds)], (0, 0)))
