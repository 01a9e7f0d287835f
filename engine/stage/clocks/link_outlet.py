"""Lead an Ableton Link session by the performer's beat, or be a member of it that changes nothing."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from engine.core.errors import DeviceError, EngineError
from engine.realtime.input_time import InputTime
from engine.stage.clocks.beat_outlet import BeatOutlet
from engine.stage.phase import LINK_ROLES, PhaseChange, PhaseConfig

__all__ = ["LinkOutlet"]

CLOSE_S = 2.0
AGAIN_S = 1.0  # between two tries to have a process again


class LinkOutlet(BeatOutlet):
    """A member of the session in a process of its own, which is replaced where it dies.

    role: one of LINK_ROLES; lead sets tempo and beat, follow only joins
    earlier_s: the beat is given so much before the performer's
    say: is told in one line how many others there are, when that changes
    """

    def __init__(self, role: str, phase: PhaseConfig, say: Callable[[str], None], *, earlier_s: float = 0.0) -> None:
        super().__init__(phase)
        self._say, self._earlier_s = say, earlier_s
        self._lead, self._closing_down, self._tried_s = role == LINK_ROLES[0], False, 0.0
        self.n_peers = 0
        self.tempo_bpm = 0.0
        self._begin_process()
        self.begin_thread()

    def _begin_process(self) -> None:
        """Join; EngineError if that cannot be."""
        self._process = _started(self._lead)
        self._monotonic: InputTime | None = InputTime(time.monotonic, 1.0)
        self._listener = threading.Thread(target=self._listen, args=(self._process,), daemon=True, name="link news")
        self._listener.start()

    def close(self) -> None:
        """Leave the session."""
        self._closing_down = True
        super().close()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(CLOSE_S)

    @property
    def trouble(self) -> str:
        """Return whether its process has ended."""
        return "" if self._monotonic is not None and self._process.poll() is None else "its process has ended"

    def relation(self) -> InputTime | None:
        """Return how the session's time relates to this machine's; None while there is no process."""
        if self._process.poll() is not None and not self._closing_down:
            self._monotonic = None
            self._join_again()
        return self._monotonic

    def _join_again(self) -> None:
        """Try to have a process again, at intervals."""
        if (now := time.monotonic()) - self._tried_s > AGAIN_S:
            self._tried_s = now
            self._listener.join()
            with contextlib.suppress(EngineError, OSError):
                self._begin_process()
                self._say("Ableton Link: joined again")

    def show(self, changes: list[PhaseChange], time: InputTime) -> None:
        """Give the process what the beat will do, on this machine's clock."""
        if not changes:
            return
        moved = [
            PhaseChange(turn, line._replace(at_s=time.there(line.at_s - self._earlier_s))) for turn, line in changes
        ]
        try:
            pickle.dump(moved, self._process.stdin)
            self._process.stdin.flush()
        except OSError:
            self._monotonic = None

    def _listen(self, process: Any) -> None:
        """Read what a process tells."""
        with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                _, n_peers, self.tempo_bpm = pickle.load(process.stdout)
                if n_peers != self.n_peers:
                    self.n_peers = n_peers
                    who = f"{n_peers} other program{'s' * (n_peers != 1)}"
                    self._say(f"Ableton Link: {who}, {self.tempo_bpm:.0f} quarters a minute")
        self.n_peers = 0
        if not self._closing_down:
            self._say("Ableton Link: its process has ended; the music goes on without it")


def _started(lead: bool) -> Any:
    """Start the process; return it once it is a member."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from engine.stage.clocks.link_process import main; main()"
    options: dict[str, Any] = {"process_group": 0} if sys.platform != "win32" else {}
    process: Any = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
    )
    try:
        pickle.dump(lead, process.stdin)
        process.stdin.flush()
        answer = pickle.load(process.stdout)
    except (EOFError, OSError, pickle.UnpicklingError) as error:
        answer = DeviceError("--link", expected="a process that joins", got=str(error) or "none")
    if isinstance(answer, Exception):
        process.kill()
        process.wait()
        raise answer
    return process
