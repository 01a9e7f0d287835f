"""Accompany a recorded soloist: the live pipeline, run over a file."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.accompaniment.accompanist import AccompanyConfig
from engine.accompaniment.synthesiser_config import ACCOMPANIMENT_DB
from engine.audio.event_log import EventWriter
from engine.audio.files import AudioReader, AudioWriter
from engine.core.events import Accompanied, Dropout, Event
from engine.core.whole_file import whole_path, whole_text
from engine.following.config import FollowConfig
from engine.pipeline.pipeline import AttendantSettings, Pipeline, PipelineConfig
from offline.accompaniment.bar_report import BarLog, BarRow
from offline.accompaniment.imitated_stage import ImitatedStage
from offline.batch.file_job import Watcher
from offline.following.score_input import followed_score

__all__ = ["AccompanyJob", "AccompanyReport", "accompany_file", "write_scheduled"]

Audio = npt.NDArray[np.float32]

TAIL_S = 30.0  # longest that the accompaniment goes on after the recording
ECHO_S = 2.0  # its last notes sound on


@dataclass(frozen=True, slots=True, kw_only=True)
class AccompanyJob:
    """What to do with the recording of a soloist.

    input: the recording
    accompany: what is followed and played; a device of its stage's latency is imitated
    follow: how it is followed
    mix: file for soloist and accompaniment together; the accompaniment must have a sound
    gains: of solo, accompaniment and metronome in the mix
    events: file for the events, or - for standard output
    watch: makes a watcher of the file
    echo: impulse response from what is played to what is heard, None for none; the accompaniment must have a sound
    attendants: what attends to the follower's events beside
    hear: is called with the stems (sample, target, channel) of each block
    """

    input: Path
    accompany: AccompanyConfig
    follow: FollowConfig
    mix: Path | None = None
    gains: tuple[float, float, float] = (1.0, 10 ** (ACCOMPANIMENT_DB / 20), 0.5)
    events: str | None = None
    watch: Callable[[AudioReader], Watcher] | None = None
    echo: Audio | None = None
    attendants: tuple[AttendantSettings, ...] = ()
    hear: Callable[[Audio], None] = lambda stems: None


class AccompanyReport(NamedTuple):
    """What was done.

    played: onsets of the accompaniment, rows of (quarter, seconds) by time
    shortfall: what is said of a recording that was cut off; empty if it was whole
    bars: what became of each bar of the solo
    """

    played: list[tuple[float, float]]
    shortfall: str
    bars: list[BarRow]


def accompany_file(job: AccompanyJob, *, stop: threading.Event | None = None) -> AccompanyReport:
    """Accompany the recording to its end, and the accompaniment's; write what the job asks for, each file whole."""
    played: list[tuple[float, float]] = []
    with AudioReader(job.input) as reader, ExitStack() as stack:
        rate, stage = reader.format.sample_rate, _stage(job, reader)

        def keep(event: Event) -> None:
            if isinstance(event, Accompanied):
                played.append((event.quarter, (event.at + stage.latency) / rate))

        bars = BarLog(job.accompany.accompaniment.solo, rate)
        sinks = [keep, bars.take]
        if job.events is not None:
            sinks.append(stack.enter_context(EventWriter(job.events, rate)).write)
        watcher = None if job.watch is None else job.watch(reader)
        if watcher is not None:
            sinks.append(watcher.on_event)
        mix = _mix(job, reader, stack)
        now = 0
        for block in _blocks(reader, stage, stop):
            out = stage.process(block)
            now += len(block)
            _pass_on(out.events, sinks)
            mix(out.stems)
            job.hear(out.stems)
            if watcher is not None:
                watcher.on_progress(min(now, reader.n_samples))
        _pass_on(stage.release(), sinks)
        if reader.is_cut:
            at = reader.n_read
            _pass_on([Dropout(at=at, emitted_at=now, samples=reader.missing, where=str(reader.path))], sinks)
        if watcher is not None:
            watcher.close()
        return AccompanyReport(sorted(played, key=lambda row: row[1]), reader.shortfall, bars.rows())


def _stage(job: AccompanyJob, reader: AudioReader) -> ImitatedStage:
    solo = followed_score(job.accompany.accompaniment.followed, reader.format, job.follow)
    latency = round(job.accompany.stage.latency_s * reader.format.sample_rate)
    accompany = replace(job.accompany, stage=replace(job.accompany.stage, latency_s=0.0))  # it is the device's here
    config = PipelineConfig(score=solo, follow=job.follow, accompany=accompany, attendants=job.attendants)
    pipeline = Pipeline(reader.format, config)
    return ImitatedStage(pipeline, latency, job.echo)


def _pass_on(events: Sequence[Event], sinks: Sequence[Callable[[Event], None]]) -> None:
    for event in events:
        for sink in sinks:
            sink(event)


def _mix(job: AccompanyJob, reader: AudioReader, stack: ExitStack) -> Callable[[Audio], None]:
    """Return what takes stems (sample, target, channel) and writes their mix, if there is to be one."""
    if job.mix is None:
        return lambda stems: None
    writer = stack.enter_context(AudioWriter(stack.enter_context(whole_path(job.mix)), reader.format))
    gains = np.array(job.gains, np.float32)
    return lambda stems: writer.write(np.tensordot(stems, gains[: stems.shape[1]], (1, 0)))


def _blocks(reader: AudioReader, stage: ImitatedStage, stop: threading.Event | None) -> Iterator[Audio]:
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
        n_echo -= 0 if stage.playing else len(silence)
        yield silence


def write_scheduled(path: Path, played: Sequence[tuple[float, float]]) -> None:
    """Write a CSV with the columns quarter and audio_s: when each onset of the accompaniment was played."""
    with whole_text(path) as file:
        writer = csv.writer(file)
        writer.writerow(("quarter", "audio_s"))
        writer.writerows((f"{quarter:.5f}", f"{at_s:.5f}") for quarter, at_s in played)
