"""`collaparte devices`: what can be listened to and played on."""

from __future__ import annotations

from dataclasses import dataclass

from cli.common import command
from cli.terminal.report import note
from engine.core.config import Settings

__all__ = ["DevicesOptions", "devices_command"]

EXAMPLES = """\
examples:
  collaparte devices
  collaparte run --input device:NAME --separate hpss --output device:NAME       a part of a name is enough
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesOptions(Settings):
    """Options of `collaparte devices`: none."""


@command(DevicesOptions, EXAMPLES)
def devices_command(_: DevicesOptions) -> int:
    """Print the table."""
    from cli.live.session import describe_devices

    print(describe_devices())
    note("next: collaparte run --input device:NAME --score FILE; * marks the default, which `mic` and `device` name")
    return 0
