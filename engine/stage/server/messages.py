"""What clients are told of a session: positions, states, sounds, levels, drop-outs, the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.core.events import NAMES, Dropout, Event, Guesses, Position, State
from engine.realtime.states import SessionState
from engine.stage.controls.desk import StageDesk
from engine.stage.outlet import NamedOutlet
from engine.stage.server.outbox import StageMessage

if TYPE_CHECKING:
    from engine.realtime.device_clock import DeviceClock
    from engine.realtime.session_types import SessionStatus

__all__ = [
    "FALLBACK_HZ",
    "BeatCounter",
    "StatusTeller",
    "desk_message",
    "event_message",
    "outlet_rows",
    "position_message",
    "state_message",
]

DIGITS = 4
FALLBACK_HZ = 48_000  # before a device has said its own


class BeatCounter:
    """Count the beats of bars.

    bars: (bar) start, quarters
    beats: (bar) length of a beat, quarters
    """

    def __init__(self, bars: npt.ArrayLike = (0.0,), beats: npt.ArrayLike = (1.0,)) -> None:
        self._bars, self._beats = np.asarray(bars, dtype=float), np.asarray(beats, dtype=float)

    def beat(self, quarter: float) -> int:
        """Return the beat that sounds, from 1."""
        i = max(int(np.searchsorted(self._bars, quarter + 1e-4, side="right")) - 1, 0)
        return max(int((quarter - self._bars[i] + 1e-4) // self._beats[i]), 0) + 1


def position_message(event: Position, clock: DeviceClock | None, rate: int, beats: BeatCounter) -> StageMessage:
    """Return where the music is, with the age of what that was heard of, seconds."""
    age_s = (event.emitted_at - event.at) / rate if clock is None else (clock.now() - event.at) / clock.sample_rate
    body = {
        "q": round(event.quarter, DIGITS),
        "bar": event.bar,
        "beat": beats.beat(event.quarter),
        "bpm": round(event.tempo_bpm, 2),
        "conf": round(event.confidence, 3),
        "age": round(age_s, DIGITS),
    }
    return StageMessage("pos", body)


def state_message(event: State) -> StageMessage:
    """Return what the follower does from now on."""
    body: dict[str, Any] = {"name": event.name, "why": event.why, "perhaps": list(event.perhaps)}
    body |= {"transposition": event.transposition, "a4": event.a4_hz}
    return StageMessage("state", body)


def event_message(event: Event, rate: int) -> StageMessage:
    """Return any other event, with the fields of its JSON line."""
    own = asdict(event)
    times = {name: round(own.pop(name[:-2]) / rate, 6) for name in ("at_s", "emitted_at_s")}
    kind = "guesses" if isinstance(event, Guesses) else NAMES[type(event)]
    return StageMessage(kind, {**times, **own})


def outlet_rows(outlets: Sequence[NamedOutlet]) -> list[dict[str, Any]]:
    """Return a row for each name: whether all of it works, and what does not."""
    lines: dict[str, str] = {}
    for name, outlet in outlets:
        lines[name] = lines.get(name) or outlet.trouble
    return [{"name": name, "ok": not line, "line": line} for name, line in lines.items()]


def desk_message(desk: StageDesk) -> StageMessage:
    """Return where the faders stand."""
    return StageMessage("controls", {name: value for name, value in asdict(desk).items()})


class StatusTeller:
    """Make status messages of a session's status: what was lost since it began, and how busy the processor is."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count from here, for a session that begins."""
        self._device, self._cpu_s, self._seen_s, self._share = 0, 0.0, 0.0, 0.0

    def take(self, event: Event) -> None:
        """Count how often the device was away."""
        self._device += isinstance(event, Dropout) and event.where == "device"

    def starting(self, line: str) -> StageMessage:
        """Return what is told of a session that is made ready; line: what takes so long."""
        drops = dict.fromkeys(("device", "input", "output", "events"), 0)
        body = {"state": str(SessionState.STARTING), "message": line, "seconds": 0, "latency_ms": None, "drops": drops}
        return StageMessage("status", {**body, "since": 0, "cpu": 0})

    def message(
        self, status: SessionStatus, rate: int, now_s: float, line: str = "", since_s: float = 0.0
    ) -> StageMessage:
        """Return the status at `now_s`, seconds on any clock; line: what was said last; since_s: since it began."""
        counts, latency = status.counts, status.latency
        if now_s > self._seen_s > 0:
            self._share = max(0.0, (counts.cpu_s - self._cpu_s) / (now_s - self._seen_s))
        self._cpu_s, self._seen_s = counts.cpu_s, now_s
        body: dict[str, Any] = {
            "state": str(status.state),
            "message": line,
            "seconds": round(status.now / rate, 2),
            "latency_ms": None if latency is None else round(latency.total_ms, 1),
            "drops": {
                "device": self._device,
                "input": counts.lost,
                "output": counts.missing,
                "events": counts.unsent,
            },
            "since": round(since_s, 1),
            "cpu": round(self._share, 3),
        }
        return StageMessage("status", body)
