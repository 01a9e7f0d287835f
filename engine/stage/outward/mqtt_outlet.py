"""Sounds, the place in the score, states and cues to an MQTT broker; thresholds and labels from it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.core.errors import EngineError
from engine.core.events import Cue, Event, Guesses, Position, Sound, State, to_line
from engine.realtime.device_clock import DeviceClock
from engine.realtime.session_types import SessionStatus
from engine.realtime.states import SessionState
from engine.stage.outward.mqtt_link import Broker, MqttLink
from engine.stage.outward.topics import OFFLINE, ONLINE, MqttMessage, Topics, read_command

__all__ = ["MqttOutlet", "MqttPlan", "ThresholdControl"]

GUESSES_S, POSITION_S = 0.5, 1.0  # least time between two messages
DIGITS = 3
NEVER = 1.0  # threshold of a label that is off


class ThresholdControl(Protocol):
    """What sets thresholds while the session runs."""

    def threshold(self, label: str, probability: float, /) -> None:
        """Report a sound from this probability on; EngineError if this session cannot."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttPlan:
    """What is published.

    topic: base of all topics
    thresholds: those that hold at the beginning, by label
    discover: whether Home Assistant is told
    """

    broker: Broker
    sample_rate: int
    topic: str = "collaparte"
    labels: Sequence[str] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    follows: bool = False
    discover: bool = True


class MqttOutlet:
    """An outlet that publishes; the broker keeps the last state of everything, and hears when we vanish."""

    def __init__(self, plan: MqttPlan, say: Callable[[str], None], controls: ThresholdControl | None = None) -> None:
        self._plan, self._say, self._controls = plan, say, controls
        self.topics = Topics(plan.topic, plan.labels, plan.follows)
        self._thresholds = dict(plan.thresholds)
        self._off: set[str] = set()
        self._lock = threading.Lock()
        self._kept: dict[str, str] = {}  # what the broker has to keep, by topic
        self._next_s = {Guesses: 0.0, Position: 0.0}
        self._begin()
        self.link = MqttLink(
            plan.broker,
            say,
            will=MqttMessage(self.topics.status, OFFLINE, retain=True),
            greeting=self._greeting,
            subscribe=self.topics.commands if controls is not None else (),
            take=self._command,
        )
        self.link.open()

    def _begin(self) -> None:
        for label in self._plan.labels:
            self._kept[self.topics.of("sound", label)] = "OFF"
            self._kept[self.topics.of("label", label)] = "ON"
        for label, value in self._thresholds.items():
            self._kept[self.topics.of("threshold", label)] = f"{value:g}"

    def _greeting(self) -> list[MqttMessage]:
        """Return what the broker has to know after every connection."""
        with self._lock:
            kept = [MqttMessage(topic, payload, retain=True) for topic, payload in self._kept.items()]
        found = list(self.topics.discovery()) if self._plan.discover else []
        return [*found, *kept, MqttMessage(self.topics.status, ONLINE, retain=True)]

    @property
    def trouble(self) -> str:
        """Return whether the broker is not there."""
        return "" if self.link.connected else "no broker"

    def take(self, event: Event, clock: DeviceClock | None) -> None:
        """Take an event; publish it, or, of positions and guesses, one now and then."""
        if isinstance(event, Sound):
            self._sound(event)
        elif isinstance(event, State):
            self._keep(self.topics.of("state"), event.name)
        elif isinstance(event, Cue):
            self.link.publish(MqttMessage(self.topics.of("cue"), self._line(event)), qos=1)
        elif isinstance(event, Guesses | Position) and self._is_time(type(event)):
            self._now_and_then(event)

    def _line(self, event: Event) -> str:
        return to_line(event, self._plan.sample_rate)

    def _sound(self, event: Sound) -> None:
        if event.label in self._off:
            return
        self._keep(self.topics.of("sound", event.label), "ON" if event.active else "OFF")
        self.link.publish(MqttMessage(self.topics.of("events"), self._line(event)), qos=1)

    def _is_time(self, kind: type[Guesses | Position]) -> bool:
        now_s = time.monotonic()
        if now_s < self._next_s[kind]:
            return False
        self._next_s[kind] = now_s + (GUESSES_S if kind is Guesses else POSITION_S)
        return True

    def _now_and_then(self, event: Guesses | Position) -> None:
        if isinstance(event, Guesses):
            found = dict(zip(event.labels, (round(p, DIGITS) for p in event.probabilities), strict=True))
            self.link.publish(MqttMessage(self.topics.of("guesses"), json.dumps(found)))
        else:
            names = ("quarter", "bar", "score_s", "tempo_bpm", "confidence")
            values = {name: round(float(getattr(event, name)), DIGITS) for name in names} | {"bar": event.bar}
            self._keep(self.topics.of("position"), json.dumps(values))

    def _keep(self, topic: str, payload: str) -> None:
        with self._lock:
            self._kept[topic] = payload
        self.link.publish(MqttMessage(topic, payload, retain=True))

    def look(self, status: SessionStatus) -> None:
        """End all sounds where the session has lost its device, since nothing else would."""
        if status.state is SessionState.WAITING:
            self._quiet()

    def _quiet(self) -> None:
        for label in self._plan.labels:
            topic = self.topics.of("sound", label)
            if self._kept[topic] == "ON":
                self._keep(topic, "OFF")

    def _command(self, topic: str, payload: bytes) -> None:
        """Obey a command, in the link's thread; what cannot be is told in one line."""
        try:
            kind, label, value = read_command(self.topics, topic, payload)
            if kind == "threshold":
                self._set_threshold(label, value)
            else:
                self._switch(label, on=bool(value))
        except EngineError as error:
            self._say(f"MQTT: {error}")

    def _set_threshold(self, label: str, value: float) -> None:
        assert self._controls is not None
        if label not in self._off:
            self._controls.threshold(label, value)
        self._thresholds[label] = value
        self._keep(self.topics.of("threshold", label), f"{value:g}")

    def _switch(self, label: str, *, on: bool) -> None:
        """Report a label or not: one that is off has a threshold that is never reached, and is not published."""
        assert self._controls is not None
        if on:
            self._off.discard(label)
            if label in self._thresholds:
                self._controls.threshold(label, self._thresholds[label])
        else:
            self._controls.threshold(label, NEVER)
            self._off.add(label)
            self._keep(self.topics.of("sound", label), "OFF")
        self._keep(self.topics.of("label", label), "ON" if on else "OFF")

    def close(self) -> None:
        """End what sounds, say goodbye."""
        self._quiet()
        self.link.close()
