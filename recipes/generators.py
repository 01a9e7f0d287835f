"""The systems that write music: a recipe each, from the published sets and music21's corpus, or from rules."""

from __future__ import annotations

from dataclasses import dataclass

from offline.generation.systems import SYSTEMS, System
from offline.music.catalogue import CORPORA
from offline.recipes.materials import CHORALES
from offline.recipes.recipe import Amount, Recipe, RecipeStep, scaled

__all__ = ["RECIPES"]

SEED = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Training:
    """How one system is trained.

    steps: at full scale
    words: settings that are not the defaults
    """

    steps: int
    words: tuple[str, ...] = ()


QUICK = ("--learning-rate", "4e-3")
TRAININGS = {
    "Frames": _Training(steps=5355),
    "BachBot": _Training(steps=1633),
    "Blues_C": _Training(steps=2500, words=("--learning-rate", "1e-2")),
    "Blues_MC": _Training(steps=2500, words=("--learning-rate", "1e-2")),
    "Celtic": _Training(steps=460),
    "CONCERT": _Training(steps=260, words=("--learning-rate", "6e-3")),
    "C-RBM": _Training(steps=500),
    "C-RNN-GAN": _Training(steps=2000),
    "deepAC": _Training(steps=2500),
    "DeepBach": _Training(steps=5045),
    "DeepHear_M": _Training(steps=2500),
    "Hexahedria": _Training(steps=1500, words=QUICK),
    "MidiNet": _Training(steps=1200),
    "MiniBach": _Training(steps=250, words=QUICK),
    "Rhythm": _Training(steps=110, words=("--learning-rate", "8e-3", "--batch", "8")),
    "RNN-RBM": _Training(steps=11732),
    "RL-Tuner": _Training(steps=1200, words=("--learning-rate", "6e-3", "--batch", "8")),
    "UnitSelection": _Training(steps=200, words=("--learning-rate", "6e-3", "--batch", "8")),
    "VRAE": _Training(steps=220, words=QUICK),
    "VRASH": _Training(steps=450, words=QUICK),
    "WaveNet": _Training(steps=600),
}


def _recipe(system: System) -> Recipe:
    """Return the recipe of a system: its corpora, its training, which exports, and its musical floors."""
    weights = f"run/{system.name}.{'onnx' if system.training else 'npz'}"
    return Recipe(
        name=f"generator-{system.name}",
        text=f"{system.name} ({system.year}): {system.architecture}",
        weights=(weights,),
        shipped="generators",
        split=CORPORA[system.corpus].split,
        materials=(CHORALES,),
        steps=(
            RecipeStep(
                name="corpora",
                words=("data", "music21", "-o", "symbolic", "--published", "{chorales}"),
                makes=("symbolic",),
            ),
            RecipeStep(name="train", words=_train(system), makes=(weights,), measures=True),
            RecipeStep(
                name="floors",
                words=("evaluate", "music", weights, "--data", "symbolic", "--csv", "floors.csv"),
                makes=("floors.csv",),
                measures=True,
            ),
        ),
    )


def _train(system: System) -> tuple[str | Amount, ...]:
    """Return the words of a training; it writes the files that play beside its checkpoint."""
    words: tuple[str | Amount, ...] = (
        "train",
        "generation",
        "--system",
        system.name,
        "--data",
        "symbolic",
        "-o",
        "run",
    )
    how = TRAININGS.get(system.name, _Training(steps=1))  # Markov is counted at once
    fixed = ("--size", "small", "--seed", SEED, "--threads", "1", "--device", "cpu", "--resume")
    return (*words, *fixed, *how.words, "--until", scaled(how.steps, 2))


RECIPES = tuple(_recipe(system) for system in SYSTEMS.values() if not system.weights_of)
