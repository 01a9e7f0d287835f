"""Run the MIDI port in a separate process, so that every note ends, whatever happens to the generator.

The child owns the port and does nothing else. It reads commands from its standard input; when that ends, because
the generator closed it, crashed or was killed, the child drops its queue, ends the sounding notes and exits.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, BinaryIO

from engine.core.dying import is_dying
from engine.core.errors import DeviceError, EngineError
from engine.core.thread_priority import raise_priority
from engine.midi.clock import TICKS, TICKS_PER_SIXTEENTH
from engine.midi.notes import ALL_NOTES_OFF, ALL_SOUND_OFF, SUSTAIN, Timed
from engine.midi.port import BACKENDS, MidiConfig, MidiPort, PortConfig

__all__ = ["MidiProcess", "panic", "serve"]

COMMAND_PRIORITY = 60  # SCHED_FIFO priority of the thread that takes commands, where it is permitted
FRAME_BITS = 32  # width of JACK's clock
LOOK_S = 0.02  # between two looks at the generator's process
REPORT_S = 0.05
SWITCH_S = 1e-4  # seconds, the longest that other threads of this process delay the port's
OPEN_S = 60.0  # seconds; where nothing is compiled yet, an audio callback takes half of it
CLOSE_S = 3.0
DRAIN_S = 5.0
DELIVERY_S = 0.1  # after a message was sent, until its receivers have taken it: a few cycles


class MidiProcess:
    """The generator's end of the link; times are samples since the port opened, on the port's clock."""

    def __init__(self, config: PortConfig) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from engine.midi.process import main; main()"
        options: dict[str, Any] = {"process_group": 0} if sys.platform != "win32" else {}
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
        )
        self.received: deque[Timed] = deque()
        self.report: dict[str, int] = {}
        self.gone = ""  # why the port cannot send any more
        self._closing = False
        self._anchor = (0, 0)
        self._lock = threading.Lock()
        self._send(config)
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True, name="midi reports")
        self._listener.start()
        try:
            opened = self._answer(OPEN_S)
        except DeviceError:
            self._process.kill()
            raise
        self.sample_rate: int = opened["sample_rate"]
        self.backend: str = opened["backend"]
        self.origin: int | None = opened["origin"]
        self.output_name: str = opened["output_name"]
        self.listeners: list[str] = opened["listeners"]

    def _answer(self, within_s: float) -> Any:
        try:
            answer = self._answers.get(timeout=within_s)
        except queue.Empty:
            answer = DeviceError("MIDI", expected=f"an answer of the port within {within_s:.0f} s", got="none")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def drain(self) -> None:
        """Wait until everything has been sent; DeviceError if the port cannot send."""
        self._send(("drain",))
        if not self._answer(DRAIN_S + CLOSE_S):
            got = self.gone or f"messages left after {DRAIN_S:.0f} s"
            raise DeviceError("MIDI", expected="a port that sends", got=got)

    def now(self) -> int:
        """Return the samples since the port opened."""
        samples, at_ns = self._anchor
        return samples + (time.monotonic_ns() - at_ns) * self.sample_rate // 1_000_000_000

    def place(self, frame: int) -> int:
        """Return the sample of the port at a frame of JACK's clock, modulo 2^32, the nearest to now."""
        assert self.origin is not None
        now, half = self.now(), 1 << (FRAME_BITS - 1)
        return now + (frame - self.origin - now + half) % (2 * half) - half

    @property
    def pid(self) -> int:
        """Return the number of the port's process."""
        return self._process.pid

    def send(self, at: int, message: bytes) -> None:
        """Send a message at sample `at`."""
        self._send(("send", at, message))

    def _died(self) -> None:
        """Do what is to be done at once when the port's process has ended by itself."""

    def start_clock(self, at: int, tempo_bpm: float, *, sixteenth: int = 0) -> None:
        """Start the 24-ppqn clock at sample `at`."""
        self.begin_ticks(at, sixteenth * TICKS_PER_SIXTEENTH, tempo_bpm * TICKS / 60)

    def begin_ticks(self, at: float, tick: int, ticks_per_s: float) -> None:
        """Begin with a tick of the clock or the time code at sample `at`."""
        self._send(("ticks", "begin", at, tick, ticks_per_s))

    def steer_ticks(self, at: float, ticks: float, ticks_per_s: float) -> None:
        """From sample `at` on, where the phase is `ticks`, run at this rate."""
        self._send(("ticks", "steer", at, ticks, ticks_per_s))

    def halt_ticks(self, at: float) -> None:
        """Stop the clock or the time code at sample `at`."""
        self._send(("ticks", "halt_at", at))

    def stop(self) -> None:
        """Drop the queue, end the sounding notes, stop the clock."""
        self._send(("stop",))

    def ask_to_close(self) -> None:
        """Let the process end every note, and itself, without waiting for it."""
        self._closing = True
        if self.gone:
            self._process.kill()
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]

    def close(self) -> None:
        """End every note and the process; one whose server has gone can only be killed."""
        self.ask_to_close()
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._listener.join(CLOSE_S)

    def __enter__(self) -> MidiProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _send(self, command: Any) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(command, self._process.stdin)
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            self.gone = self.gone or "the port's process has ended"
            raise DeviceError("MIDI", expected="the port's process", got="it has gone") from error

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            while True:
                kind, value = pickle.load(self._process.stdout)
                if kind == "report":
                    self._anchor = value.pop("samples"), value.pop("at_ns")
                    self.report = value
                elif kind == "in":
                    self.received.append(value)
                elif kind == "gone":
                    self.gone = value
                else:
                    self._answers.put(value)
        except (EOFError, OSError, pickle.UnpicklingError):
            self.gone = self.gone or ("" if self._closing else "the port's process has ended")
            if not self._closing:
                self._died()
            self._answers.put(DeviceError("MIDI", expected="the port's process", got="it has gone"))


def _obey(port: MidiPort, command: tuple[Any, ...], answer: Callable[[Any], None]) -> None:
    scheduler = port.outlet.scheduler
    if command[0] == "send":
        scheduler.push(command[1], command[2])
    elif command[0] == "ticks":
        scheduler.do(lambda: getattr(scheduler.clock, command[1])(*command[2:]))
    elif command[0] == "stop":
        scheduler.stop()
    elif command[0] == "drain":
        answer(_drained(port))


def _drained(port: MidiPort) -> bool:
    """Wait until everything has been sent and delivered; return whether it was."""
    limit_s = time.monotonic() + DRAIN_S
    while not port.idle and not port.gone and time.monotonic() < limit_s:
        time.sleep(0.005)
    time.sleep(DELIVERY_S)
    return port.idle and not port.gone


class _Reporter:
    """Report the time and the received messages to the generator's end."""

    def __init__(self, port: MidiPort, out: BinaryIO) -> None:
        self.port, self.out = port, out
        self.closing = threading.Event()
        self._reader = os.getppid()
        self._writing = threading.Lock()
        self.thread = threading.Thread(target=self.run, daemon=True, name="midi reports")

    def run(self) -> None:
        """Report until closed, or until the reader has exited; if it is killed, end every note."""
        next_s = 0.0
        with contextlib.suppress(OSError, ValueError):
            while not self.closing.wait(LOOK_S):
                if is_dying(self._reader):
                    self.port.outlet.scheduler.stop()
                    return
                if time.monotonic() >= next_s:
                    next_s = time.monotonic() + REPORT_S
                    self.once()

    def once(self) -> None:
        """Send one report, with all messages received since the last."""
        outlet = self.port.outlet
        while outlet.received:
            self.write("in", outlet.received.popleft())
        if self.port.gone:
            self.write("gone", self.port.gone)
        report = {
            "samples": self.port.now(),
            "at_ns": time.monotonic_ns(),
            "n_late": outlet.scheduler.n_late,
            "n_lost_cycles": outlet.scheduler.n_lost_cycles,
            "n_sounding": len(outlet.scheduler.tracker.sounding),
        }
        self.write("report", report)

    def write(self, kind: str, value: Any) -> None:
        """Send one message."""
        with self._writing:
            pickle.dump((kind, value), self.out)
            self.out.flush()

    def answer(self, value: Any) -> None:
        """Answer a command."""
        self.write("answer", value)


def serve(config: PortConfig, commands: BinaryIO, out: BinaryIO) -> None:
    """Open a port and execute commands until they end; then end every note."""
    port = config.open()
    reporter = _Reporter(port, out)
    try:
        reporter.once()
        reporter.answer(_described(port))
        reporter.thread.start()
        while True:
            _obey(port, pickle.load(commands), reporter.answer)
    except (EOFError, OSError, pickle.UnpicklingError):
        pass  # the generator has exited, for whatever reason
    finally:
        port.close()
        reporter.closing.set()


def _described(port: MidiPort) -> dict[str, Any]:
    return {
        "sample_rate": port.outlet.sample_rate,
        "backend": port.backend,
        "listeners": port.listeners(),
        "origin": port.origin,
        "output_name": port.output_name,
    }


def main() -> None:
    """Run the child process; keyboard signals are handled by the generator, whose end ends the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    commands, out = sys.stdin.buffer, sys.stdout.buffer
    gc.collect()
    gc.freeze()  # no pause of the garbage collector falls into a cycle
    sys.setswitchinterval(SWITCH_S)
    raise_priority(COMMAND_PRIORITY)  # the thread that holds the interpreter's lock must not keep the port's waiting
    try:
        serve(pickle.load(commands), commands, out)
    except EngineError as error:
        with contextlib.suppress(OSError):
            pickle.dump(("answer", error), out)
            out.flush()


def panic(config: MidiConfig) -> list[str]:
    """End every note on every channel of what `config.to` names, or of every synthesiser that is there.

    Note-offs for all pitches, all notes off, all sound off, pedal up. Returns the names of those reached; DeviceError
    if there is nobody.
    """
    backends = [name for name in BACKENDS if name != "auto"] if config.backend == "auto" else [config.backend]
    reached: dict[str, None] = {}
    problems = []
    for backend in backends:
        try:
            reached |= dict.fromkeys(_silence(replace(config, backend=backend, everyone=True)))
        except DeviceError as error:
            problems.append(error.got)
    if not reached:
        got = "nobody" + (f" ({'; '.join(problems)})" if problems else "")
        remedy = "start the synthesiser, or switch it off and on; collaparte doctor says what is missing"
        raise DeviceError("midi panic", expected="a synthesiser that is connected", got=got, remedy=remedy)
    return list(reached)


def _silence(config: MidiConfig) -> list[str]:
    """End every note through one backend; return the names of those reached, once everything has been sent."""
    with MidiProcess(config) as port:
        now = port.now()
        for channel in range(16 if port.listeners else 0):
            for pitch in range(128):
                port.send(now, bytes((0x80 | channel, pitch, 64)))
            for controller in (ALL_NOTES_OFF, ALL_SOUND_OFF, SUSTAIN):
                port.send(now, bytes((0xB0 | channel, controller, 0)))
        port.drain()
        return list(port.listeners)
