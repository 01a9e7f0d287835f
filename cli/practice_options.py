"""Options of `collaparte accompany` for practising: who plays, which bars, how fast, and what is said of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import option
from cli.terminal.places import WRITES_FILE
from cli.terminal.report import note, wrote
from engine.core.config import Settings, plain, ranged
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.accompaniment.parts import Players
    from engine.score.loops import BarRange
    from offline.accompaniment.bar_report import BarRow

__all__ = ["PracticeOptions", "loop_of", "players_of_options", "plays_alone", "report_bars"]

PRACTICE = "Practise"
LOUDEST_DB = 4.0  # what MIDI's volume has above its usual 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeOptions(Settings):
    """How one practises with an accompaniment."""

    play: tuple[str, ...] = option(
        plain((), "this part plays; may be repeated; all: every one (default those that are not followed)"),
        metavar="PART",
        group=PRACTICE,
    )
    mute: tuple[str, ...] = option(plain((), "this part is silent; may be repeated"), metavar="PART", group=PRACTICE)
    part_gain: tuple[str, ...] = option(
        plain((), f"gain of a part against the others, up to {LOUDEST_DB:g} dB; may be repeated"),
        metavar="PART=DB",
        group=PRACTICE,
    )
    loop: str | None = option(
        plain(None, "these bars again and again, by their printed numbers"), metavar="BAR-BAR", group=PRACTICE
    )
    tempo_ratio: float = option(
        ranged(1.0, 0.1, 10, "tempo relative to the score's, or to --tempo, wherever the soloist does not set it"),
        metavar="X",
        group=PRACTICE,
    )
    metronome: bool = option(plain(False, "count the beats too, as the target metronome"), group=PRACTICE)
    count_in: int = option(
        ranged(0, 0, 100, "bars to count before the first note, at --tempo or the score's, as the target metronome"),
        metavar="BARS",
        group=PRACTICE,
    )
    metronome_gain: float = option(
        ranged(-6.0, -200, 40, "gain of the metronome", unit="dB"), metavar="DB", group=PRACTICE
    )
    report: Path | None = option(
        plain(
            None, "at the end write which bars slowed down, were repeated or skipped: a table, and a picture beside it"
        ),
        metavar="CSV",
        group=PRACTICE,
        writes=WRITES_FILE,
    )


def plays_alone(solo: tuple[str, ...]) -> bool:
    """Whether nothing is followed."""
    return [name.casefold() for name in solo] == ["none"]


def players_of_options(options: PracticeOptions) -> Players:
    """Who plays, and how loud."""
    from engine.accompaniment.parts import Players

    return Players(play=options.play, mute=options.mute, gains_db=tuple(map(_part_gain, options.part_gain)))


def _part_gain(text: str) -> tuple[str, float]:
    """`PART=DB` as name and gain; ConfigError for anything else."""
    name, _, level = text.rpartition("=")
    try:
        level_db = float(level)
    except ValueError:
        level_db = math.nan
    if not (name and level_db <= LOUDEST_DB):
        expected = f"PART=DB, DB from -inf to {LOUDEST_DB:g}"
        raise ConfigError("--part-gain", expected=expected, got=text, remedy="for example Piano=-6")
    return name, level_db


def loop_of(options: PracticeOptions) -> BarRange | None:
    """The bars that are looped, None for the whole score."""
    from engine.score.loops import parse_bars

    return None if options.loop is None else parse_bars(options.loop)


def report_bars(options: PracticeOptions, rows: Sequence[BarRow]) -> None:
    """Write the report and its picture where they are asked for, and say on one line what is in it."""
    if options.report is None:
        return
    from offline.accompaniment.bar_report import write_bar_report
    from offline.accompaniment.bar_report_plot import draw_bar_report

    picture = options.report.with_suffix(".png")
    write_bar_report(options.report, rows)
    draw_bar_report(picture, rows)
    counts = [(sum(what in row.remark for row in rows), what) for what in ("slower", "repeated", "skipped")]
    note(f"{sum(row.time > 0 for row in rows)} bars played: " + ", ".join(f"{n} {what}" for n, what in counts))
    wrote([options.report, picture])
