"""Write stems from the record ring to disk, in a thread of the main process."""

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
    """Write the record rings of successive engine processes to one set of files.

    error: why writing stopped, in one line; from then on the rings are only emptied, so that playback continues
    n_rows: samples read or filled in, including those skipped at the beginning
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
        """Read from this engine process's ring from now on."""
        with self._lock:
            self._memory = memory

    def detach(self) -> None:
        """Read all that is left in the ring, and release it; its engine process must have ended."""
        with self._lock:
            self._drain()
            self._memory = None

    def line_up(self, at: int) -> None:
        """Make the next row correspond to sample `at`: insert silence, or drop the surplus."""
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
        """Close the files; only the first error is reported."""
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                writer.close()
        except AudioFileError as error:
            self.error = self.error or str(error)
