"""`collaparte evaluate generators`: likelihood with its floors, and samples beside the corpus."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

from cli.common import INPUT, argument, command, data_folder, option
from cli.terminal.report import note
from engine.core.config import Settings, choice, plain
from engine.core.errors import ConfigError

__all__ = ["CHORALES_FILE", "EvaluateGeneratorsOptions", "evaluate_generators_command", "require_chorales"]

EXAMPLES = """\
examples:
  collaparte evaluate generators --data symbolic/
  collaparte evaluate generators Frames BachBot mine.onnx --data symbolic/ --split valid

DIR holds Jsb16thSeparated.json, chorales by Bach at sixteenths (github.com/czhuang/JSB-Chorales-dataset), and, where
rolls are to be measured, JSB_Chorales.mat and the other sets of Boulanger-Lewandowski. docs/data.md explains both.
"""
CHORALES_FILE = "Jsb16thSeparated.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateGeneratorsOptions(Settings):
    """Options of `collaparte evaluate generators`."""

    models: tuple[str, ...] = argument(
        "[MODEL...]", "systems, or files NAME.onnx of frame networks (default those installed)", ()
    )
    data: Path = data_folder(f"folder with {CHORALES_FILE} and the .mat sets", MISSING)
    split: str = option(choice("test", ("valid", "test"), "part of the chorales"), group=INPUT)
    temperature: float = option(plain(0.7, "temperature of the choice of pitch"), metavar="X")
    runs: tuple[Path, ...] = option(
        plain((), "folders of RNN-RBMs trained on other sets"), metavar="RUN...", several=True, group=INPUT
    )
    free: bool = plain(False, "sample without the rule against parallels")


@command(EvaluateGeneratorsOptions, EXAMPLES)
def evaluate_generators_command(options: EvaluateGeneratorsOptions) -> int:
    """Print the tables."""
    require_chorales(options.data)
    from offline.training.generation.config import GeneratorEvaluation
    from offline.training.generation.evaluate import evaluate_generators

    config = GeneratorEvaluation(
        models=options.models,
        data=options.data,
        split=options.split,
        temperature=options.temperature,
        rules=not options.free,
        runs=options.runs,
    )
    note("sampling and measuring: some minutes")
    print(evaluate_generators(config))
    return 0


def require_chorales(folder: Path) -> None:
    """ConfigError that says what belongs in the folder, and where it comes from, if the chorales are not there."""
    if not (folder / CHORALES_FILE).is_file():
        got = "no such folder" if not folder.is_dir() else f"a folder without {CHORALES_FILE}"
        remedy = "get it from github.com/czhuang/JSB-Chorales-dataset; docs/data.md explains the folder"
        raise ConfigError(f"--data {folder}", expected=f"a folder with {CHORALES_FILE}", got=got, remedy=remedy)
