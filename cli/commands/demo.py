"""`collaparte demo`: the whole way on a piece that the project writes itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import command, output, random_seed
from cli.terminal.stopping import INTERRUPTED, stoppable
from engine.core.config import Settings

__all__ = ["DemoOptions", "demo_command"]

EXAMPLES = """\
examples:
  collaparte demo
  collaparte demo --seed 2 --output another/
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions(Settings):
    """Options of `collaparte demo`."""

    output: Path = output("DIR", "folder to write into", Path("demo"))
    seed: int = random_seed(1, "seed of the performance")


@command(DemoOptions, EXAMPLES)
def demo_command(options: DemoOptions) -> int:
    """Show it; the exit status."""
    from cli.demo.run import show

    with stoppable() as stop:
        show(options.output, seed=options.seed, stop=stop)
        return INTERRUPTED if stop.is_set() else 0
