"""The bidirectional network that finds sound events in files, for `tag` and `--detect crnn-files`."""

from offline.recipes.recipe import Recipe, RecipeStep
from offline.recipes.sound_scenes import (
    BEDS,
    FIRST_STEPS,
    LICENCE,
    MATERIALS,
    SCENE_DATA,
    SPLIT,
    measured,
    mixed,
    trained,
)

__all__ = ["RECIPES", "STEPS"]

FAST = ("--speed", "0.35")
MOVED = ("--stretch", "0.2", "--shift", "4", "--overlay", "0.3", "--average", "0.997")
SECOND = ("train0", "train5", "train6", "train7")
STEPS = (
    *FIRST_STEPS,
    mixed("validation", 400, 3, which="validation", rich=False),
    mixed("test", 600, 4, which="test", rich=False),
    mixed("train0", 2000, 1),
    mixed("train2", 3200, 21, "--more", "stems-beds"),
    mixed("train3", 1000, 61, *BEDS),
    mixed("train4", 400, 62, "--empty", *BEDS),
    mixed("train5", 3000, 91, *FAST, "--more", "debian", "song-beds", "stems-beds"),
    mixed("train6", 1600, 92, *FAST),
    mixed("train7", 500, 93, "--empty", "--more", "debian", "song-beds", "stems-beds"),
    trained("bi", 1667, ("train0", "train2"), "--learning-rate", "2e-3"),
    trained(
        *("bi2", 1939, ("train0", "train2", "train3", "train4")),
        *("--learning-rate", "1.5e-3", "--init-weights", "bi/checkpoint.pt"),
    ),
    trained(
        *("bi3", 1137, ("train0", "train2", "train3", "train4")),
        *("--learning-rate", "1.2e-3", "--init-weights", "bi2/checkpoint.pt"),
    ),
    trained("bi4", 1266, SECOND, *MOVED, "--init-weights", "bi3/checkpoint.pt"),
    mixed("val1", 2000, 101, *FAST, which="validation"),
    mixed("val2", 600, 102, which="validation"),
    trained("bi5", 1526, (*SECOND, "val1", "val2"), *MOVED, "--init-weights", "bi4/checkpoint.pt"),
    RecipeStep(
        name="mean",
        words=("average", "bi4/checkpoint.pt", "bi5/checkpoint.pt", "--output", "mean"),
        makes=("mean/checkpoint.pt",),
    ),
    trained(
        *("bi6", 1627, (*SECOND, "val1", "val2"), *MOVED),
        *("--learning-rate", "7e-4", "--init-weights", "mean/checkpoint.pt"),
    ),
)
EXPORT = RecipeStep(
    name="export",
    words=(
        *("export", "detection", "--checkpoint", "bi6/checkpoint.pt", "-o", "crnn-files.onnx"),
        *("--decisions-of", "bi4/checkpoint.pt", "--validation", "validation", "--test", "test"),
        *("--licence", LICENCE, "--data", SCENE_DATA),
    ),
    makes=("crnn-files.onnx", "crnn-files.toml"),
)

RECIPES = (
    Recipe(
        name="crnn-files",
        text="The bidirectional network that finds sound events in files (crnn-files.onnx)",
        weights=("crnn-files.onnx",),
        split=SPLIT,
        materials=MATERIALS,
        steps=(*STEPS, EXPORT, measured("crnn-files.onnx")),
    ),
)
