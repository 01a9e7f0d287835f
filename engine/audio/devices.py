"""List the audio devices and parse their names; nothing here loads PortAudio or JACK in this process."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

from engine.core.config import Settings, choice, plain, ranged, require_one_of
from engine.core.errors import DeviceError
from engine.core.format import MAX_CHANNELS

__all__ = [
    "AUDIO_BACKENDS",
    "SILENT",
    "Device",
    "DeviceInfo",
    "Source",
    "backend",
    "device_of",
    "is_device",
    "is_file",
    "list_devices",
]

AUDIO_BACKENDS = {
    "portaudio": "engine.audio.portaudio",
    "jack": "engine.audio.jack",
    "silent": "engine.audio.silent",
}
SILENT = "silent"
LIST_TIMEOUT_S = 120  # seconds; the first time, the callbacks are compiled first: 5 s of an idle processor


@dataclass(frozen=True, slots=True, kw_only=True)
class Device(Settings):
    """A device to play from or to."""

    name: str = plain(
        "", "number or part of the device's name (PortAudio), pattern of port names (JACK), empty for the default"
    )
    backend: str = choice("portaudio", AUDIO_BACKENDS, "audio system to use")
    n_channels: int = ranged(2, 1, MAX_CHANNELS, "number of channels")
    connect: bool = plain(True, "connect the JACK ports; false leaves them unconnected")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """A device as its backend reports it.

    n_inputs, n_outputs: channels
    sample_rate: Hz
    default: what an empty name selects
    """

    name: str
    backend: str
    host: str
    n_inputs: int
    n_outputs: int
    sample_rate: int
    default: bool


Source = Device | Path  # the input of a session


def is_file(source: Source) -> TypeGuard[Path]:
    """Return whether a source is a file, which can wait, and not a device, which cannot."""
    return isinstance(source, Path)


def device_of(source: Source) -> Device | None:
    """Return the device that a source is, None for a file."""
    return None if is_file(source) else source  # type: ignore[return-value]  # a guard narrows one way only


def is_device(text: str) -> bool:
    """Return whether the user's input or output names a device: mic, device, device:NAME, jack or jack:PORTS."""
    return text.partition(":")[0] in ("mic", "device", "jack")


def backend(name: str) -> ModuleType:
    """Import the module of a backend; DeviceError if its library is missing. Use only in an expendable process."""
    return importlib.import_module(AUDIO_BACKENDS[name])


def list_devices(name: str) -> list[DeviceInfo]:
    """Return a backend's devices, from a child process: PortAudio may abort where the sound system is broken.

    DeviceError, with what to install or start, if there is no such backend or it does not answer.
    """
    require_one_of("backend", name, AUDIO_BACKENDS)
    code = f"import sys; sys.path[:] = {sys.path!r}; from engine.audio import devices; devices.print_devices({name!r})"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIST_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError(name, expected=f"an answer within {LIST_TIMEOUT_S} s", got="none") from error
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        got = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise DeviceError(name, expected="a list of devices", got=f"an abort ({done.returncode}): {got}")
    answer = json.loads(lines[-1])
    if "error" in answer:
        raise DeviceError(**answer["error"])
    return [DeviceInfo(**device) for device in answer["devices"]]


def print_devices(name: str) -> None:
    """Print a backend's devices, or the error, as one JSON line: the child's side of `list_devices`."""
    try:
        answer: dict[str, object] = {"devices": [asdict(device) for device in backend(name).devices()]}
    except DeviceError as error:
        parts = ("where", "expected", "got", "remedy")
        answer = {"error": {part: getattr(error, part) for part in parts}}
    print(json.dumps(answer))
