"""From the options of `collaparte run` to a pipeline, and which options go together."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import network_file, of_group
from cli.outward_options import cue_attendants, cue_score
from cli.separation_options import SEPARATION_GROUPS, refuse_typed
from cli.terminal.report import note
from engine.audio.devices import is_device
from engine.core.errors import ConfigError
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.following.config import FollowConfig
from engine.pipeline.pipeline import PipelineConfig
from engine.separation.config import HpssConfig, MaskNetworkConfig
from offline.batch.output_folders import StemJob
from offline.detection.presets import DETECTORS, describe_latency, detect_config, parse_embeddings
from offline.following.presets import follow_by
from offline.following.score_input import read_score_input
from offline.separation.presets import SEPARATORS, live_rate, unmix_config

if TYPE_CHECKING:
    from cli.commands.run import RunOptions

__all__ = [
    "FILE_LOOK_AHEAD",
    "LIVE_LOOK_AHEAD",
    "outputs",
    "own_rate",
    "parse_gains",
    "pipeline_config",
    "refuse_device_options",
    "refuse_file_options",
    "stem_job",
]

FILE_LOOK_AHEAD, LIVE_LOOK_AHEAD = None, 0  # frames: as in the settings for files, least latency for the stage
ONLY_DEVICES = ("gain_midi", "rate", "block", "duration")
ONLY_DETECT = ("top", "threshold", "median", "window", "embedding")


def pipeline_config(options: RunOptions, audio: AudioFormat, look_ahead: int | None) -> PipelineConfig:
    """The pipeline that the options ask for; look_ahead: frames, where none is typed; None as in the settings."""
    _check_purpose(options)
    follow, detect = follow_by(options.features, FollowConfig(method=options.follow)), _detect(options)
    if detect is not None:
        print(describe_latency(detect, audio), file=sys.stderr)
    return PipelineConfig(
        separate=_separate(options, look_ahead),
        score=None if options.score is None else read_score_input(options.score, audio, follow, options.reading),
        follow=follow,
        detect=detect,
        attendants=cue_attendants(options.outward.beyond, lambda: cue_score(options.score, options.reading)),
    )


def _check_purpose(options: RunOptions) -> None:
    """Refuse a run that would do nothing, or write nothing of what it does."""
    follows_or_detects = options.score is not None or options.detect is not None
    if options.separate == "none":
        if not follows_or_detects:
            remedy = "add --score FILE to follow it, --separate hpss or unmix to split it, --detect to detect sounds"
            raise ConfigError("run", expected="something to do with the input", got="nothing", remedy=remedy)
    elif not options.output:
        remedy = "add --output stems/ to keep them, or --output device to listen"
        if not follows_or_detects:
            raise ConfigError("--separate", expected="an --output for the stems", got="none", remedy=remedy)
        note(f"the stems go nowhere: {remedy}")


def refuse_device_options(options: RunOptions) -> None:
    """ConfigError for options that need a device."""
    _refuse(options, ONLY_DEVICES, expected="a device", got="files only")


def refuse_file_options(options: RunOptions) -> None:
    """ConfigError for options that need a file."""
    _refuse(options, ("plot",), expected="files only", got="a device")


def _refuse(options: RunOptions, names: tuple[str, ...], *, expected: str, got: str) -> None:
    for name in names:
        if getattr(options, name):
            typed = f"--{name.replace('_', '-')}"
            raise ConfigError(typed, expected=expected, got=got, remedy=f"leave {typed} out")


def outputs(texts: Sequence[str]) -> tuple[str | None, Path | None]:
    """The device to play on and the folder to write to, each at most once."""
    sinks = [text for text in texts if is_device(text)]
    folders = [Path(text) for text in texts if not is_device(text)]
    if len(sinks) > 1 or len(folders) > 1:
        raise ConfigError("--output", expected="at most one device and one folder", got=", ".join(texts))
    return sinks[0] if sinks else None, folders[0] if folders else None


def parse_gains(texts: Sequence[str]) -> dict[str, float]:
    """`TARGET=DB` as loudness factors: 0 dB is 1, -inf is 0; ConfigError for anything else."""
    gains = {}
    for text in texts:
        target, equals, level = text.partition("=")
        try:
            level_db = float(level)
        except ValueError:
            level_db = math.nan
        if not (equals and level_db <= 24):
            remedy = "for example vocals=-6"
            raise ConfigError("--gain", expected="TARGET=DB, DB from -inf to 24", got=text, remedy=remedy)
        gains[target] = 10 ** (level_db / 20)
    return gains


def stem_job(options: RunOptions, *, again: bool = True) -> StemJob:
    """What makes the stems; again: whether the same command makes the same stems again, as on a file."""
    settings = {"run": True, **of_group(options, *SEPARATION_GROUPS)}
    return StemJob(label=Path(options.separate).stem, settings=settings, overwrite=options.overwrite, again=again)


def own_rate(options: RunOptions) -> int | None:
    """The sample rate in Hz that the separating network is made for; None without one."""
    separate = _separate(options, LIVE_LOOK_AHEAD)
    return live_rate(separate) if isinstance(separate, MaskNetworkConfig) else None


def _detect(options: RunOptions) -> SoundConfig | None:
    """What detects sounds, if anything does."""
    if options.detect is None:
        _refuse(options, ONLY_DETECT, expected="--detect", got="none")
        return None
    return detect_config(
        network_file("--detect", options.detect, list(DETECTORS)),
        window_s=options.window,
        threshold=options.threshold,
        alignment=options.median,
        guesses=options.top,
        embeddings=parse_embeddings(options.embedding),
    )


def _separate(options: RunOptions, look_ahead: int | None) -> HpssConfig | MaskNetworkConfig | None:
    """What separates, if anything does."""
    if options.separate in ("none", "hpss"):
        refuse_typed(options.network, expected="--separate unmix or another network", got=options.separate)
        if options.separate == "hpss":
            return options.hpss.settings(look_ahead)
        refuse_typed(options.hpss, expected="--separate hpss", got="none")
        return None
    model = network_file("--separate", options.separate, ["none", "hpss", *SEPARATORS])
    refuse_typed(options.hpss, expected="--separate hpss", got=f"{options.separate}, a network")
    return unmix_config(model, **options.network.settings())
