"""The sessions of `collaparte stage`: what the options of `run` and `accompany` would make of each score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from cli.commands.accompany import AccompanyOptions
from cli.commands.run import RunOptions
from cli.commands.stage import StageOptions
from cli.live.accompaniment import accompaniment_config
from cli.live.pipeline import LIVE_LOOK_AHEAD, own_rate, parse_gains, pipeline_config
from cli.live.session import find_input, find_sink, only_device
from cli.outward_options import cue_attendants
from engine.audio.devices import is_file
from engine.core.format import AudioFormat
from engine.following.config import follow_frames
from engine.following.reference import Reference, reference_from_score
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.session import SessionConfig
from engine.score.loops import BarRange, LoopedBars, looped_bars, looped_draft
from engine.score.parts import finished_score
from engine.score.readers import read_draft
from engine.score.score import Score
from engine.stage.controls.desk import StageDesk
from offline.following.score_input import followed_loop, followed_score

__all__ = ["StageScoreAtHand", "changed_pipeline", "session_config", "starting_gains", "with_reference"]

LEAST_DB = -80.0
GUESSES = 5  # sounds that the page shows, where --top does not say how many
Options = TypeVar("Options")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageScoreAtHand:
    """What a session follows: a score, and what was set on the page.

    number: of the session, from 1; from the second on the events go to a file of their own
    count_in: bars to count
    """

    path: Path
    desk: StageDesk
    number: int
    count_in: int = 0


def session_config(options: StageOptions, at_hand: StageScoreAtHand) -> SessionConfig:
    """The settings of a session; EngineError in one line for what cannot be."""
    sink = only_device(options.output, "collaparte run writes files")
    assert options.input is not None
    top = options.top or (GUESSES if options.detect is not None else 0)
    run = _as(RunOptions, options, input=options.input, score=at_hand.path, output=options.output, top=top)
    source, audio = find_input(options.input, options.rate or own_rate(run))
    played = {} if sink is None else parse_gains(options.gain)
    if options.solo:
        accompany = _accompany_options(options, at_hand)
        pipeline, gains = accompaniment_config(accompany, audio, sounds=sink is not None, may_count=True)
        pipeline = replace(pipeline, loop=_loop_of(options, at_hand, audio, pipeline))
        played = {**gains, **played} if sink is not None else {}
    else:
        pipeline = _followed(options, run, audio, at_hand)
        if options.separate == "none" and not is_file(source):
            played = {"input": 0.0, **played}  # a microphone is not to come out of the loudspeaker
    return SessionConfig(
        source=source,
        sink=find_sink(sink, source, audio),
        pipeline=pipeline,
        sample_rate=audio.sample_rate,
        events_to=_events_of(options.events, at_hand.number),
        gains=played,
        block=options.block,
        duration_s=options.duration,
        as_heard=True,
    )


def _as(kind: type[Options], options: StageOptions, **more: Any) -> Options:
    """The options of another command, as far as they have the same names."""
    own = {each.name for each in fields(options)}
    shared = {each.name: getattr(options, each.name) for each in fields(kind) if each.name in own}  # type: ignore[arg-type]
    return kind(**{**shared, **more})


def changed_pipeline(
    options: StageOptions, at_hand: StageScoreAtHand, rate: int, before: PipelineConfig
) -> PipelineConfig:
    """The pipeline of a session that runs, with the bars of its score that the desk says now."""
    audio = AudioFormat(sample_rate=rate, n_channels=1)
    if options.solo:
        sounds = before.accompany is not None and before.accompany.sound is not None
        accompany = _accompany_options(options, at_hand)
        pipeline, _ = accompaniment_config(accompany, audio, sounds=sounds, may_count=True)
        pipeline = replace(pipeline, loop=_loop_of(options, at_hand, audio, pipeline))
    else:
        pipeline = _in_bars(options, before, audio, at_hand)
    return pipeline


def with_reference(config: PipelineConfig, rate: int) -> PipelineConfig:
    """The pipeline with what the follower makes of its score, made here: an engine that runs has no time for it."""
    if not isinstance(config.score, Score):
        return config
    frames = follow_frames(AudioFormat(sample_rate=rate, n_channels=1))
    made = reference_from_score(config.score, frames, config.follow.features)
    return replace(config, score=replace(made, written=config.score))


def _accompany_options(options: StageOptions, at_hand: StageScoreAtHand) -> AccompanyOptions:
    practice = replace(options.practice, count_in=max(options.practice.count_in, at_hand.count_in))
    loop = None if at_hand.desk.loop is None else "{}-{}".format(*at_hand.desk.loop)
    practice = replace(practice, loop=loop)
    return _as(AccompanyOptions, options, score=at_hand.path, practice=practice, port=options.midi_port)


def _loop_of(
    options: StageOptions, at_hand: StageScoreAtHand, audio: AudioFormat, config: PipelineConfig
) -> LoopedBars | None:
    """Where the bars that an accompaniment repeats lie in the whole score."""
    if at_hand.desk.loop is None:
        return None
    once = replace(at_hand, desk=replace(at_hand.desk, loop=None))
    whole, _ = accompaniment_config(_accompany_options(options, once), audio, sounds=False)
    assert whole.accompany is not None
    draft = read_draft(at_hand.path, options.reading.repeats_after_jump)
    return looped_bars(draft, BarRange(*at_hand.desk.loop), whole.accompany.accompaniment.solo)


def _followed(options: StageOptions, run: RunOptions, audio: AudioFormat, at_hand: StageScoreAtHand) -> PipelineConfig:
    """A pipeline as `run` makes it; of bars that are repeated, where that is asked for."""
    config = pipeline_config(run, audio, LIVE_LOOK_AHEAD)
    return config if at_hand.desk.loop is None else _in_bars(options, config, audio, at_hand)


def _in_bars(
    options: StageOptions, config: PipelineConfig, audio: AudioFormat, at_hand: StageScoreAtHand
) -> PipelineConfig:
    """The pipeline with the bars of the score that the desk says, and the cues in them."""
    reading, bars = options.reading, None if at_hand.desk.loop is None else BarRange(*at_hand.desk.loop)
    draft = read_draft(at_hand.path, reading.repeats_after_jump)
    whole = score = finished_score(draft, reading.part)
    loop: LoopedBars | None = None
    followed: Score | Reference
    if bars is None:
        followed = followed_score(whole, audio, config.follow)
    else:
        loop = looped_bars(draft, bars, whole)
        score = finished_score(looped_draft(draft, bars), reading.part)
        followed = followed_loop(score, loop.length, audio, config.follow)
    calls = cue_attendants(options.outward.beyond, lambda: score)
    return replace(config, score=followed, attendants=calls, loop=loop)


def _events_of(path: str | None, number: int) -> str | None:
    """The file of a session's events: nothing is overwritten by the next session."""
    if path is None or path == "-" or number == 1:
        return path
    file = Path(path)
    return str(file.with_name(f"{file.stem}-{number}{file.suffix}"))


def starting_gains(config: SessionConfig, targets: tuple[str, ...]) -> Mapping[str, float]:
    """The gain of each target with which a session begins, dB."""
    gains = {target: config.gains.get(target, 1.0) for target in targets}
    return {target: max(20 * math.log10(gain), LEAST_DB) if gain > 0 else LEAST_DB for target, gain in gains.items()}
