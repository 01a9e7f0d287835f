"""`collaparte recipe`: make a network that ships again, from its recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import argument, command, option, output
from cli.terminal.report import wrote
from engine.core.config import Settings, plain, ranged
from engine.core.errors import ConfigError

__all__ = ["RecipeOptions", "recipe_command"]

EXAMPLES = """\
examples:
  collaparte recipe                                            the recipes
  collaparte recipe siamese --dry-run                          its commands, and what it needs
  collaparte recipe siamese -o run/                            make it; the same command again goes on
  collaparte recipe siamese -o trial/ --scale .001             a trial of every command, in minutes
  collaparte recipe unmix -o run/ --material stems=songs/ --from bass
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeOptions(Settings):
    """Options of `collaparte recipe`."""

    name: str = argument("NAME", "the recipe (default: list them)", "")
    output: Path | None = output("FOLDER", "folder for everything that is made", None)
    material: tuple[str, ...] = option(
        plain((), "where a material lies that no command makes; may be repeated"), metavar="NAME=PLACE"
    )
    dry_run: bool = plain(False, "print the commands and what they need, and run nothing")
    begin: str | None = option(plain(None, "begin with this step, done or not"), named="from", metavar="STEP")
    scale: float = ranged(1.0, 1e-6, 1.0, "share of the songs, takes and training steps, for a trial")


@command(RecipeOptions, EXAMPLES)
def recipe_command(options: RecipeOptions) -> int:
    """Run the steps of a recipe that are not done."""
    from offline.recipes.runner import RecipeRun, described, run_recipe
    from recipes import all_recipes, find_recipe

    if not options.name:
        print("\n".join(f"{recipe.name:20} {recipe.text}" for recipe in all_recipes()))
        return 0
    recipe = find_recipe(options.name)
    if options.output is None and not options.dry_run:
        raise ConfigError("output", expected="a folder", got="nothing", remedy="-o FOLDER, or --dry-run")
    run = RecipeRun(
        recipe=recipe,
        folder=options.output or Path(),
        materials=dict(_placed(text) for text in options.material),
        scale=options.scale,
        begin=options.begin,
    )
    if options.dry_run:
        print(described(run))
        return 0
    wrote(
        run_recipe(run), then=f"compare them on what nobody chose on, then copy them to models/weights/{recipe.shipped}"
    )
    return 0


def _placed(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise ConfigError("material", expected="NAME=PLACE", got=text)
    return name, Path(folder)
