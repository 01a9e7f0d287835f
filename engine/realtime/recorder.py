"""Write stems from the record ring to disk, in a thread of the main process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from engine.audio.files import StemWriter
from engine.core.errors import AudioFileError
from engine.core.shared_memory import SharedMemory

__all__ = ["Recorder"]

BLOCK = 8192  # samples written at a time
NAP_S = 0.05
AGAIN_S = 1.0  # between two attempts to write to a disk that was full


class Recorder:
    """Write the record rings of successive engine processes to one set of files.

    A full disk loses what comes meanwhile, and nothing else: when there is room again, the files go on in their place.

    error: why nothing is written now, in one line; the rings are only emptied then, so that playback continues
    n_missed: samples that were not written and have been told by `gaps`
    n_rows: samples read or filled in, including those skipped at the beginning
    """

    def __init__(self, writer: StemWriter, n_targets: int, n_channels: int) -> None:
        self._writer = writer
        self._block = np.zeros((BLOCK, n_targets * n_channels), np.float32)
        self._shape = n_targets, n_channels
        self._memory: SharedMemory | None = None
        self._drop = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.n_rows = self.n_missed = 0
        self._gap: int | None = None  # first sample that could not be written
        self._again_s = 0.0
        self._gaps: deque[range] = deque()
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
            if (missing := at - self.n_rows) > 0:
                self._skip(max(0, missing - BLOCK))
                self._write(np.zeros((min(missing, BLOCK), *self._shape), np.float32))

    def gaps(self, *, at_end: bool = False) -> Iterator[range]:
        """Return the rows that were lost to a full disk since the last call; at the end also those up to it."""
        if at_end and self._gap is not None:
            self._gaps.append(range(self._gap, self.n_rows))
        while self._gaps:
            gap = self._gaps.popleft()
            self.n_missed += len(gap)
            yield gap

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

    def _skip(self, n: int) -> None:
        """Leave rows silent at once, however many: whoever waits for this has the events of a session to pass on."""
        self.n_rows += n
        if n and self._gap is None:
            try:
                self._writer.skip_to(self.n_rows)
            except AudioFileError as error:
                self._fail(self.n_rows, str(error))

    def _write(self, stems: npt.NDArray[np.float32]) -> None:
        start, self.n_rows = self.n_rows, self.n_rows + len(stems)
        if self._gap is not None and time.monotonic() < self._again_s:
            return
        try:
            if self._gap is not None:
                self._writer.skip_to(start)
            self._writer.write(stems)
        except AudioFileError as error:
            self._fail(start, str(error))
        else:
            self._go_on(start)

    def _fail(self, start: int, error: str) -> None:
        """Lose what comes from here on, and say so once."""
        if self._gap is None:
            self._gap, self.error = start, error
        self._again_s = time.monotonic() + AGAIN_S

    def _go_on(self, start: int) -> None:
        """Note that there is room again."""
        if self._gap is not None:
            self._gaps.append(range(self._gap, start))
            self._gap, self.error = None, ""

    def _close(self) -> None:
        """Close the files; only the first error is reported."""
        try:
            self._writer.close()
        except AudioFileError as error:
            self.error = self.error or str(error)
