"""The causal network that hears sound events live, for `--detect`."""

from offline.recipes.recipe import Amount, Recipe, RecipeStep, scaled
from offline.recipes.sound_scenes import BEDS, LICENCE, MATERIALS, SCENE_DATA, SPLIT, measured, mixed, trained
from recipes.crnn_files import FAST, MOVED, STEPS

__all__ = ["RECIPES"]

CAUSAL = ("--causal", "--look-ahead", "1")
FIRST = ("train0", "train2", "train3", "train4")
SETS = ("train0", "train5", "train6", "train7", "train8", "train9", "train10", "train11")
FINAL = (*SETS, "train12", "val1", "val2")
QUIET = ("quiet1", "quiet2", "quiet3", "quiet4", "quiet5", "quiet6")


def _recurrent(name: str, checkpoint: str, sets: tuple[str, ...], scenes: int, steps: int, *words: str) -> RecipeStep:
    """Continue with the layers behind the convolutions."""
    given = (
        "finetune",
        "detection-recurrent",
        "--checkpoint",
        f"{checkpoint}/checkpoint.pt",
        "-o",
        name,
        "--sets",
        *sets,
    )
    how: tuple[str | Amount, ...] = ("--scenes", scaled(scenes, 48), "--steps", scaled(steps, 3), *words)
    return RecipeStep(name=name, words=(*given, *how), makes=(f"{name}/checkpoint.pt",))


def _surroundings(name: str, which: str, n: int, seed: int) -> RecipeStep:
    """Synthesise rain, wind, traffic, halls, music and talk."""
    words = ("data", "surroundings", "-o", name, "--which", which, "-n", scaled(n), "--seed", str(seed))
    return RecipeStep(name=name, words=words, makes=(name,))


STEPS_LIVE = (
    RecipeStep(name="lmms", words=("data", "lmms", "-o", "lmms"), makes=("lmms",)),
    RecipeStep(name="lmms-beds", words=("data", "music-beds", "lmms", "-o", "lmms-beds"), makes=("lmms-beds",)),
    RecipeStep(
        name="voiced",
        words=("data", "music-beds", "{stems}", "-o", "voiced", "--voices", "--exclude", "rubidium"),
        makes=("voiced",),
    ),
    trained("causal", 1516, FIRST, *CAUSAL, "--learning-rate", "1.5e-3", "--init-weights", "bi/checkpoint.pt"),
    _recurrent("recurrent", "causal", FIRST, 3000, 900),
    mixed("train8", 900, 103, "--empty", *FAST, "--more", "lmms-beds", "stems-beds"),
    trained(
        *("causal2", 2580, SETS[:5], *CAUSAL, *MOVED),
        *("--learning-rate", "1.2e-3", "--init-weights", "recurrent/checkpoint.pt"),
    ),
    mixed("train9", 500, 104, "--empty", "--beds", *FAST, "--more", "voiced"),
    mixed("train10", 500, 105, "--beds", *FAST, "--more", "voiced"),
    trained("causal3", 800, SETS[:7], *CAUSAL, *MOVED, "--init-weights", "causal2/checkpoint.pt"),
    mixed("train11", 900, 108, "--empty", "--beds", *FAST, "--more", "lmms-beds", "song-beds"),
    trained(
        "causal4", 1420, SETS, *CAUSAL, *MOVED, "--learning-rate", "9e-4", "--init-weights", "causal3/checkpoint.pt"
    ),
    _surroundings("surroundings", "train", 60, 3),
    mixed("train12", 900, 110, "--empty", "--beds", *FAST, "--more", "surroundings"),
    _recurrent("recurrent2", "causal4", SETS, 5000, 1000, "--edges", "3"),
    trained(
        *("causal5", 2365, FINAL, *CAUSAL, *MOVED, "--learning-rate", "8e-4"),
        *("--distil", "bi6/checkpoint.pt", "--init-weights", "causal4/checkpoint.pt"),
    ),
    _recurrent("recurrent3", "causal5", FINAL, 6000, 1100, "--edges", "3"),
    mixed("quiet1", 700, 81, "--empty", "--more", "lmms-beds", which="validation", rich=False),
    mixed("quiet2", 360, 82, "--empty", which="validation", rich=False),
    mixed("quiet3", 300, 94, "--empty", "--distractors", "0", "--more", "debian", which="validation"),
    mixed("quiet4", 300, 106, "--empty", "--beds", "--more", "voiced", which="validation", rich=False),
    _surroundings("quiet-surroundings", "validation", 30, 2),
    mixed("quiet6", 600, 109, "--empty", "--beds", "--more", "quiet-surroundings", which="validation", rich=False),
    mixed("quiet5", 500, 107, "--empty", "--beds", *BEDS, which="validation", rich=False),
)
EXPORT = RecipeStep(
    name="export",
    words=(
        *("export", "detection", "--checkpoint", "recurrent3/checkpoint.pt", "-o", "crnn.onnx"),
        *("--decisions-of", "recurrent2/checkpoint.pt", "--tighten", "0.2", "--quiet", *QUIET, "--false-alarms", "0.4"),
        *("--early", "0"),
        *("--validation", "validation", "--test", "test", "--licence", LICENCE, "--data", SCENE_DATA),
    ),
    makes=("crnn.onnx", "crnn.toml"),
)

RECIPES = (
    Recipe(
        name="crnn",
        text="The causal network that hears sound events live (crnn.onnx)",
        weights=("crnn.onnx",),
        split=SPLIT,
        materials=MATERIALS,
        steps=(*STEPS, *STEPS_LIVE, EXPORT, measured("crnn.onnx")),
    ),
)
