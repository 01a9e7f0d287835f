"""Accompany a recorded soloist: the live pipeline, run over a file."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.accompaniment.accompanist import AccompanyConfig
from engine.audio.event_log import EventWriter
from engine.audio.files import AudioReader, AudioWriter
from engine.core.events import Accompanied, Event
from engine.following.config import FollowConfig
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from offline.batch.file_job import Watcher
from offline.following.score_input import followed_score

__all__ = ["AccompanyJob", "accompany_file", "write_scheduled"]

TAIL_S = 30.0  # longest that the accompaniment goes on after the recording
ECHO_S = 2.0  # its last notes sound on

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccompanyJob:
    """What to do with the recording of a soloist.

    input: the recording
    accompany: what is followed and played
    follow: how it is followed
    mix: file for soloist and accompaniment together; the accompaniment must have a sound
    gains: of solo and accompaniment in the mix
    events: file for the events, or - for standard output
    watch: makes a watcher of the file
    """

    input: Path
    accompany: AccompanyConfig
    follow: FollowConfig
    mix: Path | None = None
    gains: tuple[float, float] = (1.0, 1.0)
    events: str | None = None
    watch: Callable[[AudioReader], Watcher] | None = None


def accompany_file(job: AccompanyJob, *, stop: threading.Event | None = None) -> list[tuple[float, float]]:
    """Return the onsets that were played, rows of (quarter, seconds) by time; write what the job asks for."""
    with AudioReader(job.input) as reader, ExitStack() as stack:
        audio = reader.format
        solo = followed_score(job.accompany.accompaniment.solo, audio, job.follow)
        pipeline = Pipeline(audio, PipelineConfig(score=solo, follow=job.follow, accompany=job.accompany))
        watcher = None if job.watch is None else job.watch(reader)
        sinks: list[Callable[[Event], None]] = [] if watcher is None else [watcher.on_event]
        if job.events is not None:
            sinks.append(stack.enter_context(EventWriter(job.events, audio.sample_rate)).write)
        mix = None if job.mix is None else stack.enter_context(AudioWriter(job.mix, audio))
        played: list[Accompanied] = []
        now = 0
        for block in _blocks(reader, pipeline, stop):
            out = pipeline.process(block)
            now += len(block)
            played += [event for event in out.events if isinstance(event, Accompanied)]
            for event in out.events:
                for sink in sinks:
                    sink(event)
            if mix is not None:
                mix.write(np.tensordot(out.stems, np.array(job.gains, np.float32), (1, 0)))
            if watcher is not None:
                watcher.on_progress(min(now, reader.n_samples))
        if watcher is not None:
            watcher.close()
    return sorted(((event.quarter, event.at / audio.sample_rate) for event in played), key=lambda row: row[1])


def _blocks(reader: AudioReader, pipeline: Pipeline, stop: threading.Event | None) -> Iterator[Audio]:
    """Yield the recording, then silence until the accompaniment is at its end and has died away."""
    rate = reader.format.sample_rate
    silence = np.zeros((rate // 10, reader.format.n_channels), np.float32)
    n_tail, n_echo = round(TAIL_S * rate), round(ECHO_S * rate)
    for block in reader.blocks():
        if stop is not None and stop.is_set():
            return
        yield block
    while n_echo > 0 and n_tail > 0 and not (stop is not None and stop.is_set()):
        n_tail -= len(silence)
        n_echo -= 0 if pipeline.playing else len(silence)
        yield silence


def write_scheduled(path: Path, played: Sequence[tuple[float, float]]) -> None:
    """Write a CSV with the columns quarter and audio_s: when each onset of the accompaniment was played."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("quarter", "audio_s"))
        writer.writerows((f"{quarter:.5f}", f"{at_s:.5f}") for quarter, at_s in played)
