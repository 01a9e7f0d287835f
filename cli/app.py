"""The front door: `collaparte COMMAND`. A command is imported when it runs, and imports what it needs when it acts.

The library is click with rich-click. CPU time of `--help` of all commands and of one command with 18 options, in
prototypes of 18 commands (smallest of five, user + system; the interpreter alone 0.03 s): argparse 0.05 and 0.05 s,
click 0.07 and 0.06, rich-click 0.15 and 0.16, typer 0.22 and 0.33. rich-click has panels of options, did-you-mean and
completion by shells; options can be made from settings classes, where typer wants a function with a parameter each.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import rich_click as click

from cli.command_list import Entry, LazyGroup
from cli.terminal.completion import SHELLS, install_completion
from cli.terminal.output import abandon_output, leave_quietly, print_any_name
from cli.terminal.stopping import INTERRUPTED, USER_ERROR, ends_in_time
from engine.core.config import nearest
from engine.core.errors import ConfigError, EngineError, EngineWarning
from engine.core.whole_file import is_full, write_error

__all__ = ["COMMANDS", "NAME", "main"]

NAME = "collaparte"
EXAMPLES = """\
examples:
  collaparte demo                                     generate a piece, then play, follow and separate it
  collaparte run --input take.flac --score piece.musicxml --events events.jsonl
  collaparte run --input take.flac --score piece.mid --separate hpss --output stems/ --plot picture.png
  collaparte run --input mic --score piece.musicxml   follow a performer at the microphone
  collaparte accompany sonata.musicxml --solo Violin --input mic --output device
  collaparte run --input mic --separate hpss --gain percussive=-inf --output device
  collaparte separate *.flac --model hpss --output stems/
  collaparte align piece.musicxml take.flac -o take.csv --plot take.png
  collaparte tag recordings/ -o events.tsv            the sounds in recordings, with their times
  collaparte generate --model Frames --port Bach      an endless chorale, to a virtual MIDI port
  collaparte doctor                                   what is missing on this machine, and how to install it
"""


def _row(text: str, path: str, panel: str) -> Entry:
    """path: of the module below cli, and the command in it where that is not named like the module."""
    module, _, name = path.partition(":")
    return Entry(text, f"cli.{module}:{name or module.rpartition('.')[2]}_command", panel)


USE, MAKE, LEARN, MACHINE = "Listen and play", "Make music", "Train and measure", "This machine"
COMMANDS = {
    "run": _row("Follow, separate and detect, on a file or live.", "commands.run", USE),
    "separate": _row("Separate files into stems.", "commands.separate", USE),
    "accompany": _row("Play the other parts of a score as the soloist goes.", "commands.accompany", USE),
    "stage": _row("Show a score in a browser, with a cursor that follows the player.", "commands.stage", USE),
    "find": _row("Find which piece of a folder is played, and where.", "commands.find", USE),
    "rehearse": _row("Learn a soloist's tempo from earlier takes, for accompany.", "commands.rehearse", USE),
    "cues": _row("Check a list of cues, or record one while the music plays.", "commands.cues", USE),
    "align": _row("Write the time in a recording of each onset of a score.", "commands.align", USE),
    "tag": _row("Detect sounds in recordings, and write their times.", "commands.tag", USE),
    "batch": _row("Any of these over many files, on all cores or a cluster, resumable.", "batch.batch", USE),
    "generate": _row("Generate music, to files or live to a MIDI port.", "commands.generate", MAKE),
    "midi": _row("Silence a synthesiser whose notes hang.", "commands.midi", MAKE),
    "evaluate": _row("Measure following, alignment, separation, detection and generation.", "evaluate.evaluate", LEARN),
    "train": _row("Train a network.", "commands.training:train", LEARN),
    "finetune": _row("Teach a network your own sounds, in minutes.", "commands.training:finetune", LEARN),
    "export": _row("Turn a trained checkpoint into a network file.", "commands.training:export", LEARN),
    "table": _row(
        "Train and measure the networks that the table of a paper compares.", "commands.training:table", LEARN
    ),
    "average": _row("Average the weights of several checkpoints.", "commands.training:average", LEARN),
    "blend": _row("Join several separating networks into one.", "commands.training:blend", LEARN),
    "rewrite": _row("Write a separating network anew, with other bits.", "commands.training:rewrite", LEARN),
    "study": _row("Let listeners rate generated music blind, and analyse it.", "study.study", LEARN),
    "recipe": _row("Make weights that ship again, from data to card.", "commands.recipe", LEARN),
    "plot": _row("Draw the learning curves of a training run.", "commands.training:plot", LEARN),
    "data": _row("Make or convert data to train and measure on.", "data.data", LEARN),
    "import-weights": _row("Turn downloaded weights into a network file.", "commands.import_weights", LEARN),
    "demo": _row("Write a piece, play it, follow and separate it, and measure how well.", "commands.demo", MACHINE),
    "devices": _row("List the audio devices.", "commands.devices", MACHINE),
    "doctor": _row("Check what this machine has, and compile the kernels.", "commands.doctor", MACHINE),
}


def _version(ctx: click.Context, _: Any, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"{NAME} {version(NAME)}")
        ctx.exit()


def _install(ctx: click.Context, _: Any, shell: str | None) -> None:
    if shell is not None:
        click.echo(install_completion(shell, NAME))
        ctx.exit()


FRONT_DOOR = LazyGroup(
    COMMANDS,
    name=NAME,
    help="Process music in real time, block by block: follow a score, separate and detect sounds, generate music.",
    epilog=EXAMPLES,
    params=[
        click.RichOption(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="show the version"
        ),
        click.RichOption(
            ["--install-completion"],
            is_flag=False,
            flag_value="",
            is_eager=True,
            expose_value=False,
            callback=_install,
            metavar=f"[{'|'.join(SHELLS)}]",
            help="install completion of commands, options and models (default: for your shell)",
        ),
    ],
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status. A user's mistake is one line, never a traceback."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's threads spin: 40 times slower on a busy machine
    args = list(sys.argv[1:] if argv is None else argv)
    with print_any_name():
        try:
            with ends_in_time():
                status = _run(args or ["--help"])
                sys.stdout.flush()
                return status if args else USER_ERROR
        except (KeyboardInterrupt, click.Abort):
            return INTERRUPTED
        except BrokenPipeError:
            return leave_quietly()
        except (EngineError, click.UsageError, OSError, RuntimeError) as error:
            return _fail(_said_of(error))


def _said_of(error: Exception) -> str:
    """The line of a mistake; RuntimeError again unless libsndfile has found it."""
    if isinstance(error, EngineError):
        return str(error)
    if isinstance(error, click.UsageError):
        return _one_line(error)
    if isinstance(error, OSError):
        return _of_the_system(error)
    if type(error).__name__ != "LibsndfileError":
        raise error
    return f"{error}; is the disk full, or the folder gone?"


def _run(args: list[str]) -> int:
    try:
        with _missing_extra(args[0]), _warnings_in_lines():
            return int(FRONT_DOOR.main(args, prog_name=NAME, standalone_mode=False, obj=args) or 0)
    except SystemExit as end:  # of click: a closed pipe, or `evaluate` without saying what
        return int(end.code or 0)


@contextmanager
def _warnings_in_lines() -> Iterator[None]:
    """Print each warning about a user's file as one line on standard error; other warnings stay as they are."""
    with warnings.catch_warnings():
        before = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, EngineWarning):
                print(f"{NAME}: {message}", file=sys.stderr, flush=True)
            else:
                before(message, category, filename, lineno, file, line)

        warnings.filterwarnings("always", category=EngineWarning)
        warnings.showwarning = show
        yield


def _fail(line: str) -> int:
    print(f"{NAME}: {line}", file=sys.stderr)
    return USER_ERROR


def _of_the_system(error: OSError) -> str:
    """What the system has against a file that nobody expected; without a file, against standard output."""
    if is_full(error) and error.filename is None:
        abandon_output()
    where = "standard output" if error.filename is None and is_full(error) else error.filename or NAME
    return str(write_error(os.fsdecode(where) if isinstance(where, bytes) else where, error))


def _one_line(error: click.UsageError) -> str:
    """What click found wrong, in the form of all errors."""
    path = error.ctx.command_path if error.ctx else NAME
    see = f"{path} --help explains"
    if isinstance(error, click.NoSuchOption):
        known = [name for each in error.ctx.command.params for name in each.opts] if error.ctx else []
        found = nearest(error.option_name, [name for name in known if name.startswith("-")])
        return f"No such option {error.option_name}. {found[:1].upper() + found[1:] if found else see}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        named = isinstance(error.param, click.Option)
        name = max(error.param.opts, key=len) if named else error.param.metavar
        expected = error.param.metavar if named else getattr(error.param, "help", "a value")
        return str(ConfigError(str(name), expected=str(expected), got="nothing", remedy=see))
    if isinstance(error, click.BadOptionUsage):
        return str(ConfigError(error.option_name, expected="a value", got="nothing", remedy=see))
    return f"{path.removeprefix(NAME).strip() or NAME}: {error.format_message().rstrip('.')}; {see}"


EXTRA = ("train", "export", "finetune", "average", "blend", "rewrite", "plot", "evaluate", "data", "import-weights")


@contextmanager
def _missing_extra(name: str) -> Iterator[None]:
    """Name the extra `train` where a command lacks what it brings."""
    try:
        yield
    except ImportError as error:
        if name not in EXTRA:
            raise
        remedy = "pip install -e '.[train]' in the project's folder"
        raise ConfigError(name, expected="what training needs", got=str(error), remedy=remedy) from error


if __name__ == "__main__":
    sys.exit(main())
