"""What the recipes of the networks that separate songs have in common: songs, trainings, the bass, what is left out."""

from offline.recipes.materials import FLUIDR3, MUSESCORE_GENERAL, STEMS, TIMGM
from offline.recipes.recipe import Amount, Material, RecipeStep, scaled

__all__ = [
    "BEGUN",
    "FOUR",
    "LEFT_RIGHT",
    "SONGS",
    "SONG_MATERIALS",
    "SONG_SPLIT",
    "bass",
    "exported",
    "separator_measured",
    "separator_trained",
]

Words = tuple[str | Amount, ...]

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
SONG_MATERIALS = (STEMS, FLUIDR3, MUSESCORE_GENERAL, TIMGM, SAMPLES, GUITARS)
SONG_SPLIT = (
    "by song: song-00124 for choosing; caesium of the same album, and composed songs 900 and 910, held out and measured"
    " on alone"
)
DATA = (
    "vocals, drums, bass and other of lithium, potassium, rubidium and sodium by Software-Entwicklungskit (Everything"
    " is Free, CC0); songs composed and rendered by `data songs` (FluidR3, MuseScore General and TimGM6mb soundfonts,"
    " CC0 samples of sonic-pi, voices of espeak-ng); guitars of four songs by Carlos Viola Iborra (Debian's"
    " fretsonfire-songs-sectoid, MIT); songs of LMMS's demonstrations by their authors (`data lmms`; Artistic-2.0,"
    " BSD-2-Clause, GPL-2+)"
)
SOUNDFONTS = ("--soundfont", "{fluidr3}", "--soundfont", "{musescore}", "--soundfont", "{timgm}")
TARGETS = ("--targets", "vocals", "drums", "other")
VALIDATION = ("--validation", "caesium", "song-00124")
BANDS = ("--architecture", "bands", "--hidden", "64", "--layers", "4", "--snr", "--batch", "8")
VARIED = ("--speed", "0.25", "--tilt", "0.6")
MID_SIDE = (*("--stereo", "mid-side", "--floor-db", "-10", "--equalise-db", "5"), *VARIED)
FOUR = (*BANDS, *MID_SIDE, "--width", "1", "--wide", "0.5", "--mono", "0.12")  # as the networks that ship


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


def separator_trained(
    name: str, steps: int, shares: tuple[float, float, float], *words: str, seed: int = 0
) -> RecipeStep:
    """Train a network of three targets.

    shares: of the real songs, the composed ones, and those of LMMS
    """
    stems, songs, lmms = shares
    mixed = ("--data", f"{{stems}}:{stems:g}", "--data", f"songs:{songs:g}", "--data", "guitars:0.1")
    more = ("--data", f"lmms:{lmms:g}") if lmms else ()
    given: Words = ("train", "separation", *mixed, *more, *VALIDATION, *TARGETS, "-o", name, "--resume")
    return RecipeStep(
        name=name,
        words=(*given, "--until", scaled(steps, 3), "--seed", str(seed), "--threads", "1", *words),
        makes=(f"{name}/checkpoint.pt",),
        measures=True,
    )


def _first(n: int, steps: int, shares: tuple[float, float, float], *words: str) -> RecipeStep:
    """Train the network of left and right, in its `n`-th stage."""
    begun = ("--init-weights", f"left-right-{n - 1}/checkpoint.pt") if n > 1 else ()
    return separator_trained(f"left-right-{n}", steps, shares, *BANDS, *VARIED, "--segment-s", "4", *words, *begun)


SONGS = (
    _songs("songs", "songs", 0, 8, "0"),
    _songs("more-songs", "songs", 100, 40, "0.7"),
    _songs("still-more-songs", "songs", 200, 40, "0.7"),
    RecipeStep(name="guitars", words=("data", "guitars", "-o", "guitars", "--songs", "{guitars}"), makes=("guitars",)),
    RecipeStep(name="lmms", words=("data", "lmms", "-o", "lmms", "--songs", scaled(20)), makes=("lmms",)),
)
LEFT_RIGHT = (
    _first(1, 330, (0.5, 1.2, 0)),
    _first(2, 212, (1.5, 0.5, 0)),
    _first(3, 1209, (1.3, 0.5, 0), "--equalise-db", "4", "--learning-rate", "5e-4"),
    _first(4, 666, (1.3, 0.5, 0), "--equalise-db", "5", "--learning-rate", "4e-4", "--decay", "0.7"),
    _first(5, 1232, (1.3, 0.5, 0), "--equalise-db", "5", "--learning-rate", "8e-4", "--decay", "0.6"),
    _first(6, 2530, (1.3, 0.35, 0.5), "--equalise-db", "5", "--learning-rate", "8e-4", "--decay", "0.7"),
)
BEGUN = ("--init-weights", "left-right-6/checkpoint.pt")  # with what all of that has learnt


def bass(start: str) -> RecipeStep:
    """Teach a network of three targets how much of `other` is bass."""
    return RecipeStep(
        name="bass",
        words=(
            *("finetune", "separation", "--init-weights", start, "-o", "four", "--resume"),
            *("--data", "{stems}:1.0", "--data", "songs:1.0", "--data", "guitars:0.1", *VALIDATION),
            *("--pool", scaled(256, 4), "--until", scaled(1000, 3), "--floor-db", "-10", "--equalise-db", "5"),
            *(*VARIED, "--width", "1", "--wide", "0.5", "--mono", "0.12", "--segment-s", "4"),
            *("--seed", "21", "--threads", "1"),
        ),
        makes=("four/checkpoint.pt",),
        measures=True,
    )


def exported(name: str, checkpoint: str, training: str, *words: str) -> RecipeStep:
    """Write the network file and its card."""
    file = f"{name}.onnx"
    return RecipeStep(
        name=f"export-{name}",
        words=(
            *("export", "separation", "--checkpoint", f"{checkpoint}/checkpoint.pt", "-o", file, *words),
            *("--licence", "MIT", "--data", DATA, "--split", SONG_SPLIT, "--training", training),
            *("--music", "{stems}/caesium/other.ogg"),
        ),
        makes=(file, f"{name}.toml"),
    )


def separator_measured(file: str) -> tuple[RecipeStep, ...]:
    """Measure on two composed songs and on one of the album, none of which it was trained on."""
    song = ("evaluate", "separation", "{stems}", "--songs", "caesium", "--start", "60", "--seconds", "60")
    return (
        _songs("held-out", "held", 900, 1, "0"),
        _songs("held-out-electronic", "held", 910, 1, "1"),
        RecipeStep(name="evaluate", words=("evaluate", "separation", "held", "--model", file), measures=True),
        RecipeStep(name="evaluate-song", words=(*song, "--model", file), measures=True),
    )
