"""`collaparte batch`: the list of jobs over many files."""

from __future__ import annotations

from cli.command_list import Entry, LazyGroup

__all__ = ["JOBS", "batch_command"]

EXAMPLES = """\
examples:
  collaparte batch separate songs/ -o stems/ --model unmix        all cores; the same command again does what is left
  collaparte batch tag archive/ -o events.parquet                 rows in the order of the inputs
  collaparte batch tag archive/ -o events.tsv --cluster tcp://127.0.0.1:8786
  collaparte batch align pieces.csv -o aligned/                   rows: score, audio
  collaparte batch features songs/ -o features/ --features cqt chroma salience learned
  collaparte batch status stems/
  collaparte batch retry stems/                                   try again what failed
"""
MODULES = {"follow": "align", "songs": "generate", "retry": "status"}  # where they are not called like their command
JOB, CARE = "Jobs", "Look after a batch"


def _row(name: str, text: str, panel: str = JOB) -> Entry:
    return Entry(text, f"cli.batch.{MODULES.get(name, name)}:batch_{name}_command", panel)


JOBS = {
    "separate": _row("separate", "Separate recordings into stems."),
    "tag": _row("tag", "Detect sounds in recordings, into one table."),
    "align": _row("align", "Write the time in each recording of each onset of its score."),
    "follow": _row("follow", "Follow scores through recordings, as live, and write the events."),
    "features": _row("features", "Write features of recordings as arrays."),
    "generate": _row("generate", "Let a system write many pieces."),
    "songs": _row("songs", "Render songs in stems to train separation on."),
    "evaluate": _row("evaluate", "Measure following or alignment, into one table."),
    "status": _row("status", "Say how far a batch is, and what failed.", CARE),
    "retry": _row("retry", "Try again what failed.", CARE),
}

batch_command = LazyGroup(JOBS, name="batch", epilog=EXAMPLES)
