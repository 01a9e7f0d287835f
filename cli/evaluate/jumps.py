"""`collaparte evaluate jumps`: following after jumps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import argument, command, features_option
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import evaluated
from engine.core.config import Settings, choice

__all__ = ["EvaluateJumpsOptions", "evaluate_jumps_command"]

EXAMPLES = """\
examples:
  collaparte evaluate jumps pieces/
  collaparte evaluate jumps pieces/ --features bands
  collaparte evaluate jumps pieces/ --jumps bars
"""


ANYWHERE, BARS = "anywhere", "bars"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateJumpsOptions(Settings):
    """Options of `collaparte evaluate jumps`."""

    folder: Path = argument("FOLDER", "a folder of pieces: score, performance and truth.csv")
    features: str = features_option()
    jumps: str = choice(
        ANYWHERE, (ANYWHERE, BARS), "jump from any onset to any other, or from bar to bar as performers do"
    )


@command(EvaluateJumpsOptions, EXAMPLES)
def evaluate_jumps_command(options: EvaluateJumpsOptions) -> int:
    """Print how soon the position is right again after jumps."""
    from offline.evaluation.jumps.bar_jumps import evaluate_bar_jumps
    from offline.evaluation.jumps.repeats_and_cuts import evaluate_jumps
    from offline.following.presets import follow_by

    with announced_compiling():
        evaluate = evaluate_bar_jumps if options.jumps == BARS else evaluate_jumps
        counts = evaluate(options.folder, follow_by(options.features))
    return evaluated(counts)
