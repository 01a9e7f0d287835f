"""What a recipe is: the commands, one after another, that make a network that ships, from material that is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Amount", "Material", "Recipe", "RecipeStep", "scaled"]


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of steps, songs or hours that a short trial of the recipe makes smaller, but not below `least`."""

    full: int
    least: int = 1

    def at(self, scale: float) -> int:
        """Return the number at a share of the whole recipe."""
        return max(self.least, round(self.full * scale))


def scaled(full: int, least: int = 1) -> Amount:
    """Mark a number of a recipe that `--scale` makes smaller."""
    return Amount(full, least)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Data that no command of this project makes: whoever runs the recipe says where it lies.

    name: as in `--material NAME=FOLDER`, and as {NAME} in the words of a step
    text: what it is and where it comes from
    licence: what it allows
    usual: where its package puts it, taken where it was not said otherwise
    """

    name: str
    text: str
    licence: str
    usual: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeStep:
    """One `collaparte` command, run in the folder of the recipe.

    words: of the command, without `collaparte`; {NAME} stands for the folder of a material
    makes: files and folders that it writes, below the folder of the recipe
    measures: what it prints goes onto the card
    """

    name: str
    words: tuple[str | Amount, ...]
    makes: tuple[str, ...] = ()
    measures: bool = False

    def command(self, scale: float, materials: Mapping[str, Path]) -> list[str]:
        """Return the words at a share of the whole recipe."""
        places = {name: str(path) for name, path in materials.items()}
        return [
            str(word.at(scale)) if isinstance(word, Amount) else word.format_map(places) if places else word
            for word in self.words
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How weights that ship are made.

    name: of the recipe, as in `collaparte recipe NAME`
    text: what it makes, one line
    weights: network files that the steps make, below the folder of the recipe; each has its card beside it
    shipped: folder below models/weights that they are shipped in
    steps: in their order; trainings count steps, with `--until`, and `--resume`, so that one that was stopped goes on
    materials: what the steps need and no command makes
    split: what was trained on, chosen on, and left out
    """

    name: str
    text: str
    weights: tuple[str, ...]
    steps: tuple[RecipeStep, ...]
    materials: tuple[Material, ...] = ()
    split: str = ""
    shipped: str = ""
