"""`collaparte run`, on files and on devices."""

from __future__ import annotations

import sys
import threading
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import (
    DETECT,
    DEVICE,
    FOLLOW,
    INPUT,
    OUTPUT,
    SEPARATE,
    command,
    features_option,
    method_option,
    option,
    output,
    picture,
)
from cli.outward_options import refuse_cues_without_events
from cli.score_options import ScoreOptions
from cli.separation_options import HpssOptions, NetworkOptions
from cli.stage_outputs import StageOutputs, has_outlets
from cli.terminal.completion import live_separator_names, sound_detector_names
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import complain, wrote
from cli.terminal.stopping import INTERRUPTED, USER_ERROR, stoppable, unhurried
from engine.core.config import Settings, choice, plain, ranged

if TYPE_CHECKING:
    from cli.terminal.live_line import LiveLine
    from engine.audio.files import AudioReader
    from offline.batch.file_job import JobReport

__all__ = ["RunOptions", "run_command"]

EXAMPLES = """\
examples:
  collaparte run --input take.flac --score piece.mid --separate hpss --events out.jsonl --output stems/
  collaparte run --input take.flac --separate hpss --output device     listen while it separates
  collaparte run --input mic --score piece.musicxml --events -         events on standard output
  collaparte run --input jack --separate hpss --gain harmonic=-12 --output jack --output recording/
  collaparte run --input mic --separate unmix --gain vocals=-inf --output device       karaoke
  collaparte run --input jack --separate unmix-low-latency --output jack
  collaparte run --input mic --detect --top 5          sounds as they begin and end, and the five most likely
  collaparte run --input door.flac --detect mine.onnx --events out.jsonl
  collaparte run --input song.flac --separate unmix --wiener --gain-midi nanoKONTROL --output device
"""
GAIN_MIDI = """\
change the gains during playback with a MIDI controller: part of its port's name, or `virtual` for a port of our own; \
controller 20 is the first target, 21 the next and so on, on any channel; value 0 mutes, 50 is -12 dB, 100 is 0 dB, \
127 +4 dB"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(Settings):
    """Options of `collaparte run`."""

    input: str = option(plain(MISSING, "audio file or input device"), metavar="FILE|mic|device:NAME|jack", group=INPUT)
    rate: int | None = option(
        ranged(None, 1000, 384_000, "sample rate of the engine (default the device's own)"), metavar="HZ", group=DEVICE
    )
    block: int = option(
        ranged(0, 0, 65_536, "block size of the device (default its own)"), metavar="SAMPLES", group=DEVICE
    )
    duration: float = option(
        ranged(0.0, 0, 1e7, "stop a live run after this time; 0 for never"), metavar="S", group=DEVICE
    )
    score: Path | None = option(
        plain(None, "follow this score: MusicXML, MXL, MIDI, or a reference recording"), metavar="FILE", group=FOLLOW
    )
    reading: ScoreOptions = plain(ScoreOptions, "follow")
    features: str = features_option()
    follow: str = method_option()
    separate: str = option(
        plain(
            "none",
            "hpss: harmonic and percussive sound; a network: its targets, such as vocals, drums, bass, other; NAME is "
            "unmix, unmix-heavy or unmix-low-latency",
        ),
        metavar="hpss|NAME|FILE.onnx",
        names=live_separator_names,
        group=SEPARATE,
    )
    hpss: HpssOptions = plain(HpssOptions, "settings of hpss")
    network: NetworkOptions = plain(NetworkOptions, "settings of networks")
    gain: tuple[str, ...] = option(
        plain((), "gain of a stem in playback, or in mix.wav for files; -inf mutes; may be repeated"),
        metavar="TARGET=DB",
        group=SEPARATE,
    )
    gain_midi: str | None = option(plain(None, GAIN_MIDI), metavar="PORT", group=SEPARATE)
    detect: str | None = option(
        plain(None, "report when sounds begin and end, detected by a network: crnn (default), crnn-files or a file"),
        metavar="NAME|FILE.onnx",
        bare="crnn",
        names=sound_detector_names,
        group=DETECT,
    )
    top: int = option(ranged(0, 0, 1000, "continuously show the N most likely sounds"), metavar="N", group=DETECT)
    threshold: float | None = option(
        ranged(None, 0, 1, "probability at or above which a sound is reported (default: tuned for each sound)"),
        metavar="P",
        group=DETECT,
    )
    median: str | None = option(
        choice(
            None,
            ("causal", "centred"),
            "alignment of the median filter; centred is more reliable and later (default as tuned)",
        ),
        group=DETECT,
    )
    window: float | None = option(
        ranged(None, 0.1, 600, "length of the input that a bidirectional network processes at once (default 10)"),
        metavar="S",
        group=DETECT,
    )
    embedding: tuple[str, ...] = option(
        plain((), "embedding network that is a further input, with its card FILE.toml beside it"),
        metavar="NAME=FILE",
        group=DETECT,
    )
    output: tuple[str, ...] = output(
        "DIR|device|device:NAME|jack", "a folder for the stems, or a device to play them on; may be given twice", ()
    )
    overwrite: bool = option(
        plain(False, "replace the stems of an earlier run in the folder, also those of other settings"), group=OUTPUT
    )
    events: str | None = option(
        plain(None, "write events as JSON lines; - is standard output"), metavar="FILE", group=OUTPUT
    )
    plot: Path | None = picture("draw the results (files only)")
    outward: StageOutputs = plain(StageOutputs, "other programs")


@command(RunOptions, EXAMPLES)
def run_command(options: RunOptions) -> int:
    """Follow, separate and detect, on a file or a live input."""
    _check_input(options.input)
    from engine.audio.devices import is_device

    if is_device(options.input) or any(map(is_device, options.output)) or has_outlets(options.outward):
        from cli.live.session import run_live

        with unhurried():
            return run_live(options)
    refuse_cues_without_events(options.outward.beyond, options.events)
    with stoppable() as stop:
        report = _run_file(options, stop)
    _finish(options, report)
    if report.stream.shortfall:
        complain(report.stream.shortfall)
    return INTERRUPTED if report.stream.stopped else USER_ERROR if report.stream.shortfall else 0


def _check_input(name: str) -> None:
    """Say at once if there is no such file, before seconds of imports."""
    from engine.audio.devices import is_device
    from engine.audio.files import AudioReader

    if not is_device(name):
        AudioReader(name).close()


def _run_file(options: RunOptions, stop: threading.Event) -> JobReport:
    """File to files."""
    from cli.live.pipeline import (
        FILE_LOOK_AHEAD,
        outputs,
        parse_gains,
        pipeline_config,
        refuse_device_options,
        stem_job,
    )
    from offline.batch.file_job import FileJob, run_file

    refuse_device_options(options)
    job = FileJob(
        input=Path(options.input),
        configure=lambda audio: pipeline_config(options, audio, FILE_LOOK_AHEAD),
        directory=outputs(options.output)[1],
        events=options.events,
        gains=parse_gains(options.gain),
        watch=lambda reader: _line(options, reader),
        keep=options.plot is not None,
        job=stem_job(options),
    )
    with announced_compiling():
        return run_file(job, stop=stop)


def _line(options: RunOptions, reader: AudioReader) -> LiveLine:
    """The line on the terminal; none where events go to the same terminal, which would mix them."""
    from cli.terminal.live_line import LiveLine

    silent = options.events == "-" and sys.stdout.isatty()
    rate, n, follows = reader.format.sample_rate, reader.n_samples, options.score is not None
    return LiveLine(rate, duration=n, follows=follows, silent=silent)


def _finish(options: RunOptions, report: JobReport) -> None:
    """Draw the picture, and name what was written."""
    if options.plot is not None:
        from offline.evaluation.plots import draw_job

        draw_job(options.plot, report)
    wrote([*report.stems.values(), report.events, options.plot], then=_next_step(options))


def _next_step(options: RunOptions) -> str:
    if options.plot is None and options.score is not None:
        return "add --plot path.png to see the path through the score"
    if options.separate != "none" and options.output:
        return f"listen to {options.output[0]}"
    return "" if options.events else "add --events events.jsonl to keep the events"
