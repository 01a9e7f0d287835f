"""Run a recipe: what is done is left, a stopped step goes on, and the cards tell how their weights were made."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import offline
from engine.core.config import nearest
from engine.core.errors import ConfigError, OutputError
from offline.recipes.recipe import Recipe, RecipeStep
from offline.recipes.record import RecipeRecord, StepRecord, commit_of, hash_of_place
from offline.training.common.card import write_card

__all__ = ["RecipeRun", "described", "run_recipe"]

CODE = Path(offline.__file__).parents[1]  # the folder that the project is imported from


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRun:
    """Where and how a recipe is run.

    folder: everything that it makes
    materials: file or folder of each that does not lie where its package puts it
    scale: share of the whole recipe; a trial of .001 shows that every command works
    begin: name of the step to begin with, done or not; the steps before must be done
    """

    recipe: Recipe
    folder: Path
    materials: Mapping[str, Path] = field(default_factory=dict)
    scale: float = 1.0
    begin: str | None = None

    def __post_init__(self) -> None:
        known = [each.name for each in self.recipe.materials]
        for name in self.materials:
            if name not in known:
                raise ConfigError(
                    "material", expected=f"one of {', '.join(known) or 'none'}", got=name, remedy=nearest(name, known)
                )
        names = [step.name for step in self.recipe.steps]
        if self.begin is not None and self.begin not in names:
            raise ConfigError("from", expected=f"one of {', '.join(names)}", got=self.begin)

    def places(self) -> dict[str, Path]:
        """Where each material lies, as far as that is known."""
        usual = {each.name: Path(each.usual) for each in self.recipe.materials if each.usual}
        return usual | {name: path.resolve() for name, path in self.materials.items()}

    def commands(self) -> Iterator[tuple[RecipeStep, list[str]]]:
        """Each step with its words; a material that nobody knows the place of stays {NAME}."""
        places = {each.name: Path(f"{{{each.name}}}") for each in self.recipe.materials} | self.places()
        return ((step, step.command(self.scale, places)) for step in self.recipe.steps)


def described(run: RecipeRun) -> str:
    """Return what the recipe needs and every command of it, as text."""
    needs = [f"# {each.name}: {each.text} ({each.licence})" for each in run.recipe.materials]
    steps = [f"# {step.name}\ncollaparte {shlex.join(words)}" for step, words in run.commands()]
    return "\n".join([f"# {run.recipe.text}", *needs, *steps])


def run_recipe(run: RecipeRun) -> list[Path]:
    """Do every step that is not done, and return the network files, with their cards completed.

    Raises ConfigError for a missing material, for a folder of another run, for a step whose words have changed;
    OutputError for a step that fails.
    """
    places = _require_materials(run)
    run.folder.mkdir(parents=True, exist_ok=True)
    record = RecipeRecord.read(run.folder, run.recipe.name, run.scale)
    record.materials = {name: hash_of_place(path) for name, path in places.items()}
    if run.begin is not None:
        _begin_again(run, record)
    for step, words in run.commands():
        if step.name in record.steps:
            _require_unchanged(run.folder, step, words, record.steps[step.name])
            print(f"{step.name}: done", file=sys.stderr)
        else:
            _do(run.folder, step, words, record)
    return [_complete_card(run, record, run.folder / name) for name in run.recipe.weights]


def _require_materials(run: RecipeRun) -> dict[str, Path]:
    places = run.places()
    for each in run.recipe.materials:
        path = places.get(each.name)
        if path is None or not path.exists():
            raise ConfigError(
                f"material {each.name}",
                expected=each.text,
                got="nothing" if path is None else f"{path}, which does not exist",
                remedy=f"--material {each.name}=PLACE",
            )
    return places


def _begin_again(run: RecipeRun, record: RecipeRecord) -> None:
    """Forget the first step to do and all that follow, and remove what they made."""
    names = [step.name for step in run.recipe.steps]
    first = names.index(str(run.begin))
    if missing := [name for name in names[:first] if name not in record.steps]:
        raise ConfigError("from", expected=f"{', '.join(missing)} done before", got=str(run.begin))
    record.forget_from(names[first:])
    record.write(run.folder)
    for step in run.recipe.steps[first:]:
        for made in step.makes:
            place = run.folder / made
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)


def _require_unchanged(folder: Path, step: RecipeStep, words: list[str], done: StepRecord) -> None:
    missing = [made for made in step.makes if not (folder / made).exists()]
    if words != done.words or missing:
        raise ConfigError(
            f"{folder}: {step.name}",
            expected=f"what it made ({', '.join(missing)})" if missing else "the step as it was done",
            got="nothing" if missing else f"other words: {shlex.join(words)}",
            remedy=f"--from {step.name} does it again, and all after it",
        )


def _do(folder: Path, step: RecipeStep, words: list[str], record: RecipeRecord) -> None:
    print(f"{step.name}: collaparte {shlex.join(words)}", file=sys.stderr)
    status, printed = _collaparte(words, folder, keep=step.measures)
    if status in (130, -signal.SIGINT):
        raise KeyboardInterrupt
    if status:
        raise OutputError(step.name, expected="exit status 0", got=str(status), remedy="its own line is above")
    made = {name: hash_of_place(folder / name) for name in step.makes}
    record.steps[step.name] = StepRecord(words, made, printed)
    record.write(folder)


def _collaparte(words: list[str], folder: Path, keep: bool) -> tuple[int, str]:
    """Run a command in the folder; return its exit status, and what it printed if that is to be kept."""
    path = os.pathsep.join(filter(None, (str(CODE), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE if keep else None,
        text=True,
    )
    try:
        printed, _ = process.communicate()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)  # where only this process was told
        process.wait()
        raise
    if keep:
        print(printed, end="")
    return process.returncode, printed or ""


def _complete_card(run: RecipeRun, record: RecipeRecord, weights: Path) -> Path:
    """Write onto the card of a network which recipe made it, of what, by which commands, and what was measured."""
    card = weights.with_suffix(".toml")
    fields = tomllib.loads(card.read_text(encoding="utf-8"))
    names = {each.name: Path(f"{{{each.name}}}") for each in run.recipe.materials}
    made = {
        "recipe": run.recipe.name if run.scale == 1 else f"{run.recipe.name} at scale {run.scale:g}",
        "commit": commit_of(CODE) or None,
        "split": run.recipe.split or fields.get("split"),
        "commands": [f"collaparte {shlex.join(step.command(run.scale, names))}" for step in run.recipe.steps],
        "materials": {
            each.name: {"text": each.text, "licence": each.licence, "sha256": record.materials[each.name]}
            for each in run.recipe.materials
        },
        "measured": {name: step.printed for name, step in record.steps.items() if step.printed},
    }
    write_card(weights, {**fields, **{key: value for key, value in made.items() if value}})
    return weights
