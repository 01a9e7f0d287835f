"""A MIDI port whose notes end even if its own process is killed.

A process that dies takes its JACK client along, and nobody can send note-offs through that any more. So a second
process keeps a port that is connected to the same readers and sends nothing, until the first has gone.
"""

from __future__ import annotations

import contextlib
import threading
import time

from engine.core.dying import is_dying
from engine.core.errors import DeviceError
from engine.midi.notes import NoteTracker
from engine.midi.port import MidiConfig, PortConfig
from engine.midi.process import MidiProcess

__all__ = ["GuardedPort"]

LOOK_S = 0.02  # between two looks at the port's process
AGAIN_S = (*(0.01 * i for i in range(16)), 0.2, 0.5)  # the server loses cycles while it takes a dead client out


class GuardedPort(MidiProcess):
    """A `MidiProcess` with a guard, where the port is in JACK; elsewhere without one. A guard that dies is replaced."""

    def __init__(self, config: PortConfig) -> None:
        self._tracker: NoteTracker | None = None
        self._tracking = threading.Lock()
        self.guard: MidiProcess | None = None
        super().__init__(config)
        if isinstance(config, MidiConfig) and self.backend == "jack":
            self._tracker = NoteTracker(config.safety(self.sample_rate))
            mirror = MidiConfig(name=f"{config.name}-guard", backend="jack", mirror=self.output_name, listen=False)
            self._mirror = mirror
            self.guard = MidiProcess(mirror)
            threading.Thread(target=self._watch, daemon=True, name="guard").start()

    def send(self, at: int, message: bytes) -> None:
        """Send a message at sample `at`."""
        if self._tracker is not None:
            with self._tracking:
                self._tracker.take(at, message)
        super().send(at, message)

    def _watch(self) -> None:
        """Notice that the port's process is killed before the system reports its end."""
        while not self._closing and not self.gone and not is_dying(self.pid):
            if self.guard is not None and self.guard.gone:
                self._replace(self.guard)
            time.sleep(LOOK_S)
        if not self._closing:
            self._died()

    def _replace(self, dead: MidiProcess) -> None:
        """Open a new guard for one that was killed; none can be while the server is gone, too."""
        with contextlib.suppress(DeviceError):
            self.guard = MidiProcess(self._mirror)
            dead.close()
            if self._closing:
                self.guard.close()

    def _died(self) -> None:
        """End the notes that the port had begun, through the guard."""
        if self.guard is None or self._tracker is None:
            return
        with self._tracking:
            now, tracker = self.now(), self._tracker
            messages = [*tracker.repairs(now), *tracker.release(now)]
        with contextlib.suppress(DeviceError):
            begin, rate = self.guard.now(), self.guard.sample_rate
            for after_s in AGAIN_S:
                for message in messages:
                    self.guard.send(begin + round(after_s * rate), message)

    def close(self) -> None:
        """End every note and both processes."""
        if self.gone and self.guard is not None:
            with contextlib.suppress(DeviceError):
                self.guard.drain()
        self.ask_to_close()
        if self.guard is not None:
            self.guard.ask_to_close()
        super().close()
        if self.guard is not None:
            self.guard.close()
