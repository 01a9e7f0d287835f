"""The front door: `collaparte COMMAND`. Every command imports what it needs only when it runs."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EXAMPLES = """\
examples:
  collaparte demo                                     a piece that the project writes itself, all the way
  collaparte run --input take.flac --score piece.musicxml --events events.jsonl
  collaparte run --input take.flac --score piece.mid --separate hpss --output stems/ --plot picture.png
  collaparte run --input mic --score piece.musicxml   follow a performer at the microphone
  collaparte run --input mic --separate hpss --gain percussive=-inf --output device
  collaparte separate *.flac --model hpss --output stems/
  collaparte align piece.musicxml take.flac -o take.csv --plot take.png
  collaparte doctor                                   what is missing on this machine, and how to get it
"""
RUN_EXAMPLES = """\
examples:
  collaparte run --input take.flac --score piece.mid --separate hpss --events out.jsonl --output stems/
  collaparte run --input take.flac --separate hpss --output device     listen while it separates
  collaparte run --input mic --score piece.musicxml --events -         events on standard output
  collaparte run --input jack --separate hpss --gain harmonic=-12 --output jack --output recording/
"""
ALIGN_EXAMPLES = """\
examples:
  collaparte align piece.musicxml take.flac -o take.csv --plot take.png
  collaparte align rehearsal.flac take.flac -o take.csv      a recording as the score: a quarter is a second of it
"""
EVALUATE_EXAMPLES = """\
A piece is a folder with score.musicxml (or .mxl, .mid), performance.wav (or .flac, .ogg) and truth.csv (columns
quarter,audio_s). A song is a folder with drums.wav and its other stems.

examples:
  collaparte evaluate follow demo/
  collaparte evaluate align demo/ --csv table.csv --plots pictures/
  collaparte evaluate hpss songs/
  collaparte evaluate siamese pieces/ --networks runs/ --csv table.csv
"""
TRAINERS = {name: name for name in ("siamese", "salience", "unmix", "generator")} | {"crnn": "crnn_job"}
USER_ERROR, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status. A user's mistake is one line, never a traceback."""
    args = _parser().parse_args(argv)
    from engine.errors import EngineError

    try:
        return int(args.command(args) or 0)
    except EngineError as error:
        print(f"collaparte: {error}", file=sys.stderr)
        return USER_ERROR
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away: nobody is left to tell
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def run(args: argparse.Namespace) -> int:
    """Follow and separate a file or a live input."""
    from engine.io.devices import is_device
    from engine.io.files import AudioReader

    if not is_device(args.input):
        AudioReader(args.input).close()  # say at once if there is none, before seconds of imports
    from offline.commands.run import run_file, run_live

    live = is_device(args.input) or any(map(is_device, args.output))
    if live:
        return run_live(args)
    with _stoppable() as stop:
        report = run_file(args, stop)
    if args.plot is not None:
        from offline.picture import draw_job

        draw_job(args.plot, report)
    return INTERRUPTED if report.stream.stopped else 0


def separate(args: argparse.Namespace) -> int:
    """Separate files into stems."""
    from offline.commands.separate import separate as command

    with _stoppable() as stop:
        failed = command(args, stop)
        return INTERRUPTED if stop.is_set() else USER_ERROR if failed else 0


def evaluate(args: argparse.Namespace) -> int:
    """Measure following, alignment or separation over a folder of recordings with their truth."""
    if args.what == "follow":
        from offline.evaluate.follow import evaluate_folder as follow_folder

        follow_folder(args.folder, csv=args.csv, plots=args.plots)
        return 0
    if args.what == "jumps":
        from offline.evaluate.jumps import evaluate_jumps

        evaluate_jumps(args.folder)
        return 0
    if args.what == "align":
        from offline.commands.align import align_config
        from offline.evaluate.align import evaluate_alignment

        evaluate_alignment(args.folder, align_config(args), csv=args.csv, plots=args.plots)
        return 0
    with _training_extra(f"evaluate {args.what}"):
        if args.what == "siamese":
            from offline.evaluate.siamese import evaluate_folder as siamese_folder
            from offline.evaluate.siamese import methods

            siamese_folder(args.folder, methods(args.networks, args.live), csv=args.csv)
            return 0
        from offline.evaluate.separation import evaluate_folder as hpss_folder
    hpss_folder(args.folder, csv=args.csv, start_s=args.start, seconds=args.seconds)
    return 0


def train(args: argparse.Namespace) -> int:
    """Train a network; `collaparte train WHAT --help` tells how."""
    with _training_extra(f"train {args.what}"):
        module = importlib.import_module(f"offline.train.{TRAINERS[args.what]}")
    sys.argv[0] = f"collaparte train {args.what}"  # what its help calls it
    return int(module.main(args.options) or 0)


def align(args: argparse.Namespace) -> int:
    """Say when each onset of a score sounds in a recording, from the whole file."""
    from offline.commands.align import align_files

    align_files(args)
    return 0


def demo(args: argparse.Namespace) -> int:
    """Write a piece, play it with rubato, follow and separate it, and say how well that went."""
    from offline.demo.show import show

    with _stoppable() as stop:
        return INTERRUPTED if show(args.output, seed=args.seed, stop=stop).stream.stopped else 0


def devices(args: argparse.Namespace) -> int:
    """List the audio devices."""
    from offline.live_job import describe_devices

    print(describe_devices())
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Check what this machine has, and warm the compiled kernels."""
    from engine.doctor import examine

    return 0 if examine(print) else 1


@contextmanager
def _training_extra(command: str) -> Iterator[None]:
    """What is missing inside is what training and papers' comparisons need besides."""
    from engine.errors import ConfigError

    try:
        yield
    except ImportError as error:
        remedy = "pip install -e '.[train]' in the project's folder"
        raise ConfigError(command, expected="what training needs", got=str(error), remedy=remedy) from error


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """An event that the first ctrl-C or SIGTERM sets, so that files are closed whole; the second ends at once."""
    stop = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="collaparte",
        description="Listens to music block by block and acts in time: follows a score, separates sound.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_run, _add_separate, _add_align, _add_evaluate, _add_train, _add_demo, _add_devices, _add_doctor):
        add(commands)
    return parser


def _add(commands: Any, name: str, command: Callable[..., int], epilog: str = "") -> argparse.ArgumentParser:
    words = (command.__doc__ or "").strip()
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=words, description=words, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(command=command)
    return parser


def _add_run(commands: Any) -> None:
    parser = _add(commands, "run", run, RUN_EXAMPLES)
    add = parser.add_argument
    add("--input", required=True, metavar="FILE|mic|device:NAME|jack", help="what to listen to")
    add("--output", action="append", default=[], metavar="DIR|device|device:NAME|jack",
        help="a folder for the stems, or a device to play them on; may be given twice")  # fmt: skip
    add("--score", type=Path, metavar="FILE", help="follow this score: MusicXML, MXL, MIDI, or a reference recording")
    add("--separate", choices=["none", "hpss"], default="none", help="split into harmonic and percussive sound")
    add("--look-ahead", type=int, metavar="FRAMES",
        help="frames of 23 ms, from 0 on: better stems, more latency (default 5 to files, 0 to devices)")  # fmt: skip
    add("--events", metavar="FILE", help="write events as JSON lines; - is standard output")
    add("--plot", type=Path, metavar="PNG", help="draw what happened (file input)")
    add("--rate", type=int, metavar="HZ", help="sample rate of the engine (devices; default the device's own)")
    add("--block", type=int, default=0, metavar="SAMPLES", help="block of the device (default its own)")
    add("--duration", type=float, default=0.0, metavar="S", help="end a live run after so many seconds")
    add("--gain", action="append", default=[], metavar="TARGET=DB", help="level of a stem on the device; -inf mutes")


def _add_separate(commands: Any) -> None:
    parser = _add(commands, "separate", separate)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    add = parser.add_argument
    add("--model", choices=["hpss", "kam"], default="hpss",
        help="hpss: as live (default); kam: back-fitting over whole files, 0.3 GB a minute")  # fmt: skip
    add("--published", action="store_true", help="the paper's medians, 17 frames and 17 bins, not the tuned ones")
    add("--look-ahead", type=int, metavar="FRAMES", help="of hpss: frames of 23 ms (default 5; published 8)")
    add("--iterations", type=int, default=1, metavar="N", help="of kernel back-fitting (default 1)")
    add(
        "--residual", type=float, metavar="MARGIN", help="also residual.wav: what exceeds neither by this factor, say 2"
    )
    parser.add_argument("--output", type=Path, default=Path("stems"), metavar="DIR", help="one folder a file goes here")


def _add_align(commands: Any) -> None:
    add = _add(commands, "align", align, ALIGN_EXAMPLES).add_argument
    add("score", type=Path, metavar="SCORE", help="MusicXML, MXL, MIDI, or another recording of the same music")
    add("audio", type=Path, metavar="AUDIO", help="the recording")
    add("-o", "--output", type=Path, required=True, metavar="CSV", help="quarter,score_s,audio_s: a row an onset")
    add("--features", choices=["bands", "chroma"], default="bands", help="what to align by (default bands)")
    add("--plot", type=Path, metavar="PNG", help="draw the path")
    add("--truth", type=Path, metavar="CSV", help="quarter,audio_s: draw the errors too")
    add("--straight", action="store_true", help="do not look for parts left out or played again")


def _add_evaluate(commands: Any) -> None:
    parser = _add(commands, "evaluate", evaluate, EVALUATE_EXAMPLES)
    parser.add_argument("what", choices=["follow", "jumps", "align", "hpss", "siamese"], help="what to measure")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a folder of pieces, or of songs in stems")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="leave out so much of each song (hpss)")
    parser.add_argument("--seconds", type=float, metavar="S", help="so much of each song, by default all (hpss)")
    parser.add_argument("--features", choices=["bands", "chroma"], default="bands", help="what to align by (align)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table here too")
    parser.add_argument("--networks", type=Path, metavar="DIR", help="runs of `train siamese`, a folder each (siamese)")
    parser.add_argument("--live", type=Path, metavar="ONNX", help="the live network's file (siamese)")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw each piece's path and errors (follow, align)")


def _add_train(commands: Any) -> None:
    parser = _add(commands, "train", train)
    parser.add_argument("what", choices=list(TRAINERS), help="which network")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="of its training")


def _add_demo(commands: Any) -> None:
    parser = _add(commands, "demo", demo)
    parser.add_argument(
        "--output", type=Path, default=Path("demo"), metavar="DIR", help="where to write (default demo)"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, another performance")


def _add_devices(commands: Any) -> None:
    _add(commands, "devices", devices)


def _add_doctor(commands: Any) -> None:
    _add(commands, "doctor", doctor)


if __name__ == "__main__":
    sys.exit(main())
