"""The steps that both recipes of sound event networks share: sounds, backgrounds, mixed scenes, trainings on them."""

from __future__ import annotations

from offline.recipes.materials import SOUNDS, STEMS
from offline.recipes.recipe import Amount, RecipeStep, scaled

__all__ = ["BEDS", "FIRST_STEPS", "LICENCE", "MATERIALS", "SCENE_DATA", "SPLIT", "measured", "mixed", "trained"]

MATERIALS = (SOUNDS, STEMS)
LICENCE = "CC BY-SA 4.0, as the digits in it"
SCENE_DATA = (
    "scenes mixed of isolated sounds, the test sources kept apart by offline/synthesis/sound_events_split.csv: ESC-10"
    " (baby_cry, dog, backgrounds, distractors; CC BY 3.0 as a set, clips CC0, CC BY and 2 Sampling+), kitchen20"
    " (blender, dishes, fan, frying, running_water, backgrounds, distractors; Apache-2.0 as a set, of Freesound clips),"
    " CatMeows by Ludovico and others (cat; CC BY 4.0), Free Spoken Digit Dataset by Jackson and others"
    " (speech; CC BY-SA 4.0); speakers, a cat, a dog and household sounds of Debian's asterisk-core-sounds-en-wav"
    " (CC BY-SA 3.0), klettres-data and tuxpaint-stamps-default (GPL-2+;"
    " offline/datasets/debian_sounds.csv); alarm_bell synthesised;"
    " music beneath: Everything is Free by Software-Entwicklungskit (CC0), and songs composed and rendered here"
)
SPLIT = (
    "by source: offline/synthesis/sound_events_split.csv; the validation sources are learnt from in the end, too, once"
    " the decisions have been tuned on them"
)
FEWEST = 48  # scenes of a trial: two batches
BEDS = ("--more", "song-beds", "stems-beds")
FIRST_STEPS = (
    RecipeStep(
        name="debian",
        words=("data", "debian-sounds", "-o", "debian", "--cache", "packages"),
        makes=("debian",),
    ),
    RecipeStep(
        name="songs", words=("data", "songs", "-o", "songs", "--songs", scaled(60, 8), "--first", "0"), makes=("songs",)
    ),
    RecipeStep(name="song-beds", words=("data", "music-beds", "songs", "-o", "song-beds"), makes=("song-beds",)),
    RecipeStep(
        name="stems-beds",
        words=("data", "music-beds", "{stems}", "-o", "stems-beds", "--exclude", "rubidium"),
        makes=("stems-beds",),
    ),
)


def mixed(name: str, n: int, seed: int, *words: str, which: str = "train", rich: bool = True) -> RecipeStep:
    """Mix a set of scenes."""
    how = ("--rich", *words) if rich else words
    return RecipeStep(
        name=name,
        words=(
            "data",
            "scenes",
            "{sounds}",
            "-o",
            name,
            "--which",
            which,
            "-n",
            scaled(n, FEWEST),
            "--seed",
            str(seed),
            *how,
        ),
        makes=(name,),
    )


def trained(name: str, steps: int, sets: tuple[str, ...], *words: str | Amount) -> RecipeStep:
    """Train a network to a number of steps, in batches of 24."""
    given = ("train", "detection", "-o", name, "--sets", *sets, "--validation", "validation", "--dropout", "0.1")
    how = ("--drop-channels", "--batch", "24", "--threads", "1", "--seed", "0", "--resume", "--until", scaled(steps, 3))
    return RecipeStep(name=name, words=(*given, *how, *words), makes=(f"{name}/checkpoint.pt",), measures=True)


def measured(weights: str) -> RecipeStep:
    """Measure an exported network on scenes of the test sources."""
    return RecipeStep(
        name=f"measure {weights}", words=("evaluate", "detection", "test", "--model", weights), measures=True
    )
