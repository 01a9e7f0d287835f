"""`collaparte demo`: the whole way on a piece that the project writes itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import command, output, random_seed
from cli.terminal.stopping import INTERRUPTED, stoppable
from engine.core.config import Settings, plain

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
    page: bool = plain(True, "also picture the page of `collaparte stage` at work, where a browser is")


@command(DemoOptions, EXAMPLES)
def demo_command(options: DemoOptions) -> int:
    """Show it; the exit status."""
    from cli.demo.run import show

    with stoppable() as stop:
        report = show(options.output, seed=options.seed, stop=stop)
        if options.page and not report.stream.stopped:
            _picture_page(options.output)
        return INTERRUPTED if stop.is_set() else 0


def _picture_page(folder: Path) -> None:
    """Keep a picture of the page at work, or say in one line why there is none."""
    from cli.demo.material import SCORE
    from cli.demo.stage import picture_page
    from cli.terminal.report import note

    note("following it once more, on the page")
    picture = folder / "stage.png"
    missing = picture_page(folder / SCORE, folder / "performance.wav", picture)
    note(missing or f"look at {picture}; collaparte stage {folder / SCORE} --input mic   shows it to you")
