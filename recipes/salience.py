"""The network that finds the pitches and onsets in a recording, for `--features salience`."""

from offline.recipes.materials import CHORALES_STEP, FLUIDR3, MUSESCORE_GENERAL, PACKED_CHORALES, TIMGM
from offline.recipes.recipe import Recipe, RecipeStep, scaled

__all__ = ["RECIPES"]

DATA = (
    "80 pieces of at most 40 s, each as played and recorded and as written: composed by offline.datasets.corpus_scores,"
    " and Bach's chorales (public domain, as encoded in music21's corpus); performed by offline.synthesis.pianist,"
    " sounded by FluidSynth with the pianos of FluidR3_GM and MuseScore_General_Full (both MIT)"
)
SPLIT = (
    "validation: 16 other pieces by name (offline.datasets.corpus_scores.split_of), all sounded by TimGM6mb, which no"
    " training recording uses; F1 at the threshold that is best there"
)

RECIPES = (
    Recipe(
        name="salience",
        text="The network that finds pitches and onsets (salience.onnx)",
        weights=("salience.onnx",),
        split=SPLIT,
        materials=(FLUIDR3, MUSESCORE_GENERAL, TIMGM),
        steps=(
            CHORALES_STEP,
            RecipeStep(
                name="recordings",
                words=(
                    *("data", "salience", "-o", "train", "--n", scaled(80, 2), "--chorales", PACKED_CHORALES),
                    *("--soundfont", "{fluidr3}", "--soundfont", "{musescore}"),
                ),
                makes=("train",),
            ),
            RecipeStep(
                name="validation",
                words=(
                    *("data", "salience", "-o", "validation", "--split", "validation", "--n", scaled(16, 2)),
                    *("--chorales", PACKED_CHORALES, "--soundfont", "{timgm}"),
                ),
                makes=("validation",),
            ),
            RecipeStep(
                name="train",
                words=(
                    *("train", "salience", "--data", "train", "--validation", "validation", "-o", "run", "--resume"),
                    *("--channels", "16", "12", "12", "12", "8", "--batch", "4", "--frames", "100"),
                    *("--learning-rate", "3e-3", "--seed", "0", "--threads", "1", "--until", scaled(2960, 100)),
                ),
                makes=("run/checkpoint.pt",),
                measures=True,
            ),
            RecipeStep(
                name="export",
                words=(
                    *("export", "salience", "--checkpoint", "run/checkpoint.pt", "-o", "salience.onnx"),
                    *("--validation", "validation", "--licence", "MIT", "--data", DATA, "--split", SPLIT),
                ),
                makes=("salience.onnx", "salience.toml"),
            ),
        ),
    ),
)
