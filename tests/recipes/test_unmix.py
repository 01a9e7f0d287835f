"""The recipe of the separator, a thousandth of it, on songs made here: every command of it works."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from offline.recipes.runner import RecipeRun, run_recipe
from offline.synthesis.fluidsynth import installed_soundfonts
from offline.synthesis.songs_render import write_stems
from recipes import find_recipe

RATE = 44100
SONGS = {"caesium": ("vocals", "drums", "other"), "lithium": ("vocals", "drums", "bass", "other")}


def stems(folder: Path, seconds: int) -> Path:
    """Songs of noise, of the names of the real ones, long enough for what the recipe measures."""
    rng = np.random.default_rng(0)
    for song, names in SONGS.items():
        write_stems(folder / song, {name: 0.1 * rng.standard_normal((seconds * RATE, 2)) for name in names})
    return folder


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("fluidsynth") and shutil.which("espeak-ng")), reason="needs fluidsynth, espeak-ng"
)
def test_a_thousandth_of_the_recipe_of_the_separator(tmp_path: Path) -> None:
    recipe, font = find_recipe("unmix"), installed_soundfonts()[0]
    guitar = tmp_path / "game" / "song"
    guitar.mkdir(parents=True)
    soundfile.write(guitar / "guitar.ogg", 0.1 * np.random.default_rng(1).standard_normal((5 * RATE, 2)), RATE)
    given = {"stems": stems(tmp_path / "stems", 64), "guitars": tmp_path / "game"}
    fonts = {"fluidr3": font, "musescore": font, "timgm": font, "samples": tmp_path / "game"}
    run = RecipeRun(recipe=recipe, folder=tmp_path / "run", materials={**given, **fonts}, scale=0.001)
    (weights,) = run_recipe(run)
    card = tomllib.loads(weights.with_suffix(".toml").read_text())
    assert card["recipe"] == "unmix at scale 0.001"
    assert card["network"]["targets"] == ["vocals", "drums", "bass", "other"]
    assert "bass" in card["measured"]["evaluate"]
    assert run_recipe(run) == [weights]  # nothing is left to do
