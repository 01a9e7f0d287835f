"""Open audio ports in JACK, with a callback without Python. Use only in an expendable process."""

from __future__ import annotations

import ctypes
import importlib
from functools import cache
from typing import Any

from engine.audio.callback import OUTPUT_PORTS, PORTS, Ctx, jack_process, jack_shutdown, jack_xrun
from engine.audio.devices import Device, DeviceInfo
from engine.core.errors import DeviceError

REMEDY = "Debian: apt install libjack-jackd2-0; macOS: brew install jack; then pip install 'collaparte[live]'"

__all__ = ["Stream", "devices", "refresh"]

CAPTURE, PLAYBACK = 0, 1  # JackLatencyCallbackMode


@cache
def _library() -> Any:
    """Import the module jack of the distribution JACK-Client."""
    try:
        return importlib.import_module("jack")
    except (ImportError, OSError) as error:
        raise DeviceError("JACK", expected="its library", got=str(error), remedy=REMEDY) from error


def refresh() -> None:
    """Do nothing: every client looks for the server anew."""


def _open(name: str) -> Any:
    jack = _library()
    try:
        return jack.Client(name, no_start_server=True)
    except jack.JackOpenError as error:
        raise DeviceError(
            "JACK", expected="a running server", got="none", remedy="start one, for example: jackd -d alsa"
        ) from error


def devices() -> list[DeviceInfo]:
    """Return the clients of the JACK server that have audio ports; the physical ones are the default."""
    client = _open("collaparte-list")
    found: dict[str, list[Any]] = {}
    for port in client.get_ports(is_audio=True):
        found.setdefault(port.name.partition(":")[0], []).append(port)
    physical = {port.name.partition(":")[0] for port in client.get_ports(is_audio=True, is_physical=True)}
    listed = [
        DeviceInfo(
            name=name,
            backend="jack",
            host="JACK",
            n_inputs=sum(port.is_output for port in ports),  # a port that outputs is an input here
            n_outputs=sum(port.is_input for port in ports),
            sample_rate=client.samplerate,
            default=name in physical,
        )
        for name, ports in found.items()
    ]
    client.close()
    return listed


def _address(thing: Any) -> ctypes.c_void_p:
    """Return JACK's pointer to a client or port, for calls that JACK-Client does not wrap."""
    return ctypes.c_void_p(int(_library()._ffi.cast("intptr_t", thing._ptr)))


class _Range(ctypes.Structure):
    _fields_ = (("low", ctypes.c_uint32), ("high", ctypes.c_uint32))


class Stream:
    """A JACK client with input ports, output ports or both; DeviceError if no server runs.

    Its ports are `in_1`, `in_2`, ..., `out_1`, ...; its rate is the server's.
    """

    def __init__(self, source: Device | None, sink: Device | None, sample_rate: int | None) -> None:
        self._client = _open("collaparte")
        self._source, self._sink = source, sink
        self.sample_rate: int = self._client.samplerate
        self.settle_s = 0.0  # JACK's first callback is already regular
        self.silence_s = 0.1  # seconds without a callback after which the device counts as disconnected
        self.alive = True  # JACK itself reports a shutdown, see `jack_shutdown`
        inputs, outputs = self._client.inports, self._client.outports
        self._inputs = [inputs.register(f"in_{k + 1}") for k in range(source.n_channels if source else 0)]
        self._outputs = [outputs.register(f"out_{k + 1}") for k in range(sink.n_channels if sink else 0)]
        self._context: Any = None

    def start(self, context: Any, block: int) -> None:
        """Set the callbacks, start, connect; the server decides the block length.

        context: see `engine.audio.callback`
        """
        lib, ffi, client = _library()._lib, _library()._ffi, self._client._ptr
        self._context = context
        context[Ctx.GET_BUFFER] = int(ffi.cast("intptr_t", ffi.addressof(lib, "jack_port_get_buffer")))
        context[Ctx.FRAME_TIME] = int(ffi.cast("intptr_t", ffi.addressof(lib, "jack_last_frame_time")))
        context[Ctx.CLIENT] = int(ffi.cast("intptr_t", client))
        for at, ports in ((PORTS, self._inputs), (OUTPUT_PORTS, self._outputs)):
            context[at : at + len(ports)] = [int(ffi.cast("intptr_t", port._ptr)) for port in ports]
        user = ffi.cast("void*", context.ctypes.data)
        lib.jack_set_process_callback(client, ffi.cast("JackProcessCallback", jack_process.address), user)
        lib.jack_set_xrun_callback(client, ffi.cast("JackXRunCallback", jack_xrun.address), user)
        lib.jack_on_info_shutdown(client, ffi.cast("JackInfoShutdownCallback", jack_shutdown.address), user)
        self._client.activate()
        self._connect(self._source, self._inputs, is_output=True)
        self._connect(self._sink, self._outputs, is_input=True)

    def _connect(self, device: Device | None, own: list[Any], **kind: bool) -> None:
        """Connect our ports in turn to those that the device's name selects, or to the physical ones."""
        if device is None or not device.connect:
            return
        if device.name:
            others = self._client.get_ports(device.name, is_audio=True, **kind)
        else:
            others = self._client.get_ports(is_audio=True, is_physical=True, **kind)
        if device.name and not others:
            raise DeviceError(
                "JACK", expected=f"ports like {device.name!r}", got="none", remedy="see `collaparte devices`"
            )
        for port, other in zip(own, others, strict=False):
            self._client.connect(*((other, port) if port.is_input else (port, other)))

    @property
    def latency(self) -> tuple[int, int]:
        """Return the samples that JACK reports between the hardware and our ports: input, output."""
        return self._range(self._inputs, CAPTURE), self._range(self._outputs, PLAYBACK)

    def _range(self, ports: list[Any], mode: int) -> int:
        """Return the longest latency of some ports."""
        library = ctypes.CDLL(_library()._libname)
        library.jack_recompute_total_latencies(_address(self._client))  # otherwise the server does so at a later time
        ranges = [_Range() for _ in ports]
        for port, latency in zip(ports, ranges, strict=True):
            library.jack_port_get_latency_range(_address(port), mode, ctypes.byref(latency))
        return max((latency.high for latency in ranges), default=0)

    def relax(self) -> bool:
        """Return False: the server decides about buffers."""
        return False

    def stop(self) -> None:
        """Disconnect from the server."""
        self._client.deactivate()
        self._client.close()
