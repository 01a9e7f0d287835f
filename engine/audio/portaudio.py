"""Open PortAudio devices through sounddevice, with a callback without Python. Use only in an expendable process."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from engine.audio.callback import portaudio_callback
from engine.audio.devices import Device, DeviceInfo
from engine.core.errors import DeviceError

REMEDY = "Debian: apt install libportaudio2; then pip install 'collaparte[live]'"

__all__ = ["Stream", "devices", "refresh"]


@cache
def _library() -> Any:
    """Import the module sounddevice, which starts PortAudio."""
    try:
        return importlib.import_module("sounddevice")
    except (ImportError, OSError) as error:
        raise DeviceError("PortAudio", expected="its library", got=_plain(error), remedy=REMEDY) from error


def devices() -> list[DeviceInfo]:
    """Return every PortAudio device, with its host API."""
    hosts = _library().query_hostapis()
    return [
        DeviceInfo(
            name=info["name"],
            backend="portaudio",
            host=hosts[info["hostapi"]]["name"],
            n_inputs=info["max_input_channels"],
            n_outputs=info["max_output_channels"],
            sample_rate=round(info["default_samplerate"]),
            default=info["index"] in list(_library().default.device),
        )
        for info in _library().query_devices()
    ]


def refresh() -> None:
    """Update the list of devices; PortAudio does so only when it starts."""
    _library()._terminate()
    _library()._initialize()


def _find(device: Device | None, kind: str) -> dict[str, Any] | None:
    """Return PortAudio's description of a device, or None if none is requested."""
    if device is None:
        return None
    name: int | str | None = int(device.name) if device.name.isdigit() else device.name or None
    try:
        info: dict[str, Any] = _library().query_devices(name, kind)
    except (ValueError, _library().PortAudioError) as error:
        wanted = repr(device.name) if device.name else "a default device"
        raise DeviceError(
            f"{kind} device",
            expected=wanted,
            got=_plain(error),
            remedy="see `collaparte devices`; plug one in or start the sound server",
        ) from error
    n = info[f"max_{kind}_channels"]
    if n < device.n_channels:
        raise DeviceError(
            info["name"], expected=f"{device.n_channels} {kind} channels", got=str(n), remedy="ask for fewer channels"
        )
    return info


def _plain(error: Exception) -> str:
    """Return the error in one line."""
    return " ".join(str(error).split())


class Stream:
    """A PortAudio stream: input, output or both; DeviceError if there is no such device."""

    def __init__(self, source: Device | None, sink: Device | None, sample_rate: int | None) -> None:
        self._pair = _find(source, "input"), _find(sink, "output")
        self._n = [None if device is None else device.n_channels for device in (source, sink)]
        self.sample_rate = self._rate(sample_rate)
        self.settle_s = 0.5  # seconds; a sound server behind it may call a few times and begin seconds later
        self.silence_s = 1.0  # seconds without a callback, then it is disconnected; PulseAudio calls in bursts
        self._stream: Any = None
        self._context: Any = None
        self._block = 0
        self._buffers = "low"

    def _rate(self, wanted: int | None) -> int:
        """Return the wanted rate if the devices support it, else their own."""
        own = next(round(info["default_samplerate"]) for info in self._pair if info is not None)
        return wanted if wanted and self._takes(wanted) else own

    def _takes(self, rate: int) -> bool:
        checks = (_library().check_input_settings, _library().check_output_settings)
        for info, n, check in zip(self._pair, self._n, checks, strict=True):
            try:
                if info is not None:
                    check(device=info["index"], channels=n, dtype="float32", samplerate=rate)
            except _library().PortAudioError:
                return False
        return True

    def start(self, context: Any, block: int) -> None:
        """Open and start.

        context: of `engine.audio.callback`, kept alive here
        block: samples, 0 for the device's own
        """
        self._context, self._block = context, block
        indices = [None if info is None else info["index"] for info in self._pair]
        kind = "duplex" if None not in indices else "input" if indices[0] is not None else "output"
        side = 0 if indices[0] is not None else 1
        try:
            self._stream = _library()._StreamBase(
                kind,
                samplerate=self.sample_rate,
                blocksize=block,
                device=tuple(indices) if kind == "duplex" else indices[side],
                channels=tuple(self._n) if kind == "duplex" else self._n[side],
                dtype="float32",
                latency=self._buffers,
                callback=_library()._ffi.cast("PaStreamCallback*", portaudio_callback.address),
                userdata=_library()._ffi.cast("void*", context.ctypes.data),
                wrap_callback=None,
            )
            self._stream.start()
        except (_library().PortAudioError, ValueError) as error:
            names = " and ".join(info["name"] for info in self._pair if info is not None)
            wanted = f"a stream at {self.sample_rate} Hz"
            raise DeviceError(names, expected=wanted, got=_plain(error), remedy="see `collaparte devices`") from error

    @property
    def latency(self) -> tuple[int, int]:
        """Return the samples of latency that the device reports: input, output."""
        reported = self._stream.latency
        pair = (
            reported
            if isinstance(reported, tuple)
            else (reported, 0.0)
            if self._pair[0] is not None
            else (0.0, reported)
        )
        return round(pair[0] * self.sample_rate), round(pair[1] * self.sample_rate)

    def relax(self) -> bool:
        """Restart with longer buffers, for devices that fail to deliver with short ones; False if already done."""
        if self._buffers == "high":
            return False
        self._buffers = "high"
        self._stream.abort()
        self._stream.close()
        self.start(self._context, self._block)
        return True

    @property
    def alive(self) -> bool:
        """Return False as soon as PortAudio reports that the stream has ended."""
        return bool(self._stream.active)

    def stop(self) -> None:
        """Stop and close; hangs forever if the device has disconnected, so call it where that does no harm."""
        if self._stream is not None:
            self._stream.abort()
            self._stream.close()
        _library()._terminate()
