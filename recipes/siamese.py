"""The small causal network that compares frames, for `--features learned` and `align`."""

from offline.recipes.materials import CHORALES_STEP, FLUIDR3, MUSESCORE_GENERAL, PACKED_CHORALES, TIMGM
from offline.recipes.recipe import Recipe, RecipeStep, scaled

__all__ = ["RECIPES"]

DATA = (
    "performances of excerpts of 28 s of score: pieces composed by offline.datasets.corpus_scores and harmony of Bach's"
    " chorales (public domain), played by offline.synthesis.pianist through FluidR3_GM and TimGM6mb, whose licences"
    " allow any use of what is played with them; half of them by other instruments than the piano"
)
SPLIT = (
    "by piece (offline.datasets.corpus_scores.split_of); validation pieces are played through MuseScore_General, which"
    " nothing was trained on"
)
EXCERPTS = ("--seconds", "28", "--chorales", PACKED_CHORALES)

RECIPES = (
    Recipe(
        name="siamese",
        text="The small causal network that compares frames (siamese.onnx)",
        weights=("siamese.onnx",),
        split=SPLIT,
        materials=(FLUIDR3, TIMGM, MUSESCORE_GENERAL),
        steps=(
            CHORALES_STEP,
            RecipeStep(
                name="takes",
                words=(
                    *("data", "takes", "-o", "takes", "--split", "train", "--n", scaled(480, 4), "--others", "0.4"),
                    *("--soundfont", "{fluidr3}", "--soundfont", "{timgm}", "--small", *EXCERPTS),
                ),
                makes=("takes",),
            ),
            RecipeStep(
                name="validation",
                words=(
                    *("data", "takes", "-o", "validation", "--split", "validation", "--n", scaled(24, 2)),
                    *("--others", "0.4", "--soundfont", "{musescore}", "--small", *EXCERPTS),
                ),
                makes=("validation",),
            ),
            RecipeStep(
                name="train",
                words=(
                    *("train", "similarity", "--architecture", "live", "--data", "takes"),
                    *("--validation", "validation", "-o", "run", "--resume", "--average", "0.995", "--seed", "0"),
                    *("--threads", "1", "--until", scaled(22_000, 100)),
                ),
                makes=("run/checkpoint.pt",),
                measures=True,
            ),
            RecipeStep(
                name="export",
                words=(
                    *("export", "similarity", "--checkpoint", "run/checkpoint.pt", "-o", "siamese.onnx"),
                    *("--licence", "MIT", "--data", DATA, "--split", SPLIT),
                ),
                makes=("siamese.onnx", "siamese.toml"),
            ),
        ),
    ),
)
