"""The front door: `collaparte COMMAND`. Every command imports what it needs only when it runs.

The options of a command are in offline/options, what it does in offline/commands: `command(args)`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

EXAMPLES = """\
examples:
  collaparte demo                                     a piece that the project writes itself, all the way
  collaparte run --input take.flac --score piece.musicxml --events events.jsonl
  collaparte run --input take.flac --score piece.mid --separate hpss --output stems/ --plot picture.png
  collaparte run --input mic --score piece.musicxml   follow a performer at the microphone
  collaparte run --input mic --separate hpss --gain percussive=-inf --output device
  collaparte separate *.flac --model hpss --output stems/
  collaparte align piece.musicxml take.flac -o take.csv --plot take.png
  collaparte tag recordings/ -o events.tsv            which sounds are in recordings, and when
  collaparte generate --model Frames --port Bach      a chorale without end, into a virtual MIDI port
  collaparte doctor                                   what is missing on this machine, and how to get it
"""
COMMANDS = (
    "run",
    "separate",
    "import-weights",
    "align",
    "tag",
    "evaluate",
    "train",
    "generate",
    "midi",
    "data",
    "demo",
    "devices",
    "doctor",
)
TRAINING = ("train", "evaluate", "import-weights")  # what these lack, the extra `train` brings


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status. A user's mistake is one line, never a traceback."""
    args = _parser().parse_args(argv)
    from cli.stopping import INTERRUPTED, USER_ERROR
    from engine.core.errors import EngineError

    try:
        return _run(args)
    except EngineError as error:
        print(f"collaparte: {error}", file=sys.stderr)
        return USER_ERROR
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away: nobody is left to tell
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(args: argparse.Namespace) -> int:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's threads spin: 40 times slower on a busy machine
    if args.command == "run":
        _has_input(args.input)
    with _training_extra(args.command):
        return int(importlib.import_module(f"cli.{_module(args.command)}").command(args))


def _has_input(name: str) -> None:
    """Say at once if there is no such file, before seconds of imports."""
    from engine.audio.devices import is_device
    from engine.audio.files import AudioReader

    if not is_device(name):
        AudioReader(name).close()


@contextmanager
def _training_extra(command: str) -> Iterator[None]:
    """What is missing inside is what training and papers' comparisons need besides."""
    from engine.core.errors import ConfigError

    try:
        yield
    except ImportError as error:
        if command not in TRAINING:
            raise
        remedy = "pip install -e '.[train]' in the project's folder"
        raise ConfigError(command, expected="what training needs", got=str(error), remedy=remedy) from error


def _module(command: str) -> str:
    return command.replace("-", "_")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="collaparte",
        description="Listens to music block by block and acts in time: follows a score, separates sound, makes music.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name in COMMANDS:
        options = importlib.import_module(f"cli.options.{_module(name)}")
        options.add_options(
            commands.add_parser(
                name,
                help=options.HELP,
                description=options.HELP,
                epilog=options.EXAMPLES,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
