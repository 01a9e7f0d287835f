"""`collaparte evaluate inventions`: what a live detector reports where it should report nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import argument, command, csv_file, option
from cli.detector_options import detector_model, threshold_option
from cli.evaluate.tables import write_rows
from cli.terminal.report import batch_summary
from cli.terminal.stopping import USER_ERROR
from engine.core.config import Settings, plain

__all__ = ["EvaluateInventionsOptions", "evaluate_inventions_command"]

EXAMPLES = """\
A folder holds recordings, or a folder of them for each kind. What sounds in a recording is read from manifest.csv
(file, label), where there is one; labels that begin with _ are no event. Every other report is an invention.

examples:
  collaparte data surroundings -o negatives/ --which test
  collaparte evaluate inventions negatives/ concerts/ --csv inventions.csv
  collaparte evaluate inventions interviews/ --sounding speech
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateInventionsOptions(Settings):
    """Options of `collaparte evaluate inventions`."""

    folders: tuple[Path, ...] = argument("FOLDER...", "recordings in which nothing is to be reported")
    model: str | None = detector_model("crnn (default), crnn-files")
    threshold: float | None = threshold_option()
    sounding: tuple[str, ...] = option(
        plain((), "labels that may sound in all of the recordings"), metavar="LABEL...", several=True
    )
    csv: Path | None = csv_file()


@command(EvaluateInventionsOptions, EXAMPLES)
def evaluate_inventions_command(options: EvaluateInventionsOptions) -> int:
    """Count what is invented in an hour of each kind of recording."""
    from tqdm import tqdm

    from offline.detection.presets import detect_config
    from offline.evaluation.detection.live_sound_events import (
        KindOfSound,
        LiveListener,
        count_inventions,
        format_inventions,
    )

    listener = LiveListener(detect_config(options.model, threshold=options.threshold))
    kinds: dict[str, KindOfSound] = {}
    failed = 0
    with tqdm(unit="file") as bar:
        for folder in options.folders:
            for kind, counted in count_inventions(folder, listener, bar.write, options.sounding):
                bar.update()
                failed += counted is None
                kinds[kind] = kinds.get(kind, KindOfSound()) + (counted or KindOfSound())
    write_rows(format_inventions(kinds), options.csv)
    batch_summary(done=sum(of.files for of in kinds.values()), failed=failed)
    return USER_ERROR if failed else 0
