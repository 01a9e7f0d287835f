"""A recording and what was followed in it, to be looked at and listened to afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.audio.files import AudioReader
from engine.core.errors import ConfigError
from engine.core.events import Event, Position, State, from_line

__all__ = ["StageReview", "read_review"]

RATE = 1_000_000  # ticks a second in which the lines are read: the lines themselves are in seconds
STEP_S = 0.05  # between two positions that are kept: a curve has no more to show
MAX_EVENTS_BYTES = 1 << 28
MEDIA = {".flac": "audio/flac", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".opus": "audio/ogg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReview:
    """What the page is told of a recording.

    audio: the recording, in a format that browsers play
    body: duration, positions, states and other events
    """

    audio: Path
    body: dict[str, Any]

    @property
    def media_type(self) -> str:
        """Return the media type of the recording."""
        return MEDIA[self.audio.suffix.lower()]


def read_review(audio: Path, events: Path) -> StageReview:
    """Read a recording's events, one JSON line each; EngineError in one line for what is missing or wrong."""
    if audio.suffix.lower() not in MEDIA:
        remedy = "convert it: ffmpeg -i take.aiff take.flac"
        expected = "a format that browsers play, of " + ", ".join(MEDIA)
        raise ConfigError(str(audio), expected=expected, got=audio.suffix or "no suffix", remedy=remedy)
    with AudioReader(audio) as reader:
        duration_s = reader.n_samples / reader.format.sample_rate
    positions: list[list[float]] = []
    states: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for event, line in _events(events):
        at_s = event.at / RATE
        if isinstance(event, Position):
            if not positions or at_s >= positions[-1][0] + STEP_S or event.quarter < positions[-1][1]:
                row = [at_s, event.quarter, event.tempo_bpm, event.confidence]
                positions.append([round(value, 4) for value in row])
        elif isinstance(event, State):
            states.append(line)
        else:
            others.append(line)
    body = {"audio": "/api/review/audio", "duration_s": round(duration_s, 3)}
    return StageReview(audio=audio, body={**body, "positions": positions, "states": states, "events": others})


def _events(path: Path) -> Iterator[tuple[Event, dict[str, Any]]]:
    """Yield each event with its line's fields; lines that a killed program left unfinished are the last ones only."""
    try:
        size = path.stat().st_size
        if size > MAX_EVENTS_BYTES:
            raise ConfigError(str(path), expected=f"at most {MAX_EVENTS_BYTES} bytes", got=str(size))
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), expected="events, one JSON line each", got="other bytes") from error
    except OSError as error:
        raise ConfigError(str(path), expected="a readable file", got=str(error.strerror)) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield from_line(line, RATE), json.loads(line)
        except ConfigError as error:
            if number == len(lines):
                return
            raise ConfigError(f"{path}, line {number}", expected=error.expected, got=error.got) from error
