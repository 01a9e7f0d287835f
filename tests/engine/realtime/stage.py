"""A soloist and a recorder on a JACK server: plays a file into a running client and records its sound and its MIDI.

Two clients, one before and one behind, so that no loop in the graph adds a period of its own. Run as a script,
`python -m tests.engine.realtime.stage SOLO.npy OUT.npz`: prints "ready"; at the line "play" it begins, and prints
"played" when the solo is over; at "sound" and "silence" it waits for that and says it; at the end of its input it
writes OUT.npz with `start` (frame of the solo's first sample), `first` (frame of the recording's first sample),
`sound`, `midi` (frame and three bytes a row) and `skipped` (frames that the server left out).
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jack
import numpy as np
import numpy.typing as npt

from tests.places import ROOT

__all__ = ["Stage"]

PATIENCE_S = 120.0
LOUD, SILENCE_S = 1e-3, 0.5


class Stage:
    """The process of soloist and recorder."""

    def __init__(self, solo: npt.NDArray[np.float32], folder: Path) -> None:
        self._out = folder / "recorded.npz"
        np.save(folder / "solo.npy", solo)
        command = [sys.executable, "-m", "tests.engine.realtime.stage", str(folder / "solo.npy"), str(self._out)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._await("ready")

    def _await(self, word: str) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line == word, f"the stage says {line!r}, not {word!r}"

    def _ask(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def wait_for(self, what: str) -> None:
        """Wait for sound, or for half a second of silence."""
        self._ask(what)
        self._await(what)

    def begin(self) -> None:
        """Begin to play the solo."""
        self._ask("play")

    def play(self) -> None:
        """Play the solo to its end."""
        self.begin()
        self.end()

    def end(self) -> None:
        """Wait until the solo is over."""
        self._await("played")

    def recorded(self) -> dict[str, npt.NDArray[Any]]:
        """End, and return what was recorded."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)
        with np.load(self._out) as arrays:
            return dict(arrays)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()


class _Clients:
    """What the callbacks share."""

    def __init__(self, solo: npt.NDArray[np.float32]) -> None:
        self.player = jack.Client("player", no_start_server=True)
        self.recorder = jack.Client("recorder", no_start_server=True)
        self._solo, self._at, self._start = solo, 0, -1
        self.playing, self.played = threading.Event(), threading.Event()
        self._sound: list[npt.NDArray[np.float32]] = []
        self._midi: list[tuple[int, ...]] = []
        self._skipped: list[tuple[int, int]] = []
        self._first = self._end = -1
        self._still = 0  # frames of silence up to now
        self._out = self.player.outports.register("out")
        self._in, self._keys = self.recorder.inports.register("in"), self.recorder.midi_inports.register("midi")
        self.player.set_process_callback(self._play)
        self.recorder.set_process_callback(self._record)

    def _play(self, frames: int) -> None:
        block = self._out.get_array()
        block[:] = 0.0
        if not self.playing.is_set() or self._first < 0:
            return
        if self._start < 0:
            self._start = self.player.last_frame_time
        part = self._solo[self._at : self._at + frames]
        block[: len(part)] = part
        self._at += frames
        if self._at >= len(self._solo):
            self.played.set()

    def _record(self, frames: int) -> None:
        now = self.recorder.last_frame_time
        if self._first < 0:
            self._first = now
        elif now != self._end:
            self._skipped.append((self._end, now))
            self._sound.append(np.zeros(max(now - self._end, 0), np.float32))
        self._end = now + frames
        block = self._in.get_array().copy()
        self._sound.append(block)
        self._still = 0 if np.abs(block).max() > LOUD else self._still + frames
        self._midi.extend((now + offset, *bytes(data)[:3]) for offset, data in self._keys.incoming_midi_events())

    def is_so(self, what: str) -> bool:
        """Return whether there is sound, or silence."""
        if what == "silence":
            return self._still > self.recorder.samplerate * SILENCE_S
        return self._first >= 0 and self._still == 0 and bool(self._sound)

    def save(self, path: str) -> None:
        """Write everything."""
        np.savez(
            path,
            start=self._start,
            first=self._first,
            sound=np.concatenate(self._sound),
            midi=np.array([row for row in self._midi if len(row) == 4], np.int64).reshape(-1, 4),
            skipped=np.array(self._skipped, np.int64).reshape(-1, 2),
        )


def main(solo: str, out: str) -> None:
    """Run until the input ends."""
    clients = _Clients(np.load(solo))
    with clients.player, clients.recorder:
        print("ready", flush=True)
        for line in sys.stdin:
            word = line.strip()
            if word == "play":
                clients.playing.set()
                clients.played.wait()
                print("played", flush=True)
            else:
                while not clients.is_so(word):
                    time.sleep(0.01)
                print(word, flush=True)
    clients.save(out)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
