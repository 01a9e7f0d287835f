"""Put cues where the music is when a key is pressed, and write them as a cue list; no keys and no files here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.core.errors import ConfigError
from engine.core.events import Event, Position, State
from engine.score.score import Score
from engine.stage.cues.actions import OscAction
from engine.stage.cues.places import PlaceError, bar_and_beat, parse_place, place_quarters

__all__ = ["SNAPS", "CueRecorder", "RecordedCue", "written_cues"]

SNAPS = ("beat", "onset", "none")
KNOWN = ("following", "paused", "waiting")  # states in which there is a place
NEAR = 0.01  # quarters by which a place that is read again may differ
HEAD = """\
# Written by collaparte cues record. What every cue does is a beginning: see `collaparte cues check --help`.
"""


class RecordedCue(NamedTuple):
    """A cue.

    at: its place, as a cue list has it
    pass_number: how many-th time that is played; None where it is played once
    """

    quarter: float
    at: str
    pass_number: int | None


class CueRecorder:
    """Take the follower's events; say where a press of a key puts a cue.

    sample_rate: of the events, Hz
    snap: to the nearest beat, onset of the score, or nothing
    """

    def __init__(self, score: Score, sample_rate: int, snap: str = "beat") -> None:
        self.score, self.sample_rate, self.snap = score, sample_rate, snap
        self._beats = _beats(score) if snap == "beat" else score.onset_quarter
        self._position: Position | None = None
        self._state = ""

    def take(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, Position):
            self._position = event
        elif isinstance(event, State):
            self._state = event.name

    def press(self, now_s: float) -> RecordedCue:
        """Return the cue of a key that is pressed at this moment of the input; ConfigError where no place is known."""
        if (position := self._position) is None or self._state not in KNOWN:
            got = f"the state {self._state}" if self._state else "no note yet"
            raise ConfigError("cue", expected="a place in the score", got=got)
        since_s = max(now_s - position.at / self.sample_rate, 0.0)
        moved = since_s * position.tempo_bpm / 60 if self._state == "following" else 0.0
        return self._placed(min(max(position.quarter + moved, 0.0), self.score.end_quarter))

    def _placed(self, quarter: float) -> RecordedCue:
        if self.snap != "none":
            quarter = float(self._beats[np.abs(self._beats - quarter).argmin()])
        bar, beat = bar_and_beat(quarter, self.score)
        at = f"bar {bar}" + (f" beat {beat:.4g}" if abs(beat - 1) > NEAR else "")
        try:
            passes = np.array(place_quarters(parse_place(at), self.score))
        except PlaceError:
            passes = np.empty(0)
        if not len(passes) or np.abs(passes - quarter).min() > NEAR:  # a bar that is entered in its middle
            return RecordedCue(quarter, f"quarter {quarter:.4f}", None)
        number = int(np.abs(passes - quarter).argmin()) + 1
        return RecordedCue(quarter, at, number if len(passes) > 1 else None)


def _beats(score: Score) -> np.ndarray:
    """Return every beat as played, quarters."""
    ends = np.append(score.bar_quarter[1:], score.end_quarter)
    lengths = score.bar_beat if len(score.bar_beat) else np.ones(len(ends))
    counts = zip(score.bar_quarter, ends, lengths, strict=True)
    beats = np.concatenate([np.arange(start, end - NEAR, length) for start, end, length in counts])
    return beats[beats >= 0] if (beats >= 0).any() else score.onset_quarter


def written_cues(cues: Sequence[RecordedCue], osc: str) -> str:
    """Return a cue list in which each cue sends OSC there, `/cue/1/start` and so on."""
    lines = [HEAD]
    for number, cue in enumerate(sorted(cues), 1):
        action = OscAction(osc=osc, address=f"/cue/{number}/start")
        lines += ["[[cue]]", f"name = {json.dumps(f'cue {number}')}", f"at = {json.dumps(cue.at)}"]
        lines += [] if cue.pass_number is None else [f"pass = {cue.pass_number}"]
        lines += [f"does = {{ osc = {json.dumps(action.osc)}, address = {json.dumps(action.address)} }}", ""]
    return "\n".join(lines)
