"""The main job on devices: what the command line asks for as a session, and what the user sees of it."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import ConfigError, DeviceError
from engine.io.devices import Device, DeviceInfo, list_devices
from engine.io.live_line import LiveLine
from engine.session import Session, SessionConfig, SessionReport, SessionStatus

__all__ = ["find_device", "parse_gains", "run_session"]

CHANNELS = 2  # of a stream, where the device has as many


def find_device(text: str, *, output: bool) -> Device:
    """The device that the text names, with one or two channels, as it has; DeviceError if it is not there."""
    kind, _, name = text.partition(":")
    if kind == "jack":
        return Device(name=name, backend="jack", n_channels=CHANNELS)
    n_channels = _channels(_choose(list_devices("portaudio"), name, output=output), output=output)
    return Device(name=name, backend="portaudio", n_channels=min(CHANNELS, n_channels))


def _choose(devices: Sequence[DeviceInfo], name: str, *, output: bool) -> DeviceInfo:
    usable = [device for device in devices if _channels(device, output=output) > 0]
    for device in usable:
        if device.default if not name else name.lower() in device.name.lower():
            return device
    if name.isdecimal() and int(name) < len(devices):
        return devices[int(name)]
    if not name and usable:
        return usable[0]
    raise DeviceError(
        name or ("the default output" if output else "the default input"),
        expected="one of " + ", ".join(device.name for device in usable) if usable else "a sound device",
        got="none of that name" if usable else "none on this machine",
        remedy="collaparte devices lists them, collaparte doctor says what is missing",
    )


def _channels(device: DeviceInfo, *, output: bool) -> int:
    return device.n_outputs if output else device.n_inputs


def parse_gains(texts: Sequence[str]) -> dict[str, float]:
    """`TARGET=DB` as loudness factors: 0 dB is 1, -inf is 0; ConfigError for anything else."""
    gains = {}
    for text in texts:
        target, equals, level = text.partition("=")
        try:
            level_db = float(level)
        except ValueError:
            level_db = math.nan
        if not (equals and level_db <= 24):
            raise ConfigError(
                "--gain", expected="TARGET=DB, DB from -inf to 24", got=text, remedy="for example vocals=-6"
            )
        gains[target] = 10 ** (level_db / 20)
    return gains


@dataclass(slots=True)
class _Screen:
    """What the user sees of a running session."""

    line: LiveLine
    pipeline_rate: int | None
    told_latency: bool = False

    def on_status(self, status: SessionStatus) -> None:
        """Progress on the live line; anything new to say on a line of its own."""
        if status.message:
            self.line.say(status.message)
        if status.latency is not None and not self.told_latency:
            self.told_latency = True
            self.line.sample_rate = self.pipeline_rate or status.latency.sample_rate
            self.line.say(f"latency from input to output: {status.latency}; ctrl-C ends")
        self.line.on_progress(status.now)


def run_session(config: SessionConfig, *, duration: int | None = None) -> SessionReport:
    """Run a session with a live line on the terminal; at its end say what was lost, if anything.

    duration: samples of the input where it has an end; config.sample_rate or else the device's is the clock.
    """
    screen = _Screen(LiveLine(config.sample_rate or 1, duration=duration), config.sample_rate)
    report = Session(config).run(on_event=screen.line.on_event, on_status=screen.on_status)
    screen.line.close()
    for text in _losses(report):
        print(text, file=sys.stderr)
    return report


def _losses(report: SessionReport) -> list[str]:
    counts = report.counts
    parts = [
        (counts.lost, "input samples were lost: the machine was too busy"),
        (counts.missing, "output samples came too late and were left out"),
        (counts.unrecorded, "samples were not recorded: the disk was too slow"),
        (report.gaps, "samples passed while the device was away"),
    ]
    texts = [f"{n} {what}" for n, what in parts if n]
    return texts + ([report.recording_error] if report.recording_error else [])
