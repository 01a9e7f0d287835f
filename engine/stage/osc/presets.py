"""What each kind of listener is told, as OSC addresses and arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from engine.core.events import Cue, Event, Onset, Position, Sound, State
from engine.score.score import SAME_ONSET, Score
from engine.stage.cues.places import bar_and_beat
from engine.stage.osc.packing import OscLayout, osc_message
from engine.stage.osc.singles import OscSingles

__all__ = ["OscWriter", "osc_writer"]

Send = Callable[[bytes], None]
TEMPO_BPM = (20.0, 300.0)  # what a widget's 0 and 1 stand for
DIGITS_BPM, DIGITS = 1, 2  # of tempo and of what lies between 0 and 1: finer changes are none


class OscWriter(Protocol):
    """Turns events into messages."""

    def take(self, event: Event, now_s: float) -> None:
        """Send what an event tells; now_s: on a clock that never goes back."""
        ...

    def flush(self, now_s: float) -> None:
        """Send what has waited long enough."""
        ...


def osc_writer(preset: str, send: Send, score: Score | None) -> OscWriter:
    """Return the writer of a preset; score: what is followed, None where nothing is or where it is a recording."""
    return WRITERS[preset](send, score)


class _Own:
    """The addresses of Colla Parte."""

    def __init__(self, send: Send, score: Score | None) -> None:
        self._send, self._score, self._singles = send, score, OscSingles(send)
        self._position = OscLayout("/collaparte/position", "fifff")
        self._onset = OscLayout("/collaparte/onset", "ff")

    def take(self, event: Event, now_s: float) -> None:
        if isinstance(event, Position):
            self._on_position(event, now_s)
        elif isinstance(event, Onset):
            if event.heard:
                self._send(self._onset.pack(event.quarter, event.due_s))
        elif isinstance(event, State):
            self._send(osc_message("/collaparte/state", event.name))
        elif isinstance(event, Sound):
            self._send(osc_message("/collaparte/sound", event.label, int(event.active), event.probability))
            if event.retracted:
                self._send(osc_message("/collaparte/sound/retracted", event.label))
        elif isinstance(event, Cue) and event.fired:
            self._send(osc_message("/collaparte/cue", event.name))

    def _on_position(self, at: Position, now_s: float) -> None:
        self._send(self._position.pack(at.quarter, at.bar, at.score_s, at.tempo_bpm, at.confidence))
        put = self._singles.put
        put(now_s, "/collaparte/bar", at.bar)
        if self._score is not None:
            put(now_s, "/collaparte/beat", int(bar_and_beat(max(at.quarter, 0.0), self._score)[1]))
        put(now_s, "/collaparte/tempo", round(at.tempo_bpm, DIGITS_BPM))
        put(now_s, "/collaparte/confidence", round(at.confidence, DIGITS))

    def flush(self, now_s: float) -> None:
        self._singles.flush(now_s)


class _TouchOsc:
    """One number from 0 to 1 for each fader or radial, one text for each label."""

    def __init__(self, send: Send, score: Score | None) -> None:
        self._send, self._score, self._singles = send, score, OscSingles(send)

    def take(self, event: Event, now_s: float) -> None:
        if isinstance(event, Position):
            self._on_position(event, now_s)
        elif isinstance(event, State):
            self._send(osc_message("/collaparte/state", event.name))
        elif isinstance(event, Sound):
            self._send(osc_message(f"/collaparte/sound/{_word(event.label)}", float(event.active)))
        elif isinstance(event, Cue) and event.fired:
            self._send(osc_message("/collaparte/cue/label", event.name))

    def _on_position(self, at: Position, now_s: float) -> None:
        low, high = TEMPO_BPM
        put = self._singles.put
        if self._score is not None:
            progress = min(max(at.quarter / max(self._score.end_quarter, SAME_ONSET), 0.0), 1.0)
            put(now_s, "/collaparte/progress", round(progress, DIGITS + 1))
            beat = bar_and_beat(max(at.quarter, 0.0), self._score)[1]
            put(now_s, "/collaparte/beat", round(beat % 1.0, DIGITS))
            put(now_s, "/collaparte/beat/label", str(int(beat)))
        put(now_s, "/collaparte/confidence", round(at.confidence, DIGITS))
        put(now_s, "/collaparte/tempo", round(min(max((at.tempo_bpm - low) / (high - low), 0.0), 1.0), DIGITS + 1))
        put(now_s, "/collaparte/bar/label", str(at.bar))
        put(now_s, "/collaparte/tempo/label", f"{at.tempo_bpm:.0f}")

    def flush(self, now_s: float) -> None:
        self._singles.flush(now_s)


class _QLab:
    """Starts the cue whose number is `bar` and the bar's, each time that a bar begins; and that of each cue's name.

    QLab refuses a number that no cue has, and does nothing.
    """

    def __init__(self, send: Send, score: Score | None) -> None:
        self._send, self._score = send, score
        self._bar: tuple[int, int] | None = None  # which bar of those played, and its number
        self._playing = False

    def take(self, event: Event, now_s: float) -> None:
        if isinstance(event, State):
            self._playing = event.name == "following"
        elif isinstance(event, Cue):
            if event.fired:
                self._send(osc_message(f"/cue/{_word(event.name)}/start"))
        elif isinstance(event, Position) and self._playing:
            bar = self._index(event), event.bar
            if bar != self._bar:
                self._bar = bar
                self._send(osc_message(f"/cue/bar{event.bar}/start"))

    def _index(self, at: Position) -> int:
        """Return which of the played bars it is: two passes of one bar are two."""
        quarter = max(at.quarter, 0.0) + SAME_ONSET  # before the first note it is in its bar
        return 0 if self._score is None else int(self._score.bar_quarter.searchsorted(quarter, "right"))

    def flush(self, now_s: float) -> None:
        """Nothing waits."""


class _Antescofo:
    """What Antescofo tells others: the place of each event, the present place and the tempo."""

    def __init__(self, send: Send, score: Score | None) -> None:
        self._send, self._score, self._singles = send, score, OscSingles(send)
        self._event = OscLayout("/antescofo/event_beatpos", "f")
        self._pitch = OscLayout("/antescofo/pitch", "f")

    def take(self, event: Event, now_s: float) -> None:
        if isinstance(event, Position):
            self._singles.put(now_s, "/antescofo/rnow", event.quarter)
            self._singles.put(now_s, "/antescofo/tempo", round(event.tempo_bpm, DIGITS_BPM))
        elif isinstance(event, Onset) and event.heard:
            self._send(self._event.pack(event.quarter))
            if (pitch := self._highest(event.quarter)) is not None:
                self._send(self._pitch.pack(pitch))

    def _highest(self, quarter: float) -> int | None:
        if self._score is None:
            return None
        near = self._score.note_pitch[abs(self._score.note_quarter - quarter) < SAME_ONSET]
        return int(near.max()) if len(near) else None

    def flush(self, now_s: float) -> None:
        self._singles.flush(now_s)


def _word(label: str) -> str:
    """Return a label as a part of an address, where spaces and signs of patterns may not stand (OSC 1.0)."""
    return "".join("_" if each in " #*,/?[]{}" or not each.isascii() else each for each in label)


WRITERS: dict[str, Callable[[Send, Score | None], OscWriter]] = {
    "collaparte": _Own,
    "qlab": _QLab,
    "touchosc": _TouchOsc,
    "antescofo": _Antescofo,
}
