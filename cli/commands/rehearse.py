"""`collaparte rehearse`: earlier takes to the tempo that an accompaniment expects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import FOLLOW, argument, command, features_option, option, output
from cli.rehearsals import TakesOf, curve_of_takes
from cli.terminal.report import wrote
from engine.core.config import Settings, plain

__all__ = ["RehearseOptions", "rehearse_command"]

EXAMPLES = """\
examples:
  collaparte rehearse sonata.musicxml monday.flac tuesday.flac --solo Violin -o curve.csv
  collaparte rehearse sonata.musicxml curve.csv friday.flac --solo Violin -o curve.csv      one take more
  collaparte accompany sonata.musicxml --solo Violin --input mic --output device --rehearsals curve.csv
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearseOptions(Settings):
    """Options of `collaparte rehearse`."""

    score: Path = argument("SCORE", "MusicXML, MXL or MIDI, with parts for soloist and accompaniment")
    takes: tuple[Path, ...] = argument("TAKE|CURVE.csv...", "recordings of the soloist, or curves written before")
    output: Path = output("CSV", "the tempo curve: quarter,expected_s, and the second of each beat in each take")
    solo: tuple[str, ...] = option(
        plain((), "the part that is followed; may be repeated (default a part Solo, else the first)"),
        metavar="PART",
        group=FOLLOW,
    )
    repeats_after_jump: bool = option(
        plain(False, "take repeats again after a D.C. or D.S., which by custom is not done"), group=FOLLOW
    )
    features: str = features_option()


@command(RehearseOptions, EXAMPLES)
def rehearse_command(options: RehearseOptions) -> int:
    """Align the takes, and write the tempo curve."""
    from engine.accompaniment.parts import read_accompaniment
    from offline.accompaniment.tempo_curves import write_tempo_curve

    both = read_accompaniment(options.score, options.solo, repeats_after_jump=options.repeats_after_jump)
    of = TakesOf(
        score=options.score,
        takes=options.takes,
        features=options.features,
        repeats_after_jump=options.repeats_after_jump,
    )
    write_tempo_curve(options.output, both.solo, curve_of_takes(both, of))
    wrote([options.output], then=f"collaparte accompany {options.score} ... --rehearsals {options.output}")
    return 0
