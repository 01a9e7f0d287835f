"""Wait until an audio device that was started delivers samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from engine.core.arrays import I64
from engine.core.errors import DeviceError
from engine.core.shared_memory import Counter

__all__ = ["await_delivery", "await_ready"]

FIRST_CALLBACKS = 4  # the first callbacks may be irregular
STEADY = 0.8  # fraction of the nominal rate from which delivery counts as steady
DELIVERY_S = 5.0  # seconds to wait for steady delivery; some sound servers start seconds late
NAP_S = 0.002


def await_delivery(device: Any, counters: I64) -> None:
    """Wait until a stream delivers, if necessary with longer buffers than it reported as sufficient.

    device: a started `Stream` of `engine.audio.portaudio` or `engine.audio.jack`
    counters: of its callback
    Raises DeviceError if it does not.
    """
    try:
        await_ready(lambda: _flows(device, counters))
    except DeviceError:
        if not device.relax():
            raise
        await_ready(lambda: _flows(device, counters))


def _flows(device: Any, counters: I64) -> bool:
    """Return whether the device calls back steadily; some sound servers call a few times and start seconds late."""
    if counters[Counter.CALLBACKS] < FIRST_CALLBACKS:
        return False
    before = counters[Counter.SAMPLES]
    time.sleep(device.settle_s)
    flowed = counters[Counter.SAMPLES] - before
    wanted = STEADY * device.settle_s * device.sample_rate - counters[Counter.LONGEST]
    return bool(flowed >= wanted)


def await_ready(ready: Callable[[], bool]) -> None:
    """Wait until a stream is ready; DeviceError if that takes too long."""
    deadline = time.monotonic() + DELIVERY_S
    while not ready():
        if time.monotonic() > deadline:
            raise DeviceError("device", expected=f"sound within {DELIVERY_S:.0f} s", got="none")
        time.sleep(NAP_S)
