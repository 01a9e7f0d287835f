"""The process of `collaparte`, and of `python -m cli`: it runs one command and leaves."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from typing import NoReturn

from cli.app import main

__all__ = ["leave", "run_typed"]


def leave(status: int) -> NoReturn:
    """Leave the process at once, when all is done that a command has to do.

    The interpreter would now free all modules, threads of libraries and compiled kernels one by one; on a busy machine
    that takes many seconds, in which the user waits for his prompt.
    """
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.main_thread():
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def run_typed() -> NoReturn:
    """Run the command that was typed."""
    leave(main())


if __name__ == "__main__":
    run_typed()
