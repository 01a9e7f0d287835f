"""Read and write audio: devices through PortAudio and JACK, files, and the log of events."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.audio.devices import Device, DeviceInfo, is_device, list_devices
    from engine.audio.event_log import EventWriter
    from engine.audio.files import AudioReader, AudioWriter, StemWriter
    from engine.audio.soundfont import find_soundfont
    from engine.audio.suffixes import is_audio
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "AudioReader",
    "AudioWriter",
    "Device",
    "DeviceInfo",
    "EventWriter",
    "StemWriter",
    "find_soundfont",
    "is_audio",
    "is_device",
    "list_devices",
]
