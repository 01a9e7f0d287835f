"""`collaparte data hard`: what people bring to a score follower, rendered with its truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import command, data_folder, option, random_seed
from cli.data.corpora import FolderOptions
from cli.data.making import made_here
from cli.terminal.report import wrote
from cli.terminal.stopping import USER_ERROR
from engine.core.config import choice, plain, ranged

__all__ = ["HardOptions", "data_hard_command", "half_of_takes", "halves"]

EXAMPLES = """\
examples:
  collaparte data music21 -o symbolic/
  collaparte data hard --data symbolic/ -o hard/
  collaparte data hard --data symbolic/ -o hard/ --situations one_hand long_rest --n 1
"""


HALVES, BOTH = ("tuning", "judging"), "both"


def half_of_takes(text: str) -> str:
    """Declare an option that names one half of the takes, or both."""
    return choice(BOTH, (*HALVES, BOTH), text)


def halves(split: str) -> tuple[str, ...]:
    """Return the halves that the option names."""
    return HALVES if split == BOTH else (split,)


@dataclass(frozen=True, slots=True, kw_only=True)
class HardOptions(FolderOptions):
    """Options of `collaparte data hard`."""

    data: Path = data_folder("chorales and tunes as written by `data music21`", Path("symbolic"))
    soundfont: tuple[Path, ...] = option(
        plain((), "soundfont to draw from; may be repeated (default all installed)"), metavar="FILE.sf2"
    )
    situations: tuple[str, ...] = option(plain((), "situations to make (default all)"), metavar="NAME...")
    split: str = half_of_takes("which half of the takes to make")
    n: int = ranged(3, 1, 1000, "takes of each situation and half")
    seed: int = random_seed()


@command(HardOptions, EXAMPLES)
def data_hard_command(options: HardOptions) -> int:
    """Write takes in folders, half to tune on and half to judge by, and their manifest."""
    from engine.core.config import require_one_of
    from engine.core.table_log import TableLog
    from offline.batch.jobs.corpora import HARD_TABLE, HardTakesJob
    from offline.batch.task import BatchItem
    from offline.datasets.hard_set import HARD_COLUMNS, MANIFEST, HardJob, hard_names
    from offline.datasets.hard_situations import SITUATIONS
    from offline.synthesis.fluidsynth import installed_soundfonts

    for name in options.situations:
        require_one_of("--situations", name, SITUATIONS)
    job = HardJob(
        music=options.data,
        soundfonts=options.soundfont or installed_soundfonts(),
        halves=halves(options.split),
        situations=options.situations or tuple(SITUATIONS),
        n_takes=options.n,
        seed=options.seed,
    )
    items, n_failed = [BatchItem(name) for name in hard_names(job)], 0
    options.output.mkdir(parents=True, exist_ok=True)
    with TableLog(options.output / MANIFEST, HARD_COLUMNS) as log:  # what is made stays usable if it is stopped
        for report in made_here(HardTakesJob(hard=job), items, options.output, "take"):
            n_failed += not report.done
            for row in report.tables.get(HARD_TABLE, []):
                log.write([(report.name, *row)])
    wrote([options.output], then=f"collaparte evaluate hard {options.output}")
    return USER_ERROR if n_failed else 0
