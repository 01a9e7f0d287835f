"""Join an Ableton Link session in a process of its own, which alone loads the library.

The library is licensed under the GPL (version 2 or later); this program is not. So it is an extra that is installed
only by who wants it, and it runs in this process only, which the session talks to by a pipe.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import pickle
import signal
import sys
import threading
import time
from collections import deque
from typing import Any, BinaryIO

from engine.core.errors import ConfigError, EngineError
from engine.stage.phase import BeatLine, PhaseChange, Turn

__all__ = ["LinkMember", "link_library"]

PACKAGE = "LinkPython-extern"
REMEDY = "pip install 'collaparte[link]' (Ableton Link; GPL-2.0-or-later)"
STEP_S = 0.04  # between changes of the tempo
MAKE_UP_S = 0.1  # in which a deviation of the session's beat from ours is made up
LEAP = 0.5  # quarters; a greater deviation is leapt over
LOWEST_BPM, HIGHEST_BPM = 20.0, 999.0  # what the library can do
QUANTUM = 4.0  # quarters, to which the beats of members are aligned
TELL_S = 0.5
FAREWELL_S = 0.1  # so that the others hear the last change


def link_library() -> Any:
    """Load the library by the package it comes in: its module is called `link`, as files of others are too."""
    try:
        path = importlib.metadata.distribution(PACKAGE).locate_file("link/__init__.py")
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError("--link", expected=f"the package {PACKAGE}", got="none", remedy=REMEDY) from None
    spec = importlib.util.spec_from_file_location("link", str(path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["link"] = module
    spec.loader.exec_module(module)
    return module


class LinkMember:
    """A member of the session; times are seconds of `time.monotonic`.

    lead: whether tempo and beat of the session are to be ours
    """

    def __init__(self, library: Any, *, lead: bool) -> None:
        self.lead = lead
        self._link = library.Link(120.0)
        self._link.startStopSyncEnabled = lead
        self._clock = self._link.clock()
        self._link.enabled = True
        self._plan: deque[PhaseChange] = deque()
        self._line: BeatLine | None = None  # our beat, None while it stands
        self._leap = False

    @property
    def n_peers(self) -> int:
        """Return the number of other members."""
        return int(self._link.numPeers())

    @property
    def tempo_bpm(self) -> float:
        """Return the session's tempo."""
        return float(self._link.captureSessionState().tempo())

    def follow(self, changes: list[PhaseChange]) -> None:
        """Take what our beat will do; a halt takes back what had been planned after it."""
        for change in changes:
            if change.turn is Turn.HALT:
                self._plan = deque(each for each in self._plan if each.line.at_s < change.line.at_s)
            self._plan.append(change)

    def _turn(self, change: PhaseChange) -> None:
        """Take what our beat does now."""
        self._line = None if change.turn is Turn.HALT else change.line
        self._leap = self._leap or change.turn is Turn.BEGIN
        if change.turn is not Turn.STEER:
            state = self._link.captureSessionState()
            state.setIsPlaying(change.turn is Turn.BEGIN, self._clock.micros())
            self._link.commitSessionState(state)

    def step(self) -> None:
        """Bring the session's tempo, and where it is far off its beat, to ours."""
        now_s = time.monotonic()
        while self._plan and self._plan[0].line.at_s <= now_s:
            change = self._plan.popleft()
            if self.lead:
                self._turn(change)
        if (line := self._line) is None:
            return
        now_us = self._clock.micros()
        state = self._link.captureSessionState()
        behind = line.place(now_s) - state.beatAtTime(now_us, QUANTUM)
        if self._leap or abs(behind) > LEAP:
            state.forceBeatAtTime(line.place(now_s), now_us, QUANTUM)
            behind, self._leap = 0.0, False
        tempo_bpm = 60 * (line.rate + behind / MAKE_UP_S)
        state.setTempo(min(max(tempo_bpm, LOWEST_BPM), HIGHEST_BPM), now_us)
        self._link.commitSessionState(state)

    def leave(self) -> None:
        """Leave the session to the others as it is."""
        self._link.enabled = False


class _Steps:
    """The thread that keeps the session at our beat, and tells of its members."""

    def __init__(self, member: LinkMember, out: BinaryIO) -> None:
        self._member, self._out = member, out
        self._closing = threading.Event()
        self.lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True, name="link")
        self._thread.start()

    def _run(self) -> None:
        next_s = 0.0
        with contextlib.suppress(OSError, ValueError):
            while not self._closing.wait(STEP_S):
                with self.lock:
                    self._member.step()
                if time.monotonic() >= next_s:
                    next_s = time.monotonic() + TELL_S
                    _tell(self._out, ("session", self._member.n_peers, self._member.tempo_bpm))

    def close(self) -> None:
        self._closing.set()
        self._thread.join()


def _tell(out: BinaryIO, message: Any) -> None:
    pickle.dump(message, out)
    out.flush()


def main() -> None:
    """Run the process: read lists of changes until the session's end closes the pipe, then leave."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    commands, out = sys.stdin.buffer, sys.stdout.buffer
    try:
        member = LinkMember(link_library(), lead=pickle.load(commands))
    except EngineError as error:
        return _tell(out, error)
    _tell(out, "open")
    steps = _Steps(member, out)
    with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            changes = pickle.load(commands)
            with steps.lock:
                member.follow(changes)
    steps.close()
    member.step()
    time.sleep(FAREWELL_S)
    member.leave()
    return None
