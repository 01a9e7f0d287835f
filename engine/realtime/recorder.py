"""The recorder: a thread of the main process that carries stems from the record ring to the disk."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from engine.audio.files import StemWriter
from engine.core.errors import AudioFileError
from engine.core.shared_memory import SharedMemory

__all__ = ["Recorder"]

BLOCK = 8192  # samples written at a time
NAP_S = 0.05


class Recorder:
    """Writes what comes through the record rings of one engine process after another into one set of files.

    error: why it stopped writing, in one line; from then on the rings are only emptied, so sound goes on.
    n_rows: samples taken or filled, the skipped ones at the beginning too.
    """

    def __init__(self, writer: StemWriter, n_targets: int, n_channels: int) -> None:
        self._writer: StemWriter | None = writer
        self._block = np.zeros((BLOCK, n_targets * n_channels), np.float32)
        self._shape = n_targets, n_channels
        self._memory: SharedMemory | None = None
        self._drop = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.n_rows = 0
        self.error = ""
        self._thread = threading.Thread(target=self._run, daemon=True, name="recorder")
        self._thread.start()

    def attach(self, memory: SharedMemory) -> None:
        """Take from this engine process's ring from now on."""
        with self._lock:
            self._memory = memory

    def detach(self) -> None:
        """Take all that is left in the ring, and let go of it; its engine process must have ended."""
        with self._lock:
            self._drain()
            self._memory = None

    def line_up(self, at: int) -> None:
        """Let the next row stand for sample `at`: fill up with silence, or drop what comes too much."""
        with self._lock:
            self._drop = max(0, self.n_rows - at)
            missing = at - self.n_rows
            while missing > 0:
                n = min(missing, BLOCK)
                self._write(np.zeros((n, *self._shape), np.float32))
                missing -= n

    def close(self) -> None:
        """Write what is left, and close the files."""
        self._closing.set()
        self._thread.join()
        with self._lock:
            self._drain()
            self._close()

    def _run(self) -> None:
        while not self._closing.wait(NAP_S):
            with self._lock:
                self._drain()

    def _drain(self) -> None:
        while self._memory is not None and (n := self._memory.record.read(self._block)):
            dropped = min(n, self._drop)
            self._drop -= dropped
            self._write(self._block[dropped:n].reshape(-1, *self._shape))

    def _write(self, stems: npt.NDArray[np.float32]) -> None:
        self.n_rows += len(stems)
        if self._writer is None:
            return
        try:
            self._writer.write(stems)
        except AudioFileError as error:
            self.error = str(error)
            self._close()

    def _close(self) -> None:
        """Close the files; the first thing that went wrong is what is told."""
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                writer.close()
        except AudioFileError as error:
            self.error = self.error or str(error)
