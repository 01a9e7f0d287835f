"""The networks that table II of Agrawal & Dixon (2020) compares, small, and the table itself.

As published they are `--width 1`, trained on MAPS and SMD (`data takes --recordings`), and judged on the Mazurkas
(`data mazurkas`): days of a graphics processor. These are a sixteenth as wide, and learn from our own performances.
Those have from a third to three times the tempo of their scores: so they learn from renderings at other tempi, too.
Half of the frames that do not match lie near the match: those from anywhere seldom teach where a note begins.
"""

from offline.recipes.materials import CHORALES_STEP, FLUIDR3, MUSESCORE_GENERAL, PACKED_CHORALES, TIMGM
from offline.recipes.recipe import Recipe, RecipeStep, scaled

__all__ = ["RECIPES"]

SCNN = {
    "stft": ("--feature", "stft"),
    "cqt": ("--feature", "cqt"),
    "chroma": ("--feature", "chroma"),
    "salience": ("--feature", "salience"),
    "stft-da": ("--feature", "stft", "--augment"),
    "cqt-da": ("--feature", "cqt", "--augment"),
    "chroma-da": ("--feature", "chroma", "--augment"),
    "salience-da": ("--feature", "salience", "--augment"),
}
SETS = ("--data", "takes", "--validation", "validation", "--resume", "--seed", "0", "--threads", "1")
PAIRS = ("--tempo", "2", "--near", "0.5")
SIZE = ("--width", "0.0625", "--embedding", "32")
EXCERPTS = ("--seconds", "28", "--chorales", PACKED_CHORALES, "--soundfont", "{fluidr3}", "--soundfont", "{timgm}")


def _scnn(name: str) -> RecipeStep:
    words = ("train", "similarity", "--architecture", "cnn", *SCNN[name], "--batch", "2", *SIZE, *SETS)
    return RecipeStep(
        name=name,
        words=(*words, *PAIRS, "--learning-rate", "2e-3", "--until", scaled(3000), "-o", f"runs/{name}"),
        makes=(f"runs/{name}",),
    )


RECIPES = (
    Recipe(
        name="siamese-table",
        text="The networks of the Siamese paper's table II, small, and the table",
        weights=(),
        split="by piece (offline.datasets.corpus_scores.split_of); test pieces are played by a soundfont of their own",
        materials=(FLUIDR3, TIMGM, MUSESCORE_GENERAL),
        steps=(
            CHORALES_STEP,
            RecipeStep(
                name="takes",
                words=("data", "takes", "-o", "takes", "--n", scaled(160, 2), *EXCERPTS),
                makes=("takes",),
            ),
            RecipeStep(
                name="validation",
                words=(
                    *("data", "takes", "-o", "validation", "--split", "validation", "--n", scaled(6, 2)),
                    *EXCERPTS,
                ),
                makes=("validation",),
            ),
            RecipeStep(
                name="pieces",
                words=(
                    *("data", "performances", "-o", "pieces", "--split", "test", "--n", scaled(6, 1), "--seconds"),
                    *("60", "--soundfont", "{musescore}", "--chorales", PACKED_CHORALES, "--seed", "0"),
                ),
                makes=("pieces",),
            ),
            *map(_scnn, SCNN),
            RecipeStep(
                name="perceptron",
                words=(
                    *("train", "similarity", "--architecture", "mlp", *SETS),
                    *("--until", scaled(1500), "-o", "runs/perceptron"),
                ),
                makes=("runs/perceptron",),
            ),
            RecipeStep(
                name="table",
                words=(
                    *("evaluate", "similarity", "pieces", "--networks", "runs", "--soundfont", "{fluidr3}"),
                    *("--csv", "table.csv", "--plot", "table.png"),
                ),
                makes=("table.csv", "table.png"),
                measures=True,
            ),
        ),
    ),
)
