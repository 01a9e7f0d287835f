"""`collaparte run`, on files and on devices."""

from __future__ import annotations

import argparse
import importlib
import sys
import threading
from dataclasses import replace
from pathlib import Path

from cli.live_session import find_device, parse_gains, run_session
from cli.stopping import INTERRUPTED, stoppable
from engine.audio.devices import Device, is_device
from engine.audio.files import AudioReader
from engine.core.errors import ConfigError
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.session import SessionConfig
from engine.separation.hpss import TUNED, HpssConfig
from engine.separation.mask_network import MaskNetworkConfig
from offline.batch.file_job import FileJob, JobReport, run_file
from offline.detection.presets import describe_latency, detect_config, parse_embeddings
from offline.following.presets import follow_by
from offline.following.score_input import read_score_input
from offline.separation.presets import live_rate, unmix_config

__all__ = ["command"]

FILE_LOOK_AHEAD, LIVE_LOOK_AHEAD = (
    TUNED.look_ahead,
    0,
)  # frames: the best stems for files, the least latency for the stage
ONLY_FILES = ("plot",)
ONLY_DEVICES = ("gain_midi", "rate", "block", "duration")
ONLY_UNMIX = ("wiener",)
ONLY_DETECT = ("top", "threshold", "median", "window", "embedding")


def command(args: argparse.Namespace) -> int:
    """Follow and separate a file or a live input."""
    if is_device(args.input) or any(map(is_device, args.output)):
        return _run_live(args)
    with stoppable() as stop:
        report = _run_file(args, stop)
    if args.plot is not None:
        importlib.import_module("offline.evaluation.plots").draw_job(args.plot, report)  # half a second of matplotlib
    return INTERRUPTED if report.stream.stopped else 0


def _run_file(args: argparse.Namespace, stop: threading.Event) -> JobReport:
    """File to files."""
    _refuse(args, ONLY_DEVICES, expected="a device", got="files only")
    _, folder = _outputs(args.output)
    job = FileJob(
        input=Path(args.input),
        configure=lambda audio: _pipeline(args, audio, FILE_LOOK_AHEAD),
        directory=folder,
        events=args.events,
        gains=parse_gains(args.gain),
        keep=args.plot is not None,
    )
    return run_file(job, stop=stop)


def _run_live(args: argparse.Namespace) -> int:
    """A device on at least one side."""
    _refuse(args, ONLY_FILES, expected="files only", got="a device")
    sink, folder = _outputs(args.output)
    source, audio = _source(args.input, args.rate or _own_rate(args))
    config = SessionConfig(
        source=source,
        sink=None if sink is None else find_device(sink, output=True)[0],
        pipeline=_pipeline(args, audio, LIVE_LOOK_AHEAD),
        sample_rate=audio.sample_rate,
        record_to=folder,
        events_to=args.events,
        gains=parse_gains(args.gain),
        block=args.block,
        duration_s=args.duration,
    )
    run_session(config, gain_midi=args.gain_midi)
    return 0


def _refuse(args: argparse.Namespace, names: tuple[str, ...], *, expected: str, got: str) -> None:
    for name in names:
        if getattr(args, name):
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(option, expected=expected, got=got, remedy=f"leave {option} out")


def _outputs(texts: list[str]) -> tuple[str | None, Path | None]:
    """The device to play on and the folder to write to, each at most once."""
    sinks = [text for text in texts if is_device(text)]
    folders = [Path(text) for text in texts if not is_device(text)]
    if len(sinks) > 1 or len(folders) > 1:
        raise ConfigError("--output", expected="at most one device and one folder", got=", ".join(texts))
    return sinks[0] if sinks else None, folders[0] if folders else None


def _source(text: str, rate: int | None) -> tuple[Device | Path, AudioFormat]:
    """Where the input comes from, and the audio that the pipeline will see."""
    source: Device | Path
    if is_device(text):
        source, audio = find_device(text, output=False)
    else:
        with AudioReader(text) as reader:
            source, audio = reader.path, reader.format
    return source, AudioFormat(sample_rate=rate or audio.sample_rate, n_channels=audio.n_channels)


def _pipeline(args: argparse.Namespace, audio: AudioFormat, look_ahead: int) -> PipelineConfig:
    """The pipeline that the options ask for; look_ahead: frames, where the user says nothing."""
    if args.score is None and args.separate == "none" and args.detect is None:
        remedy = "add --score FILE to follow it, --separate hpss or unmix to split it, --detect to hear sounds"
        raise ConfigError("run", expected="something to do with the input", got="nothing", remedy=remedy)
    follow, detect = follow_by(args.features), _detect(args)
    if detect is not None:
        print(describe_latency(detect, audio), file=sys.stderr)
    return PipelineConfig(
        separate=_separate(args, look_ahead),
        score=None if args.score is None else read_score_input(args.score, audio, follow),
        follow=follow,
        detect=detect,
    )


def _detect(args: argparse.Namespace) -> SoundConfig | None:
    """What hears sound events, if anything does; its network follows --detect, or is --model's."""
    if args.detect is None:
        _refuse(args, ONLY_DETECT, expected="--detect", got="none")
        return None
    model = args.detect if args.detect != Path() else (None if args.separate == "unmix" else args.model)
    return detect_config(
        model,
        window_s=args.window,
        threshold=args.threshold,
        alignment=args.median,
        guesses=args.top,
        embeddings=parse_embeddings(args.embedding),
    )


def _separate(args: argparse.Namespace, look_ahead: int) -> HpssConfig | MaskNetworkConfig | None:
    """What splits the sound, if anything does."""
    if args.separate == "unmix":
        if args.look_ahead is not None:
            raise ConfigError("--look-ahead", expected="--separate hpss", got="unmix, whose latency is the network's")
        return unmix_config(args.model, wiener=args.wiener)
    _refuse(args, ONLY_UNMIX, expected="--separate unmix", got=args.separate)
    if args.model is not None and args.detect is None:
        _refuse(args, ("model",), expected="--separate unmix or --detect", got=args.separate)
    frames = look_ahead if args.look_ahead is None else args.look_ahead
    return replace(TUNED, look_ahead=frames) if args.separate == "hpss" else None


def _own_rate(args: argparse.Namespace) -> int | None:
    """The rate that the separation is made for, if it is for one."""
    return live_rate(unmix_config(args.model)) if args.separate == "unmix" else None
