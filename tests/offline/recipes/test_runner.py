"""A recipe runs its commands once, goes on where it was stopped, and tells the card how the weights were made."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from engine.core.errors import ConfigError, OutputError
from offline.generation.systems import NOT_SHIPPED
from offline.recipes.recipe import Material, Recipe, RecipeStep, scaled
from offline.recipes.record import RecipeRecord, hash_of_place
from offline.recipes.runner import RecipeRun, described, run_recipe
from recipes import all_recipes
from tests.places import ROOT

WEIGHTS = "models/weights/salience"
SEEDS = Material(name="weights", text="a network", licence="MIT")
RECIPE = Recipe(
    name="trial",
    text="A network that is copied",
    weights=("made.onnx",),
    materials=(SEEDS,),
    split="by nobody",
    steps=(
        RecipeStep(name="list", words=("recipe",), measures=True),
        RecipeStep(
            name="blend", words=("blend", "{weights}", "-o", "made.onnx", "--licence", "MIT"), makes=("made.onnx",)
        ),
    ),
)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that were run; each writes what it is to make."""
    ran: list[list[str]] = []

    def run(words: list[str], folder: Path, keep: bool) -> tuple[int, str]:
        ran.append(words)
        if words[0] == "fail":
            return 1, ""
        if "-o" in words:
            path = folder / words[words.index("-o") + 1]
            path.write_bytes(b"weights")
            path.with_suffix(".toml").write_text('licence = "MIT"\n')
        return 0, "figures" if keep else ""

    monkeypatch.setattr("offline.recipes.runner._collaparte", run)
    return ran


def run_of(folder: Path, recipe: Recipe = RECIPE, **more: object) -> RecipeRun:
    given = folder / "given"
    given.mkdir(exist_ok=True)
    return RecipeRun(recipe=recipe, folder=folder / "run", materials={"weights": given}, **more)  # type: ignore[arg-type]


def test_what_is_done_is_not_done_again(tmp_path: Path, commands: list[list[str]]) -> None:
    run_recipe(run_of(tmp_path))
    run_recipe(run_of(tmp_path))
    assert [words[0] for words in commands] == ["recipe", "blend"]


def test_the_card_tells_how_it_was_made(tmp_path: Path, commands: list[list[str]]) -> None:
    (made,) = run_recipe(run_of(tmp_path))
    card = tomllib.loads(made.with_suffix(".toml").read_text())
    assert (card["recipe"], card["split"], card["licence"]) == ("trial", "by nobody", "MIT")
    assert card["commands"][1] == "collaparte blend '{weights}' -o made.onnx --licence MIT"
    assert card["materials"]["weights"]["sha256"] == hash_of_place(tmp_path / "given")
    assert card["measured"] == {"list": "figures"}
    assert card["sha256"] == hash_of_place(made)


def test_it_begins_where_it_is_told(tmp_path: Path, commands: list[list[str]]) -> None:
    run_recipe(run_of(tmp_path))
    run_recipe(run_of(tmp_path, begin="blend"))
    assert [words[0] for words in commands] == ["recipe", "blend", "blend"]


def test_a_step_that_fails_is_not_done(tmp_path: Path, commands: list[list[str]]) -> None:
    failing = replace(RECIPE, steps=(*RECIPE.steps, RecipeStep(name="last", words=("fail",))))
    with pytest.raises(OutputError, match="last: expected exit status 0, got 1"):
        run_recipe(run_of(tmp_path, failing))
    assert list(RecipeRecord.read(tmp_path / "run", "trial", 1.0).steps) == ["list", "blend"]


def test_a_step_that_makes_nothing_is_told(tmp_path: Path, commands: list[list[str]]) -> None:
    empty = replace(RECIPE, steps=(RecipeStep(name="empty", words=("recipe",), makes=("absent",)),))
    with pytest.raises(OutputError, match="absent: expected a file or folder"):
        run_recipe(run_of(tmp_path, empty))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scale": 0.5}, "expected a run of trial at scale 0.5, got one of trial at scale 1"),
        ({"begin": "never"}, "from: expected one of list, blend, got never"),
        ({"materials": {}}, "material weights: expected a network, got nothing; --material weights=PLACE"),
        ({"materials": {"weighs": Path()}}, "material: expected one of weights, got weighs"),
        ({"recipe": replace(RECIPE, steps=(RecipeStep(name="list", words=("demo",)),))}, "--from list does it again"),
    ],
)
def test_what_does_not_fit_is_told(
    tmp_path: Path, commands: list[list[str]], change: dict[str, object], says: str
) -> None:
    run_recipe(run_of(tmp_path))
    with pytest.raises(ConfigError, match=says):
        run_recipe(replace(run_of(tmp_path), **change))  # type: ignore[arg-type]


def test_a_trial_is_smaller_but_not_empty() -> None:
    step = RecipeStep(name="train", words=("train", "--n", scaled(80, 2), "--until", scaled(3000)))
    assert step.command(0.001, {}) == ["train", "--n", "2", "--until", "3"]


def test_a_command_that_is_run_is_collaparte(tmp_path: Path) -> None:
    listing = replace(RECIPE, weights=(), materials=(), steps=RECIPE.steps[:1])
    run_recipe(RecipeRun(recipe=listing, folder=tmp_path))
    printed = RecipeRecord.read(tmp_path, "trial", 1.0).steps["list"].printed
    assert [line.split()[0] for line in printed.splitlines()] == [recipe.name for recipe in all_recipes()]


@pytest.mark.parametrize("recipe", list(all_recipes()), ids=lambda recipe: recipe.name)
def test_every_recipe_is_whole(recipe: Recipe, tmp_path: Path) -> None:
    """Its materials are named, its weights are made and shipped, and its trainings count steps and can go on."""
    made = {place for step in recipe.steps for place in step.makes}
    assert set(recipe.weights) <= made
    places = [ROOT / "models/weights" / recipe.shipped / Path(name).name for name in recipe.weights]
    assert all(place.is_file() or place.stem in NOT_SHIPPED for place in places)
    text = described(RecipeRun(recipe=recipe, folder=tmp_path))
    for line in text.splitlines():
        if line.startswith("collaparte train "):
            assert "--until" in line and "--resume" in line and "--seed" in line and "--minutes" not in line
