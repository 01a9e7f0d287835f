"""The separator of four stems, `--separate unmix-four`: the network for three, taught a bass."""

from offline.recipes.materials import FLUIDR3, MUSESCORE_GENERAL, STEMS
from offline.recipes.recipe import Material, Recipe, RecipeStep, scaled
from offline.separation.presets import WEIGHTS

__all__ = ["RECIPES"]

START = Material(
    name="start",
    text="the network for three stems that it begins with, unmix.onnx; its card tells its own training, in words:"
    " it was made before the recipes, and cannot be made again exactly",
    licence="MIT",
    usual=str(WEIGHTS / "unmix.onnx"),
)
SAMPLES = Material(
    name="samples",
    text="samples of drums; apt-get install sonic-pi-samples",
    licence="CC0",
    usual="/usr/share/sonic-pi/samples",
)
GUITARS = Material(
    name="guitars",
    text="four songs by Carlos Viola Iborra with their guitars apart; apt-get install fretsonfire-songs-sectoid",
    licence="MIT",
    usual="/usr/share/games/fretsonfire/data/songs/sectoid",
)
DATA = (
    "vocals, drums, bass and other of lithium and sodium by Software-Entwicklungskit (Everything is Free, CC0); nine"
    " songs composed and rendered by `data songs` (FluidR3 and MuseScore General soundfonts, CC0 samples of sonic-pi,"
    " voices of espeak-ng); guitars of four songs by Carlos Viola Iborra (Debian's fretsonfire-songs-sectoid, MIT);"
    " what unmix.onnx was trained on"
)
TRAINING = (
    "began with unmix.onnx, which it is to the bit but for the bass: how much of other is bass was learnt, by what"
    " the last layers make of the bands below 4.1 kHz"
)
SPLIT = (
    "by song: song-00124 for choosing; caesium of the same album, and composed songs 900 and 910, held out and measured"
    " on alone"
)
SOUNDFONTS = ("--soundfont", "{fluidr3}", "--soundfont", "{musescore}")


def _songs(name: str, folder: str, first: int, n: int, electronic: str) -> RecipeStep:
    """Compose and render songs."""
    return RecipeStep(
        name=name,
        words=(
            *("data", "songs", "-o", folder, "--songs", scaled(n, 1), "--first", str(first)),
            *("--electronic", electronic, "--seconds", scaled(60, 8), *SOUNDFONTS),
        ),
        makes=(folder,),
    )


RECIPES = (
    Recipe(
        name="unmix-four",
        text="The separator of vocals, drums, bass and other (unmix-four.onnx)",
        weights=("unmix-four.onnx",),
        split=SPLIT,
        materials=(START, STEMS, FLUIDR3, MUSESCORE_GENERAL, SAMPLES, GUITARS),
        steps=(
            _songs("songs", "songs", 100, 5, "0.7"),
            _songs("more-songs", "songs", 120, 5, "0.7"),
            RecipeStep(
                name="guitars", words=("data", "guitars", "-o", "guitars", "--songs", "{guitars}"), makes=("guitars",)
            ),
            RecipeStep(
                name="train",
                words=(
                    *("finetune", "separation", "--init-weights", "{start}", "-o", "run", "--resume"),
                    *("--data", "{stems}:1.0", "--data", "songs:1.0", "--data", "guitars:0.1"),
                    *("--validation", "caesium", "song-00124", "--pool", scaled(256, 4), "--until", scaled(1000, 3)),
                    *("--floor-db", "-10", "--equalise-db", "5", "--speed", "0.25", "--tilt", "0.6", "--width", "1"),
                    *("--wide", "0.5", "--mono", "0.12", "--segment-s", "4", "--seed", "21", "--threads", "1"),
                ),
                makes=("run/checkpoint.pt",),
                measures=True,
            ),
            RecipeStep(
                name="export",
                words=(
                    *("export", "separation", "--checkpoint", "run/checkpoint.pt", "-o", "unmix-four.onnx"),
                    *("--licence", "MIT", "--data", DATA, "--split", SPLIT, "--temperature", "1.25"),
                    *("--music", "{stems}/caesium/other.ogg", "--training", TRAINING),
                ),
                makes=("unmix-four.onnx", "unmix-four.toml"),
            ),
            _songs("held-out", "held", 900, 1, "0"),
            _songs("held-out-electronic", "held", 910, 1, "1"),
            RecipeStep(
                name="evaluate",
                words=("evaluate", "separation", "held", "--model", "unmix-four.onnx", "--model", "{start}"),
                measures=True,
            ),
            RecipeStep(
                name="evaluate-song",
                words=(
                    *("evaluate", "separation", "{stems}", "--songs", "caesium", "--start", "60", "--seconds", "60"),
                    *("--model", "unmix-four.onnx", "--model", "{start}"),
                ),
                measures=True,
            ),
        ),
    ),
)
