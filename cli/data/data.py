"""`collaparte data`: the list of makers and converters."""

from __future__ import annotations

from cli.command_list import Entry, LazyGroup

__all__ = ["MAKERS", "data_command"]

EXAMPLES = """\
examples:
  collaparte data music21 -o symbolic/                                   chorales and tunes of music21's corpus
  collaparte data performances -o pieces/ --n 8                          what `evaluate follow` reads
  collaparte data songs -o songs/ --songs 30                             what `train separation` reads
  collaparte data scenes sounds/ -o train/ --rich                        what `train detection` reads
"""
GENERATORS, SEPARATION, DETECTION, FOLLOWING = "For generators", "For separation", "For detection", "For following"


def _row(text: str, module: str, name: str, panel: str) -> Entry:
    return Entry(text, f"cli.data.{module}:data_{name}_command", panel)


MAKERS = {
    "music21": _row("Chorales with fermatas, and tunes, of music21's corpus.", "corpora", "music21", GENERATORS),
    "midi": _row("Your own music: a folder of MIDI files.", "corpora", "midi", GENERATORS),
    "abc": _row("Your own music: a folder of tunes in ABC.", "corpora", "abc", GENERATORS),
    "musicxml": _row("Your own music: a folder of scores in MusicXML.", "corpora", "musicxml", GENERATORS),
    "mutopia": _row("Guitar music of the Mutopia project, by LilyPond.", "corpora", "mutopia", GENERATORS),
    "songs": _row(
        "Songs in stems, composed here, played by FluidSynth, sung by a vocoder.", "songs", "songs", SEPARATION
    ),
    "modules": _row("Songs in stems out of tracker modules.", "songs", "modules", SEPARATION),
    "lmms": _row("Songs in stems out of LMMS projects.", "songs", "lmms", SEPARATION),
    "guitars": _row("Guitars out of songs of Frets on Fire.", "songs", "guitars", SEPARATION),
    "scenes": _row("Mixed scenes out of isolated sounds.", "scenes", "scenes", DETECTION),
    "desed": _row(
        "Recordings or videos with labels as in DESED, packed to train on.", "recordings", "desed", DETECTION
    ),
    "debian-sounds": _row("Isolated sounds out of free packages of Debian.", "sounds", "debian_sounds", DETECTION),
    "surroundings": _row(
        "Rain, wind, traffic, halls, music, talk: hours without any event.", "sounds", "surroundings", DETECTION
    ),
    "music-beds": _row("Songs in stems as backgrounds of scenes.", "sounds", "music_beds", DETECTION),
    "performances": _row("Performances of scores with their truth.", "performances", "performances", FOLLOWING),
    "hard": _row("Hard takes: rooms, instruments, practising, with their truth.", "hard", "hard", FOLLOWING),
    "mazurkas": _row(
        "Recordings of the Mazurka Project as pieces to evaluate on.", "performances", "mazurkas", FOLLOWING
    ),
    "takes": _row("Performances packed for `train similarity`.", "performances", "takes", FOLLOWING),
    "salience": _row("Performances packed for `train salience`.", "performances", "salience", FOLLOWING),
}

data_command = LazyGroup(MAKERS, name="data", epilog=EXAMPLES)
