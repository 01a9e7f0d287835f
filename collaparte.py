"""The front door: `collaparte COMMAND`. Every command imports what it needs only when it runs."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.format import AudioFormat
    from engine.pipelines import PipelineConfig

EXAMPLES = """\
examples:
  collaparte demo                                     a piece that the project writes itself, all the way
  collaparte run --input take.flac --score piece.musicxml --events events.jsonl
  collaparte run --input take.flac --score piece.mid --separate hpss --output stems/ --plot picture.png
  collaparte run --input mic --score piece.musicxml   follow a performer at the microphone
  collaparte run --input mic --separate hpss --gain percussive=-inf --output device
  collaparte separate *.flac --model hpss --output stems/
  collaparte doctor                                   what is missing on this machine, and how to get it
"""
RUN_EXAMPLES = """\
examples:
  collaparte run --input take.flac --score piece.mid --separate hpss --events out.jsonl --output stems/
  collaparte run --input take.flac --separate hpss --output device     listen while it separates
  collaparte run --input mic --score piece.musicxml --events -         events on standard output
  collaparte run --input jack --separate hpss --gain harmonic=-12 --output jack --output recording/
"""
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
    live = any(_is_device(name) for name in args.output) or not _is_file(args.input)
    return _run_live(args) if live else _run_file(args)


def _run_file(args: argparse.Namespace) -> int:
    from offline.job import FileJob, run_file

    with _stoppable() as stop:
        job = FileJob(
            input=Path(args.input),
            configure=lambda audio: _pipeline(args, audio, look_ahead=8),
            directories=tuple(map(Path, args.output)),
            events=args.events,
            picture=args.plot,
        )
        report = run_file(job, stop=stop)
    print(report.text, file=sys.stderr)
    return INTERRUPTED if report.stopped else 0


def _run_live(args: argparse.Namespace) -> int:
    raise NotImplementedError


def _pipeline(args: argparse.Namespace, audio: AudioFormat, *, look_ahead: int) -> PipelineConfig:
    """The pipeline that the options ask for; look_ahead: frames, where the user says nothing."""
    from engine.pipelines import PipelineConfig

    return PipelineConfig()


def separate(args: argparse.Namespace) -> int:
    """Separate files into stems."""
    from offline.batch import separate_files

    with _stoppable() as stop:
        return separate_files(args.files, args.output, model=args.model, stop=stop)


def demo(args: argparse.Namespace) -> int:
    """Write a piece, play it with rubato, follow and separate it, and say how well that went."""
    from offline.demo.show import show

    with _stoppable() as stop:
        return show(args.output, seed=args.seed, stop=stop)


def devices(args: argparse.Namespace) -> int:
    """List the audio devices."""
    raise NotImplementedError


def doctor(args: argparse.Namespace) -> int:
    """Check what this machine has, and warm the compiled kernels."""
    raise NotImplementedError


def _is_device(name: str) -> bool:
    return name in ("mic", "device", "jack") or name.startswith(("device:", "jack:"))


def _is_file(name: str) -> bool:
    return not _is_device(name)


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
    for add in (_add_run, _add_separate, _add_demo, _add_devices, _add_doctor):
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
        help="0 to 8 frames of 23 ms: better stems for more latency (default 8 to files, 0 to devices)")  # fmt: skip
    add("--events", metavar="FILE", help="write events as JSON lines; - is standard output")
    add("--plot", type=Path, metavar="PNG", help="draw what happened (file input)")
    add("--gain", action="append", default=[], metavar="TARGET=DB", help="level of a stem on the device; -inf mutes")


def _add_separate(commands: Any) -> None:
    parser = _add(commands, "separate", separate)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--model", choices=["hpss"], default="hpss", help="what to separate with (default hpss)")
    parser.add_argument("--output", type=Path, default=Path("stems"), metavar="DIR", help="one folder a file goes here")


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
