"""`collaparte doctor`: what this machine has and lacks."""

from __future__ import annotations

from dataclasses import dataclass

from cli.common import command
from cli.terminal.report import note
from engine.core.config import Settings

__all__ = ["DoctorOptions", "doctor_command"]

EXAMPLES = """\
examples:
  collaparte doctor       also compiles the kernels: once, for up to a few minutes
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions(Settings):
    """Options of `collaparte doctor`: none."""


@command(DoctorOptions, EXAMPLES)
def doctor_command(_: DoctorOptions) -> int:
    """Examine the machine; 1 where something is missing."""
    from cli.live.checks import examine

    note("looking at devices first, then compiling what is not compiled yet: once, up to some minutes")
    good = examine(print)
    note("next: collaparte demo" if good else "install what is missing, then: collaparte doctor")
    return 0 if good else 1
