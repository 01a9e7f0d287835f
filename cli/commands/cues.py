"""`collaparte cues`: what one can do with a cue list before the show."""

from __future__ import annotations

from cli.command_list import Entry, LazyGroup

__all__ = ["CUE_COMMANDS", "cues_command"]

EXAMPLES = """\
examples:
  collaparte cues check show.toml --score piece.musicxml             where each cue acts, and whether all is well
  collaparte cues record show.toml --score piece.musicxml --input take.flac     a key puts a cue where the music is
  collaparte run --input take.flac --score piece.musicxml --cues show.toml --events -     when each acts in a take
  collaparte run --input mic --score piece.musicxml --cues show.toml                      the show
"""

CUE_COMMANDS = {
    "check": Entry("Say where and when each cue of a list acts.", "cli.commands.cue_check:cues_check_command"),
    "record": Entry(
        "Write a cue list by pressing a key while the music plays.", "cli.commands.cue_record:cues_record_command"
    ),
}

cues_command = LazyGroup(CUE_COMMANDS, name="cues", epilog=EXAMPLES)
