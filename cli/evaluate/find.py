"""`collaparte evaluate find`: which piece of a folder is played and where, from random starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import INPUT, argument, command, csv_file, option, random_seed
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import wrote
from engine.core.config import Settings, plain, ranged

if TYPE_CHECKING:
    from engine.stage.finding.piece_index import PieceIndex
    from offline.evaluation.finding import FindTake, FoundRow

__all__ = ["EvaluateFindOptions", "evaluate_find_command"]

EXAMPLES = """\
examples:
  collaparte evaluate find scores/ --starts 60
  collaparte evaluate find scores/ --recordings pieces/ --csv table.csv
  collaparte evaluate find scores/ --left-out                whatever is sure of a piece that is not there is wrong

A start is right if, within the time from its first note, a piece is sure, and it and the bar are right. Music that is
note by note what was played is right wherever it stands.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateFindOptions(Settings):
    """Options of `collaparte evaluate find`."""

    folder: Path = argument("FOLDER", "a folder of scores")
    starts: int = ranged(40, 0, 100_000, "starts that are rendered, from random onsets of random scores")
    recordings: Path | None = option(
        plain(
            None, "also cut starts out of the recordings of these pieces: folders of score, performance and truth.csv"
        ),
        metavar="DIR",
        group=INPUT,
    )
    each: int = ranged(3, 1, 1000, "starts cut out of each recording")
    left_out: bool = plain(False, "play each start a second time with its piece left out of the folder")
    seed: int = random_seed()
    csv: Path | None = csv_file()


@command(EvaluateFindOptions, EXAMPLES)
def evaluate_find_command(options: EvaluateFindOptions) -> int:
    """Print the table."""
    from engine.core.table_log import TableLog
    from offline.evaluation.finding import FIND_COLUMNS, find_table, judge_starts, summary_of
    from offline.following.presets import shipped_features

    index, salience = _index(options), shipped_features("salience")
    with announced_compiling():
        rows = list(_shown(judge_starts(index, _starts(options, index), salience)))
        again = _starts(options, index) if options.left_out else ()
        left_out = list(judge_starts(index, again, salience, left_out=True))
    for words, judged in (("", rows), (", left out", left_out)):
        for kind in ("rendered", "recorded"):
            if chosen := [row for row in judged if row.take.kind == kind]:
                print(f"{kind}{words}: " + "\n  ".join(summary_of(chosen)))
    if options.csv is not None:
        with TableLog(options.csv, FIND_COLUMNS) as table:
            table.write(find_table(rows))
    wrote([options.csv])
    return 0


def _index(options: EvaluateFindOptions) -> PieceIndex:
    """The scores of the folder, and those of the recordings."""
    from cli.commands.find import read_index
    from offline.evaluation.finding import with_recordings

    index = read_index(options.folder)
    return index if options.recordings is None else with_recordings(index, options.recordings)


def _starts(options: EvaluateFindOptions, index: PieceIndex) -> Iterator[FindTake]:
    from offline.evaluation.finding import real_starts, rendered_starts
    from offline.synthesis.fluidsynth import installed_soundfonts

    if options.starts:
        fonts = installed_soundfonts()
        yield from rendered_starts(index.pieces, options.starts, seed=options.seed, soundfonts=fonts)
    if options.recordings is not None:
        yield from real_starts(index, options.recordings, options.each, seed=options.seed)


def _shown(rows: Iterable[FoundRow]) -> Iterator[FoundRow]:
    """Print each row as it comes."""
    for row in rows:
        sure = row.sure
        word = "not sure" if sure is None else "right" if sure.bar else "wrong bar" if sure.piece else "wrong piece"
        when = "" if sure is None else f"{sure.after_s:.1f} s"
        print(f"{word:11s} {when:6s}  {row.take.piece.name}, {row.take.sound}", flush=True)
        yield row
