"""Act on cues: an outlet whose thread waits for the next due instant, and performs what the cue says."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from engine.core.errors import EngineError
from engine.core.events import Cue, Event
from engine.realtime.device_clock import DeviceClock
from engine.realtime.input_time import InputTime
from engine.realtime.session_types import SessionStatus
from engine.realtime.states import SessionState
from engine.stage.cues.actions import Action, SoundAction
from engine.stage.cues.cue_list import CueEntry
from engine.stage.cues.performers import Performer

__all__ = ["CueRunner"]

CLOSE_S = 0.5


class CueRunner:
    """An outlet for `Cue` events.

    entries: the cues of the list
    performers: by kind of action; they are closed with the runner
    say: prints one line
    """

    def __init__(
        self, entries: Sequence[CueEntry], performers: Mapping[type[Action], Performer], say: Callable[[str], None]
    ) -> None:
        self._does = {entry.name: entry.does for entry in entries}
        self._performers, self._say = performers, say
        self._trouble = ""
        self._time = InputTime(time.monotonic, 1.0)
        self._due: list[tuple[float, int, str]] = []  # monotonic time, order, cue
        self._order = count()
        self._awake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="cues")
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Return what went wrong with the last cue, where something did."""
        return self._trouble

    def take(self, event: Event, clock: DeviceClock | None) -> None:
        """Take any event; have what a cue says done when its instant has come."""
        if clock is not None:
            self._time.look(clock)
        if not isinstance(event, Cue):
            return
        if event.why:
            self._say(f"cue {event.name}: {'made up' if event.fired else 'passed over'}: {event.why}")
        if event.fired:
            at_s = time.monotonic()
            if clock is not None and self._time.known:
                at_s = self._time.there(event.at / clock.sample_rate)
            with self._awake:
                heapq.heappush(self._due, (at_s, next(self._order), event.name))
                self._awake.notify()

    def look(self, status: SessionStatus) -> None:
        """Forget the clock of a device that has gone."""
        if status.state is SessionState.WAITING:
            self._time.forget()

    def _run(self) -> None:
        while (name := self._next()) is not None:
            for action in self._does[name]:
                self._perform(name, action)

    def _next(self) -> str | None:
        """Wait for the next cue; None at the end."""
        with self._awake:
            while not self._closing:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._due)[2]
                self._awake.wait(wait_s)
        return None

    def _perform(self, name: str, action: Action) -> None:
        if isinstance(action, SoundAction):  # the engine has played it
            return
        self._trouble = ""
        try:
            self._performers[type(action)].perform(action)
        except (EngineError, OSError) as error:
            self._fail(f"cue {name}: {' '.join(str(error).split())}")
        except Exception as error:  # else the thread would end, and all further cues be lost
            self._fail(f"cue {name}: {type(error).__name__}: {' '.join(str(error).split())}")

    def _fail(self, line: str) -> None:
        self._trouble = line
        self._say(line)

    def close(self) -> None:
        """Leave out what is not due yet, and end what sounds."""
        with self._awake:
            self._closing = True
            self._awake.notify()
        self._thread.join(CLOSE_S)
        for performer in self._performers.values():
            performer.close()
