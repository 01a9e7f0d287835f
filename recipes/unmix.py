"""The separators of vocals, drums, bass and other: `unmix`, `unmix-low-latency` and `unmix-heavy`.

A network learns three targets of left and right, then of mid and side; the mean of two runs is taught the bass. The
one of short windows begins with the same, and the heavy one is the mean of its masks and those of a crossed network.
"""

from offline.recipes.recipe import Recipe, RecipeStep
from offline.recipes.separators import (
    BEGUN,
    FOUR,
    LEFT_RIGHT,
    SONG_MATERIALS,
    SONG_SPLIT,
    SONGS,
    bass,
    exported,
    separator_measured,
    separator_trained,
)

__all__ = ["RECIPES"]

SHARES = (1.3, 0.35, 0.5)
TRAINING = "learnt three targets first, then how much of other is bass, by its last layers in the bands below 4.1 kHz"
CROSSED = "the crossed networks of Sawata et al. (2021) with their combination and multi-domain losses"
SURE = ("--temperature", "1.25")

ONE = separator_trained(
    *("one", 286, SHARES, *FOUR, "--segment-s", "4", "--learning-rate", "6e-4", "--decay", "0.7"),
    *BEGUN,
    seed=8,
)
TWO = separator_trained(
    *("two", 342, SHARES, *FOUR, "--segment-s", "4", "--learning-rate", "3e-4", "--decay", "0.9"),
    *("--init-weights", "one/checkpoint.pt"),
    seed=11,
)
MEAN = RecipeStep(
    name="mean",
    words=("average", "one/checkpoint.pt", "two/checkpoint.pt", "-o", "mean"),
    makes=("mean/checkpoint.pt",),
)
STANDARD = (*SONGS, *LEFT_RIGHT, ONE, TWO, MEAN, bass("mean/checkpoint.pt"), exported("unmix", "four", TRAINING, *SURE))
SHORT = ("--size", "low-latency", "--segment-s", "2")

RECIPES = (
    Recipe(
        name="unmix",
        text="The separator of vocals, drums, bass and other (unmix.onnx)",
        weights=("unmix.onnx",),
        split=SONG_SPLIT,
        materials=SONG_MATERIALS,
        steps=(*STANDARD, *separator_measured("unmix.onnx")),
    ),
    Recipe(
        name="unmix-low-latency",
        text="The same with windows of 1024 samples (unmix-low-latency.onnx)",
        weights=("unmix-low-latency.onnx",),
        split=SONG_SPLIT,
        materials=SONG_MATERIALS,
        steps=(
            *SONGS,
            *LEFT_RIGHT,
            separator_trained(
                *("short", 1760, SHARES, "--architecture", "bands", "--hidden", "64", "--layers", "4", "--snr"),
                *("--batch", "8", "--speed", "0.25", "--tilt", "0.6", "--equalise-db", "5", *SHORT),
                *("--learning-rate", "6e-4", "--decay", "0.7"),
                *BEGUN,
                seed=1,
            ),
            separator_trained(
                *("short-mid-side", 564, SHARES, *FOUR, *SHORT, "--learning-rate", "4e-4", "--decay", "0.9"),
                *("--init-weights", "short/checkpoint.pt"),
                seed=12,
            ),
            bass("short-mid-side/checkpoint.pt"),
            exported("unmix-low-latency", "four", TRAINING, *SURE),
            *separator_measured("unmix-low-latency.onnx"),
        ),
    ),
    Recipe(
        name="unmix-heavy",
        text="The mean of unmix and a crossed network (unmix-heavy.onnx)",
        weights=("unmix-heavy.onnx",),
        split=SONG_SPLIT,
        materials=SONG_MATERIALS,
        steps=(
            *STANDARD,
            separator_trained(
                *("crossed", 1841, (0.5, 1.2, 0), "--batch", "8", "--segment-s", "4"),
                *("--speed", "0.25", "--tilt", "0.6"),
            ),
            exported("crossed", "crossed", CROSSED, "--level", "0.045"),
            RecipeStep(
                name="blend",
                words=(
                    *("blend", "unmix.onnx", "crossed.onnx", "--shares", "0.7", "0.3", "-o", "unmix-heavy.onnx"),
                    *("--level", "0.045", "--licence", "MIT", "--split", SONG_SPLIT),
                ),
                makes=("unmix-heavy.onnx", "unmix-heavy.toml"),
            ),
            *separator_measured("unmix-heavy.onnx"),
        ),
    ),
)
