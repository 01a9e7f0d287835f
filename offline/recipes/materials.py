"""Materials that recipes need and no command of this project makes, and the step that several begin with."""

from offline.recipes.recipe import Material, RecipeStep

__all__ = ["CHORALES", "CHORALES_STEP", "FLUIDR3", "MUSESCORE_GENERAL", "PACKED_CHORALES", "SOUNDS", "STEMS", "TIMGM"]

CHORALES = Material(
    name="chorales",
    text="a folder with Jsb16thSeparated.json (github.com/czhuang/JSB-Chorales-dataset) and JSB_Chorales.mat"
    " (the set of Boulanger-Lewandowski et al. 2012)",
    licence="the music is in the public domain",
)
FLUIDR3 = Material(
    name="fluidr3",
    text="the soundfont FluidR3_GM.sf2; apt-get install fluid-soundfont-gm",
    licence="MIT",
    usual="/usr/share/sounds/sf2/FluidR3_GM.sf2",
)
MUSESCORE_GENERAL = Material(
    name="musescore",
    text="the soundfont MuseScore_General_Full.sf3; apt-get install musescore-general-soundfont",
    licence="MIT",
    usual="/usr/share/sounds/sf3/MuseScore_General_Full.sf3",
)
TIMGM = Material(
    name="timgm",
    text="the soundfont TimGM6mb.sf2; apt-get install timgm6mb-soundfont",
    licence="GPL-2, which does not reach the music played with it",
    usual="/usr/share/sounds/sf2/TimGM6mb.sf2",
)
STEMS = Material(
    name="stems",
    text="songs in stems, a folder each: lithium, potassium, rubidium, sodium and caesium of the album"
    " Everything is Free by Software-Entwicklungskit",
    licence="CC0",
)
SOUNDS = Material(
    name="sounds",
    text="isolated sounds, a folder a label, with manifest.csv: kitchen20, ESC-10, CatMeows, Free Spoken Digit Dataset",
    licence="as each row of manifest.csv says",
)
PACKED_CHORALES = "symbolic/chorales.npz"
CHORALES_STEP = RecipeStep(name="chorales", words=("data", "music21", "-o", "symbolic"), makes=("symbolic",))
