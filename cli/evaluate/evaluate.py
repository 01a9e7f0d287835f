"""`collaparte evaluate`: the list of measures."""

from __future__ import annotations

from cli.command_list import Entry, LazyGroup

__all__ = ["MEASURES", "evaluate_command"]

EXAMPLES = """\
A piece is a folder with score.musicxml (or .mxl, .mid), performance.wav (or .flac, .ogg) and truth.csv (columns
quarter,audio_s). A song is a folder with drums.wav and its other stems.

examples:
  collaparte evaluate follow demo/
  collaparte evaluate align demo/ --csv table.csv --plots pictures/
  collaparte evaluate hard hard/ --split judging --plot reliability.png
  collaparte evaluate find scores/ --starts 60
  collaparte evaluate accompany duos/ --plots pictures/
  collaparte evaluate hpss songs/
  collaparte evaluate separation songs/ --songs caesium --wiener --csv table.csv
  collaparte evaluate detection recordings/ --labels recordings/strong.tsv
  collaparte evaluate inventions negatives/
  collaparte evaluate similarity pieces/ --networks runs/ --csv table.csv
  collaparte evaluate generators --data symbolic/
  collaparte evaluate music Frames VRASH --csv floors.csv
  collaparte evaluate listening page/ --models Frames Markov --data symbolic/
  collaparte evaluate listening page/ --answers answers.json
"""


def _row(name: str, text: str) -> Entry:
    return Entry(text, f"cli.evaluate.{name}:evaluate_{name}_command", "Measures")


MEASURES = {
    "follow": _row("follow", "Live following, onset by onset."),
    "jumps": _row("jumps", "Following after jumps to known places, and false jumps in clean playing."),
    "find": _row("find", "Finding which piece of a folder is played, from random starts."),
    "hard": _row("hard", "Live following of hard takes, and how far its confidence can be trusted."),
    "accompany": _row("accompany", "Accompaniment of recorded soloists, against a human's own."),
    "align": _row("align", "Whole-file alignment, onset by onset."),
    "hpss": _row("hpss", "Harmonic/percussive separation."),
    "separation": _row("separation", "Stems of networks: SI-SDR, its gain, global SDR, SDR of BSS Eval v4."),
    "separators": _row("separators", "Ours beside other people's separators: table 2 of X-UMX's paper."),
    "detection": _row("detection", "Sound events: clip, segment and event F1, PSDS."),
    "inventions": _row("inventions", "Sound events that a live detector invents in an hour of what holds none."),
    "similarity": _row("similarity", "Frame similarity: the table of its paper."),
    "generators": _row("generators", "Likelihood of chorales, and samples beside Bach."),
    "music": _row("music", "Musical floors: what generators write beside what they learnt from."),
    "listening": _row("listening", "Write a blinded listening test, or read its answers."),
}
OTHER_NAMES = {"unmix": "separation", "crnn": "detection", "siamese": "similarity"}  # of the networks that ship

evaluate_command = LazyGroup(MEASURES, OTHER_NAMES, name="evaluate", epilog=EXAMPLES)
