"""`collaparte cues check`: where and when each cue of a list acts."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import FOLLOW, argument, command, option
from cli.outward_options import cue_score
from cli.score_options import ScoreOptions
from cli.terminal.report import note
from engine.core.config import Settings, plain

if TYPE_CHECKING:
    from engine.score.score import Score
    from engine.stage.cues.cue_list import CueList, PlannedCue

__all__ = ["CueCheckOptions", "cues_check_command"]

EXAMPLES = """\
examples:
  collaparte cues check show.toml --score piece.musicxml
"""
SAME_S = 0.005  # later than this is told, seconds
HEAD = ("bar", "beat", "quarter", "pass", "acts at", "cue", "does")


@dataclass(frozen=True, slots=True, kw_only=True)
class CueCheckOptions(Settings):
    """Options of `collaparte cues check`."""

    cues: Path = argument("SHOW.toml", "the cue list")
    score: Path = option(plain(MISSING, "the score: MusicXML, MXL or MIDI"), metavar="FILE", group=FOLLOW)
    reading: ScoreOptions = plain(ScoreOptions, "follow")


@command(CueCheckOptions, EXAMPLES)
def cues_check_command(options: CueCheckOptions) -> int:
    """Print each cue as played: place, time at the score's own tempo less the lead, name, actions; what comes late."""
    from engine.core.errors import ConfigError
    from engine.stage.cues.actions import SoundAction
    from engine.stage.cues.cue_list import read_cues

    cues = read_cues(options.cues)
    score = cue_score(options.score, options.reading)
    planned = cues.planned(score)
    rows = [_row(cue, cues, score) for cue in planned]
    widths = [max(len(row[i]) for row in (HEAD, *rows)) for i in range(len(HEAD))]
    for row in (HEAD, *rows):
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    for entry in cues.entries:
        for action in entry.does:
            if isinstance(action, SoundAction) and not action.sound.is_file():
                where = f"{cues.where}, line {entry.line}, cue {entry.name}"
                raise ConfigError(where, expected="a sound file", got=f"none at {action.sound}")
    for cue in planned:
        _say_if_late(cue, cues, score)
    note(f"{len(cues.entries)} cues, which act {len(rows)} times")
    return 0


def _earliest_s(cue: PlannedCue, cues: CueList, score: Score) -> float:
    """When a cue can act at the earliest, seconds of score: nothing is foreseen before the music has begun."""
    needed = 1 if cue.at_once else cues.timing.confirm
    return float(score.seconds(score.onset_quarter[:needed][-1]))


def _say_if_late(cue: PlannedCue, cues: CueList, score: Score) -> None:
    """Say of a cue at the beginning that it comes later than it stands there, and what can be done."""
    late_s = _earliest_s(cue, cues, score) - (float(score.seconds(cue.quarter)) - cue.lead_s)
    if late_s < SAME_S:
        return
    if cue.at_once:
        return note(f"cue {cue.name}: acts with the first note, {late_s:.2f} s late: nothing foretells it")
    why = f"{cues.timing.confirm} notes confirm the beginning"
    note(
        f"cue {cue.name}: acts {late_s:.2f} s late: {why}; at_once = true does not wait for them, nor in a false start"
    )


def _row(cue: PlannedCue, cues: CueList, score: Score) -> tuple[str, ...]:
    from engine.stage.cues.places import bar_and_beat

    bar, beat = bar_and_beat(cue.quarter, score)
    at_s = max(float(score.seconds(cue.quarter)) - cue.lead_s, _earliest_s(cue, cues, score))
    minutes, seconds = divmod(at_s, 60)
    does = ", ".join(_said(action) for action in cues.entries[cue.entry].does)
    when = f"{int(minutes)}:{seconds:05.2f}"
    return str(bar), f"{beat:g}", f"{cue.quarter:g}", str(cue.pass_number), when, cue.name, does


def _said(action: object) -> str:
    """An action in a few words."""
    from engine.core.config import settings_of

    first, *more = settings_of(type(action))
    told = {
        "osc": "address",
        "midi": "channel",
        "http": "method",
        "mqtt": "topic",
        "control": "target",
    }.get(first, "")
    further = f" {getattr(action, told)}" if told in more and getattr(action, told) != "" else ""
    return f"{first} {getattr(action, first)}{further}"
