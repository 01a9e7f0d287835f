"""How the weights that ship were made: one file for each, of commands and numbers alone; `collaparte recipe` runs them.

A file NAME.py declares RECIPES, one or more `Recipe`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from engine.core.config import nearest
from engine.core.errors import ConfigError
from offline.recipes.recipe import Recipe

__all__ = ["all_recipes", "find_recipe"]


def all_recipes() -> Iterator[Recipe]:
    """Every recipe, file by file."""
    for info in pkgutil.iter_modules(__path__):
        yield from importlib.import_module(f"{__name__}.{info.name}").RECIPES


def find_recipe(name: str) -> Recipe:
    """Return a recipe by its name; ConfigError where there is none."""
    known = {recipe.name: recipe for recipe in all_recipes()}
    if name not in known:
        remedy = nearest(name, list(known)) or "collaparte recipe lists them"
        raise ConfigError("recipe", expected=f"one of {', '.join(known)}", got=name, remedy=remedy)
    return known[name]
