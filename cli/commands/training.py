"""`collaparte train|export|table|finetune TASK`, `average`, `plot`: the jobs that offline.training.tasks lists."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.command_list import Entry, LazyGroup
from cli.common import SettingsCommand
from cli.terminal.report import wrote
from offline.training.tasks import AVERAGE, BLEND, PLOT, REWRITE, TRAININGS

if TYPE_CHECKING:
    from offline.training.tasks import TrainingJob

__all__ = [
    "average_command",
    "blend_command",
    "export_command",
    "finetune_command",
    "plot_command",
    "rewrite_command",
    "table_command",
    "train_command",
]

EXAMPLES = {
    "train": """\
examples:
  collaparte train separation --help
  collaparte train separation --data songs/ -o run/ --minutes 600
""",
    "train separation": """\
examples:
  collaparte train separation --data songs/ -o run/ --minutes 600
  collaparte train separation --data songs/ -o run/ --minutes 600 --resume
  collaparte train separation --preset x-umx --musdb MUSDB18-HQ/ -o run/ --until 500000
""",
    "train similarity": """\
examples:
  collaparte data takes -o takes/ --n 200
  collaparte data takes -o validation/ --split validation --n 20
  collaparte train similarity --architecture cnn --data takes/ --validation validation/ -o run/ --until 2000
""",
    "train salience": """\
examples:
  collaparte data salience -o train/ --n 80
  collaparte data salience -o validation/ --split validation --n 16
  collaparte train salience --data train/ --validation validation/ -o run/ --until 3000
""",
    "train detection": """\
examples:
  collaparte data scenes sounds/ -o train/
  collaparte data scenes sounds/ -o validation/ --which validation
  collaparte train detection --sets train/ --validation validation/ -o run/ --causal --minutes 60
""",
    "train generation": """\
examples:
  collaparte data midi songs/ -o mine/
  collaparte train generation --system BachBot --data mine/corpus.npz -o run/ --size small --minutes 30
  collaparte generate --model run/BachBot.onnx -o piece.mid
""",
    "export": """\
examples:
  collaparte export separation --checkpoint run/checkpoint.pt -o live.onnx --licence MIT --data "my songs, MIT"
""",
    "export similarity": """\
examples:
  collaparte export similarity --checkpoint run/checkpoint.pt -o mine.onnx --licence MIT --data "my takes"
  collaparte align score.mid take.wav --follow match --features mine.onnx -o aligned.csv
""",
    "export salience": """\
examples:
  collaparte export salience --checkpoint run/checkpoint.pt -o mine.onnx --licence MIT --data "my takes" \\
    --validation validation/
""",
    "export detection": """\
examples:
  collaparte export detection --checkpoint run/checkpoint.pt -o mine.onnx --licence MIT --data "my sounds" \\
    --validation validation/ --test test/
  collaparte run --input mic --detect mine.onnx
""",
    "export generation": """\
examples:
  collaparte export generation --checkpoint run/checkpoint.pt --data mine/corpus.npz
""",
    "table": """\
examples:
  collaparte table separation --help
""",
    "table separation": """\
examples:
  collaparte table separation --preset x-umx --musdb MUSDB18-HQ/ -o table/ --until 500000 --csv table.csv
""",
    "table detection": """\
examples:
  collaparte table detection --preset published --sets train/ --validation valid/ --test test/ -o table/
""",
    "table generation": """\
examples:
  collaparte table generation --data symbolic/ -o run/
""",
    "train confidence": """\
examples:
  collaparte data hard --data symbolic/ --split tuning -o hard/
  collaparte train confidence --data hard/
""",
    "finetune detection-recurrent": """\
examples:
  collaparte finetune detection-recurrent --checkpoint run/checkpoint.pt --sets train/ -o further/
""",
    "finetune": """\
examples:
  collaparte finetune detection --data my_sounds/ -o mine.onnx --classes doorbell kettle --minutes 5
  collaparte run --input mic --detect mine.onnx
""",
    "finetune separation": """\
examples:
  collaparte finetune separation --init-weights three.onnx --data songs/ -o run/ --until 1000
""",
    "average": """\
examples:
  collaparte average one/checkpoint.pt two/checkpoint.pt -o mean/
""",
    "blend": """\
examples:
  collaparte blend one.onnx two.onnx -o both.onnx --licence MIT --split "caesium held out"
""",
    "rewrite": """\
examples:
  collaparte rewrite old.onnx -o new.onnx
  collaparte rewrite old.onnx -o new.onnx --bits 32 --music song.flac
""",
    "plot": """\
examples:
  collaparte plot run/
""",
}


def _job_command(name: str, job: TrainingJob, then: str, arguments: Mapping[str, str] | None = None) -> SettingsCommand:
    """A command of one job, by its name; then: what to do next, {output} what it wrote."""

    def act(config: Any) -> int:
        result = job.run(config)
        if isinstance(result, Mapping):
            print("   ".join(f"{name} {value:.4g}" for name, value in result.items()))
        elif isinstance(result, str):
            print(result)
        written = result if isinstance(result, Path) else getattr(config, "output", None)
        next_step = _generating(config) if name == "train generation" else then
        wrote([written], then=next_step.format(output=written) if written else "")
        return 0

    examples = EXAMPLES.get(name, EXAMPLES[name.split(maxsplit=1)[0]])
    command = SettingsCommand(job.config, act, examples, arguments=arguments)
    command.help = _sentence(job.text)
    return command


def _generating(config: Any) -> str:
    """Return the command that plays what was trained; where nothing plays yet, the one that shows how it learnt."""
    for suffix in (".onnx", ".npz"):
        if (file := config.output / f"{config.system}{suffix}").is_file():
            return f"collaparte generate --model {file} -o piece.mid"
    return NEXT["train"].replace("{task}", "generation")


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
            make = partial(_job_command, f"{verb} {name}", job, then)
            rows[name] = Entry(_sentence(job.text), make, "Tasks")
        if verb == "finetune" and (job := row.finetune_recurrent) is not None:
            make = partial(_job_command, f"{verb} {name}-recurrent", job, NEXT["train"].replace("{task}", name))
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
rewrite_command = _job_command(
    "rewrite", REWRITE, "collaparte separate song.wav --model {output}", {"network": "FILE.onnx"}
)
plot_command = _job_command("plot", PLOT, "", {"folder": "RUN"})
