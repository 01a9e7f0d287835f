"""`collaparte accompany` on devices: the session, and the MIDI port that the accompaniment also plays into."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from cli.commands.accompany import accompaniment_db, accompaniment_of
from cli.live.accompaniment_port import AccompanimentPort
from cli.live.session import find_input, find_sink, only_device, run_session
from cli.outward_options import cue_attendants
from cli.practice_options import loop_of, report_bars
from cli.stage_outputs import has_outlets, open_controls, open_outlets
from cli.terminal.report import wrote
from cli.terminal.stopping import unhurried
from engine.accompaniment.ensemble import ACCOMPANIMENT, opening_messages
from engine.accompaniment.practice.metronome import METRONOME
from engine.accompaniment.stage_config import StageConfig
from engine.audio.devices import is_device
from engine.core.events import Accompanied, Event
from engine.core.format import AudioFormat
from engine.following.reference import Reference
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.session import Session, SessionConfig, SessionStatus
from engine.score.loops import loop_length
from engine.score.readers import read_draft
from engine.score.score import Score
from offline.accompaniment.accompany import write_scheduled
from offline.accompaniment.bar_report import BarLog
from offline.following.presets import follow_soloist
from offline.following.score_input import followed_loop, followed_score

if TYPE_CHECKING:
    from cli.commands.accompany import AccompanyOptions

__all__ = ["accompaniment_config", "accompaniment_port", "accompany_live"]


def accompany_live(options: AccompanyOptions) -> int:
    """Accompany until stopped."""
    config = _session_config(options)
    session = Session(config)
    played: list[tuple[float, int]] = []
    bars = _bar_log(config)
    with ExitStack() as stack:
        stack.enter_context(unhurried())  # every note is ended, and every file whole
        port = None if options.port is None else stack.enter_context(_port(options, config))
        tell, show = open_outlets(options.outward, session, stack)
        stop = open_controls(options.outward, session, stack)

        def take(event: Event) -> None:
            clock = session.clock
            if port is not None:
                port.send(event, clock)
            tell(event)
            if options.practice.report is not None:  # what nobody asked for is not kept: a day of it would fill memory
                bars.take(event)
            if options.scheduled is not None and isinstance(event, Accompanied) and clock is not None:
                played.append((event.quarter, clock.sounds_at(event.at)))

        def watch(status: SessionStatus) -> None:
            if port is not None:
                port.look(status.state)
            show(status)

        report = run_session(session, take=take, watch=watch, stop=stop)
        if options.scheduled is not None:
            more = options.stage.latency_s
            rows = [(quarter, at / report.sample_rate + more) for quarter, at in played]
            write_scheduled(options.scheduled, sorted(rows, key=lambda row: row[1]))
    wrote([options.scheduled, None if options.events == "-" else options.events])
    report_bars(options.practice, bars.rows())
    return 0


def _bar_log(config: SessionConfig) -> BarLog:
    assert config.pipeline.accompany is not None and config.sample_rate is not None
    return BarLog(config.pipeline.accompany.accompaniment.solo, config.sample_rate)


def _session_config(options: AccompanyOptions) -> SessionConfig:
    sink = only_device(options.output, "--output device, where the input is one")
    assert options.input is not None
    source, audio = find_input(options.input, options.rate)
    pipeline, gains = accompaniment_config(options, audio, sounds=sink is not None)
    return SessionConfig(
        source=source,
        sink=find_sink(sink, source, audio),
        pipeline=pipeline,
        sample_rate=audio.sample_rate,
        events_to=options.events,
        gains={} if sink is None else gains,
        block=options.block,
        duration_s=options.duration,
        as_heard=has_outlets(options.outward),
    )


def accompaniment_config(
    options: AccompanyOptions, audio: AudioFormat, *, sounds: bool, may_count: bool = False
) -> tuple[PipelineConfig, dict[str, float]]:
    """The pipeline that accompanies, and the gains of its targets, factors.

    may_count: whether beats may be asked for while it runs
    """
    accompany, follow = accompaniment_of(options, sounds=sounds), follow_soloist(options.features)
    accompany = replace(accompany, stage=_stage(options), may_count=may_count)
    gains = {"input": 0.0, ACCOMPANIMENT: 10 ** (accompaniment_db(options) / 20)}
    if accompany.counts:
        gains[METRONOME] = 10 ** (options.practice.metronome_gain / 20)
    solo, loop = accompany.accompaniment.solo, loop_of(options.practice)
    score: Score | Reference | None
    if not accompany.accompaniment.follows:
        score = None
    elif loop is None:
        score = followed_score(accompany.accompaniment.followed, audio, follow)
    else:
        length = loop_length(read_draft(options.score, options.repeats_after_jump), loop)
        score = followed_loop(solo, length, audio, follow)
    calls = cue_attendants(options.outward.beyond, lambda: solo)
    return PipelineConfig(score=score, follow=follow, accompany=accompany, attendants=calls), gains


def _port(options: AccompanyOptions, config: SessionConfig) -> AccompanimentPort:
    assert options.port is not None
    return accompaniment_port(options.port, config, programs=options.port_programs)


def accompaniment_port(name: str, config: SessionConfig, *, programs: bool) -> AccompanimentPort:
    """The MIDI port, and what it says before the first note; programs: whether it names the instruments."""
    assert config.pipeline.accompany is not None
    parts = config.pipeline.accompany.accompaniment.parts
    return AccompanimentPort(name, opening_messages(parts, programs=programs))


def _stage(options: AccompanyOptions) -> StageConfig:
    """What is made up for, with `auto` decided."""
    stage, speaker = options.stage, bool(options.output)
    if stage.cancel != "auto":
        return stage
    microphone = is_device(str(options.input)) and not str(options.input).startswith("jack")
    return replace(stage, cancel="on" if microphone and speaker else "off")
