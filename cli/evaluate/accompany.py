"""`collaparte evaluate accompany`: the accompaniment of recorded soloists, against a human's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import FOLLOW, OUTPUT, argument, command, csv_file, features_option, option
from cli.terminal.kernels import announced_compiling
from cli.terminal.places import WRITES_FOLDER
from cli.terminal.report import evaluated
from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.stage_config import StageConfig
from engine.core.config import Settings, plain
from offline.accompaniment.leak_config import LeakConfig

__all__ = ["EvaluateAccompanyOptions", "evaluate_accompany_command"]

EXAMPLES = """\
A duo is a folder with score.musicxml (parts for soloist and accompaniment), solo.wav (or .flac, .ogg: the soloist
alone) and truth.csv (quarter,audio_s,part: when a human played each onset of both).

examples:
  collaparte evaluate accompany duos/ --csv table.csv
  collaparte evaluate accompany duos/haydn --plots pictures/
  collaparte evaluate accompany duos/ --latency-s 0.05 --leak -10     its own sound comes back, and is taken out
  collaparte evaluate accompany duos/ --rehearsals takes/    takes/haydn/*.flac are rehearsals of the duo duos/haydn
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateAccompanyOptions(Settings):
    """Options of `collaparte evaluate accompany`."""

    folder: Path = argument("FOLDER", "a folder of duos, or a duo")
    features: str = features_option()
    schedule: SchedulerConfig = plain(SchedulerConfig, "when the accompaniment plays")
    stage: StageConfig = plain(StageConfig, "on the stage")
    leak: LeakConfig = plain(LeakConfig, "own sound")
    rehearsals: Path | None = option(
        plain(None, "a folder with a folder of earlier takes for each duo: expect their tempo, and compare"),
        metavar="DIR",
        group=FOLLOW,
    )
    csv: Path | None = csv_file()
    plots: Path | None = option(
        plain(None, "draw tempo and asynchrony of each duo in this folder"),
        metavar="DIR",
        group=OUTPUT,
        writes=WRITES_FOLDER,
    )


@command(EvaluateAccompanyOptions, EXAMPLES)
def evaluate_accompany_command(options: EvaluateAccompanyOptions) -> int:
    """Print the table."""
    from cli.commands.align import align_config
    from offline.evaluation.duos import DuoSettings, evaluate_duos
    from offline.following.presets import follow_soloist

    with announced_compiling():
        settings = DuoSettings(
            follow=follow_soloist(options.features),
            schedule=options.schedule,
            stage=options.stage,
            leak=options.leak,
            rehearsals=options.rehearsals,
            align=align_config(options.features),
        )
        counts = evaluate_duos(options.folder, settings, csv=options.csv, plots=options.plots)
    then = "" if options.plots else "add --plots DIR to see where it errs"
    return evaluated(counts, [options.csv, options.plots], then=then)
