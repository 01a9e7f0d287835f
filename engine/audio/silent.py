"""Play into nothing, in real time: the device of a file that is followed at its own pace where nobody listens."""

from __future__ import annotations

import ctypes
import threading
import time
from typing import Any

import numpy as np

from engine.audio.callback import portaudio_callback
from engine.audio.devices import Device, DeviceInfo
from engine.core.errors import DeviceError

__all__ = ["Stream", "devices", "refresh"]

FALLBACK_HZ = 48_000
BLOCK = 512  # samples, where none is asked for
LONGEST_LAG_S = 0.25  # of the thread; what lies further back is left out of the pace

_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
)


def devices() -> list[DeviceInfo]:
    """Return the devices that a user may name: none."""
    return []


def refresh() -> None:
    """Do nothing: it is always there."""


class Stream:
    """An output that takes samples at their pace and drops them; DeviceError for an input."""

    def __init__(self, source: Device | None, sink: Device | None, sample_rate: int | None) -> None:
        if source is not None or sink is None:
            raise DeviceError("silent device", expected="an output alone", got="an input", remedy="take a real device")
        self.sample_rate = sample_rate or FALLBACK_HZ
        self.settle_s, self.silence_s = 0.0, 2.0
        self._width = sink.n_channels
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def latency(self) -> tuple[int, int]:
        """Return the samples of latency: none."""
        return 0, 0

    @property
    def alive(self) -> bool:
        """Return True: nothing can take it away."""
        return True

    def relax(self) -> bool:
        """Return False: there are no longer buffers."""
        return False

    def start(self, context: Any, block: int) -> None:
        """Start to take blocks of this length, 0 for its own; the context is kept alive."""
        self._context, self._block = context, block or BLOCK
        self._thread = threading.Thread(target=self._run, daemon=True, name="silent device")
        self._thread.start()

    def _run(self) -> None:
        call = _CALLBACK(portaudio_callback.address)
        nothing = np.zeros((self._block, self._width), np.float32)
        length_s = self._block / self.sample_rate
        due_s = time.monotonic()
        while not self._ending.is_set():
            call(None, nothing.ctypes.data, self._block, None, 0, self._context.ctypes.data)
            due_s = max(due_s + length_s, time.monotonic() - LONGEST_LAG_S)
            time.sleep(max(0.0, due_s - time.monotonic()))

    def stop(self) -> None:
        """End."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
