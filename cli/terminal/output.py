"""Standard output and error: names in any bytes go out as they are, and a reader that leaves ends it quietly."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cli.terminal.stopping import BROKEN_PIPE
from engine.core.whole_file import NAME_ERRORS

__all__ = ["abandon_output", "leave_quietly", "print_any_name"]

ANY_NAME = "collaparte-names"


def _encode(error: UnicodeError) -> tuple[str | bytes, int]:
    """The bytes of a name that is no text; what the terminal has no letter for as an escape."""
    try:
        return codecs.lookup_error(NAME_ERRORS)(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


codecs.register_error(ANY_NAME, _encode)


@contextmanager
def print_any_name() -> Iterator[None]:
    """Within this, names of files in any bytes can be printed."""
    before = []
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            before.append((stream, stream.errors))
            stream.reconfigure(errors=ANY_NAME)
    try:
        yield
    finally:
        for stream, errors in before:
            with suppress(OSError, ValueError):  # it may be closed, or its reader gone
                stream.reconfigure(errors=errors)


def leave_quietly() -> int:
    """Return the exit status for a reader of our output that went away, as `head` does: nobody is left to tell."""
    abandon_output()
    return BROKEN_PIPE


def abandon_output() -> None:
    """Send what is left for standard output nowhere, so that no further error comes of it."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
