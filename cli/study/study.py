"""`collaparte study`: the list of its steps."""

from __future__ import annotations

from cli.command_list import Entry, LazyGroup

__all__ = ["STUDY_STEPS", "study_command"]

EXAMPLES = """\
examples:
  collaparte study make study/ --models Markov RNN-RBM Frames --human symbolic/ --grid quarter
  collaparte study analyse study/
"""

STUDY_STEPS = {
    "make": Entry("Write pieces, and a page on which listeners rate them blind.", "cli.study.make:study_make_command"),
    "analyse": Entry(
        "Print what listeners think, with confidence intervals.", "cli.study.analyse:study_analyse_command"
    ),
}

study_command = LazyGroup(STUDY_STEPS, name="study", epilog=EXAMPLES)
