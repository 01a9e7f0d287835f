"""Every command of every recipe runs, with a thousandth of its songs, takes and steps."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from offline.recipes.recipe import Recipe
from offline.recipes.runner import RecipeRun, run_recipe
from recipes import all_recipes
from tests.places import SHARED

TRIAL = 0.001
PLACES = {"stems": SHARED / "stems", "sounds": SHARED / "sound_events"}  # of what no package brings


def materials(recipe: Recipe) -> dict[str, Path]:
    """Where the materials of a recipe lie; skips where one is absent."""
    places = {each.name: Path(each.usual) if each.usual else PLACES[each.name] for each in recipe.materials}
    for name, place in places.items():
        if not place.exists():
            pytest.skip(f"no {name}: {place}")
    return places


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("recipe", list(all_recipes()), ids=lambda recipe: recipe.name)
def test_a_recipe_runs_from_its_data_to_its_card(recipe: Recipe, tmp_path: Path) -> None:
    run = RecipeRun(recipe=recipe, folder=tmp_path, materials=materials(recipe), scale=TRIAL)
    made = run_recipe(run)
    assert [path.relative_to(tmp_path).as_posix() for path in made] == list(recipe.weights)
    for path in made:
        card = tomllib.loads(path.with_suffix(".toml").read_text())
        assert card["recipe"] == f"{recipe.name} at scale {TRIAL:g}" and len(card["commands"]) == len(recipe.steps)
        assert set(card.get("materials", {})) == {each.name for each in recipe.materials}
