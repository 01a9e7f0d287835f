"""`collaparte train|export|table|finetune TASK`, `average`, `plot`: the jobs that offline.training.tasks lists."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.command_list import Entry, LazyGroup
from cli.common import SettingsCommand
from cli.terminal.report import wrote
from offline.training.tasks import AVERAGE, BLEND, PLOT, TRAININGS

if TYPE_CHECKING:
    from offline.training.tasks import TrainingJob

__all__ = [
    "average_command",
    "blend_command",
    "export_command",
    "finetune_command",
    "plot_command",
    "table_command",
    "train_command",
]

EXAMPLES = {
    "train": """\
examples:
  collaparte train separation --help
  collaparte train separation --data songs/ -o run/ --minutes 600
  collaparte train separation --data songs/ -o run/ --minutes 600 --resume
""",
    "export": """\
examples:
  collaparte export separation --checkpoint run/checkpoint.pt -o live.onnx --licence MIT --data "my songs, MIT"
""",
    "table": """\
examples:
  collaparte table separation --help
""",
    "finetune": """\
examples:
  collaparte finetune detection --data my_sounds/ -o mine.onnx --classes doorbell kettle --minutes 5
  collaparte run --input mic --detect mine.onnx
""",
    "average": """\
examples:
  collaparte average one/checkpoint.pt two/checkpoint.pt -o mean/
""",
    "blend": """\
examples:
  collaparte blend one.onnx two.onnx -o both.onnx --licence MIT --split "caesium held out"
""",
    "plot": """\
examples:
  collaparte plot run/
""",
}


def _job_command(verb: str, job: TrainingJob, then: str, arguments: Mapping[str, str] | None = None) -> SettingsCommand:
    """A command of one job; then: what to do next, {output} what it wrote."""

    def act(config: Any) -> int:
        result = job.run(config)
        if isinstance(result, Mapping):
            print("   ".join(f"{name} {value:.4g}" for name, value in result.items()))
        elif isinstance(result, str):
            print(result)
        written = result if isinstance(result, Path) else getattr(config, "output", None)
        wrote([written], then=then.format(output=written) if written else "")
        return 0

    command = SettingsCommand(job.config, act, EXAMPLES[verb], arguments=arguments)
    command.help = _sentence(job.text)
    return command


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


NEXT = {
    "train": "collaparte plot {output}; collaparte export {task} --help",
    "export": "",
    "table": "",
    "finetune": "collaparte run --input mic --detect {output}",
}
EXPORTED = {  # what a network of each task is for
    "separation": "collaparte separate song.wav --model {output} -o stems/",
    "similarity": "collaparte align score.mid take.wav --follow match --features {output} -o aligned.csv",
    "detection": "collaparte run --input mic --detect {output}",
    "generation": "collaparte generate --model {output} -o piece.mid",
}


def _group(verb: str) -> LazyGroup:
    """One command for every task that has this job."""
    rows: dict[str, Entry] = {}
    for name, row in TRAININGS.items():
        if (job := getattr(row, verb)) is not None:
            then = EXPORTED.get(name, "") if verb == "export" else NEXT[verb].replace("{task}", name)
            make = partial(_job_command, verb, job, then)
            rows[name] = Entry(_sentence(job.text), make, "Tasks")
        if verb == "finetune" and (job := row.finetune_recurrent) is not None:
            make = partial(_job_command, verb, job, NEXT["train"].replace("{task}", name))
            rows[f"{name}-recurrent"] = Entry(_sentence(job.text), make, "Tasks")
    return LazyGroup(rows, name=verb, epilog=EXAMPLES[verb])


train_command = _group("train")
export_command = _group("export")
table_command = _group("table")
finetune_command = _group("finetune")
average_command = _job_command(
    "average", AVERAGE, "collaparte export TASK --checkpoint {output}", {"checkpoints": "CHECKPOINT..."}
)
blend_command = _job_command("blend", BLEND, "collaparte separate song.wav --model {output}", {"files": "FILE.onnx..."})
plot_command = _job_command("plot", PLOT, "", {"folder": "RUN"})
