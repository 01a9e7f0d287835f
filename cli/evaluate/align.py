"""`collaparte evaluate align`: whole-file alignment, onset by onset."""

from __future__ import annotations

from cli.commands.align import align_config
from cli.common import command
from cli.evaluate.follow import EvaluateTracksOptions
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import evaluated

__all__ = ["evaluate_align_command"]

EXAMPLES = """\
examples:
  collaparte evaluate align demo/
  collaparte evaluate align pieces/ --features cqt --csv table.csv --plots pictures/
"""


@command(EvaluateTracksOptions, EXAMPLES)
def evaluate_align_command(options: EvaluateTracksOptions) -> int:
    """Print the table."""
    from offline.evaluation.alignment import evaluate_alignment

    with announced_compiling():
        counts = evaluate_alignment(
            options.folder,
            align_config(options.features, options.follow),
            reading=options.reading,
            csv=options.csv,
            plots=options.plots,
        )
    then = "" if options.plots else "add --plots DIR to see where it errs"
    return evaluated(counts, [options.csv, options.plots], then=then)
