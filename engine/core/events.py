"""Define the events that the engine emits: frozen, each with the time it refers to and the time it was emitted.

`at` and `emitted_at` are samples on the clock of the input. `emitted_at` is how much input had to be consumed
before the event could be emitted; it does not depend on how the input was cut into blocks, so
`emitted_at - at` is the true algorithmic delay. Seconds exist only in the JSON lines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from engine.core.config import from_mapping
from engine.core.errors import ConfigError

__all__ = [
    "Accompanied",
    "Control",
    "Cue",
    "Dropout",
    "Event",
    "Guesses",
    "Late",
    "Note",
    "Onset",
    "PieceFound",
    "Position",
    "Sound",
    "State",
    "from_line",
    "to_line",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events.

    at: sample that the event refers to
    emitted_at: input samples consumed when it was emitted
    """

    at: int
    emitted_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(Event):
    """Current position in the score.

    quarter: quarter notes from the score's first note, repeats played out
    bar: its number
    score_s: seconds at the score's own tempo
    tempo_bpm: current tempo, quarters per minute
    confidence: 0 to 1
    """

    quarter: float
    bar: int
    score_s: float
    tempo_bpm: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset(Event):
    """The next onset of what is followed: expected, or begun.

    The newest line counts: a prediction of an onset that had been heard, or of one before it, takes that back.

    quarter: its place in the score
    due_s: when it is expected, or when it has begun, seconds of input
    sd_s: standard deviation of due_s
    heard: whether it has begun
    """

    quarter: float
    due_s: float
    sd_s: float
    heard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class State(Event):
    """What the follower does from now on.

    name: waiting, following, lost, paused or ended
    why: a phrase
    transposition: semitones by which what is played sounds above the score
    a4_hz: frequency at which the score's A4 sounds
    perhaps: quarters where the music may be, the likeliest first, while it is lost
    """

    name: str
    why: str
    transposition: int = 0
    a4_hz: float = 440.0
    perhaps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceFound(Event):
    """One of the pieces of a folder that are most likely played, and where; the likeliest comes first.

    id: of the piece
    name: its file in the folder, without the suffix
    quarter: place in its score
    bar: its number
    confidence: probability that it is this piece, 0 to 1
    sure: whether it is the piece that is followed from now on; else it is a guess
    rank: 0 for the likeliest, then the others that are told for the same instant
    """

    id: str
    name: str
    quarter: float
    bar: int
    confidence: float
    sure: bool
    rank: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accompanied(Event):
    """An onset of the accompaniment sounds at `at`.

    quarter: its place in the score
    """

    quarter: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue(Event):
    """A cue acts at `at`, or is passed over.

    name: of the cue
    quarter: its place in the score
    fired: whether it acts; else it was passed over
    made_up: whether it acts late, because its place was passed over
    why: a phrase, where it does not act in time
    """

    name: str
    quarter: float
    fired: bool = True
    made_up: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound(Event):
    """A sound begins, ends, or is retracted: then what was reported as its beginning is taken back.

    label: its class
    active: whether it begins
    probability: 0 to 1
    retracted: whether the last beginning of this label was none, as its evidence went away; only where not active
    """

    label: str
    active: bool
    probability: float
    retracted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses(Event):
    """The most likely sounds now, best first, whether or not they are events; for display only: no line is written.

    labels: their classes
    probabilities: 0 to 1
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Event):
    """A MIDI note begins or ends.

    pitch, velocity: 0 to 127
    channel: 0 to 15
    active: whether it begins
    """

    pitch: int
    velocity: int
    channel: int
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Control(Event):
    """A MIDI controller moves, such as a pedal.

    controller, value: 0 to 127
    channel: 0 to 15
    """

    controller: int
    value: int
    channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout(Event):
    """Something was lost, replaced by silence or delayed.

    samples: how many; with `where` "events": how many events
    where: "device" (disconnected), "input" (lost before processing), "invalid input" (numbers that are no sound, of all
        channels), "server" (left out by the sound server, also on the clock), "output" (missing in playback),
        "recording" (not recorded), "events" (not delivered), "longer block" (silence inserted in playback), or the path
        of a damaged file
    """

    samples: int
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Late(Event):
    """A slow node missed its deadline and repeated its last result.

    samples: length of the input for which it did so
    where: the node
    """

    samples: int
    where: str


TYPES: dict[str, type[Event]] = {
    "position": Position,
    "onset": Onset,
    "state": State,
    "piece": PieceFound,
    "accompanied": Accompanied,
    "cue": Cue,
    "sound": Sound,
    "note": Note,
    "control": Control,
    "dropout": Dropout,
    "late": Late,
}
NAMES = {kind: name for name, kind in TYPES.items()}
DIGITS = 6  # of seconds and numbers in the lines: a microsecond, finer than any sample


def to_line(event: Event, sample_rate: int) -> str:
    """Return one JSON object without a line end: type, at_s, emitted_at_s, then the event's own fields."""
    own = asdict(event)
    line: dict[str, Any] = {
        "type": NAMES[type(event)],
        "at_s": round(own.pop("at") / sample_rate, DIGITS),
        "emitted_at_s": round(own.pop("emitted_at") / sample_rate, DIGITS),
    }
    line.update((name, round(v, DIGITS) if isinstance(v, float) else v) for name, v in own.items())
    return json.dumps(line, allow_nan=False)


def from_line(line: str, sample_rate: int) -> Event:
    """Read one JSON line back; the inverse of `to_line` up to its rounding."""
    try:
        values = json.loads(line)
        if not isinstance(values, Mapping):
            raise ValueError("not an object")
        values = dict(values)
        kind = TYPES[values.pop("type")]
        at, emitted_at = values.pop("at_s"), values.pop("emitted_at_s")
        times = {"at": round(at * sample_rate), "emitted_at": round(emitted_at * sample_rate)}
        own = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return from_mapping(kind, {**times, **own})
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError("event line", expected="one JSON event a line", got=repr(line[:80])) from error
