"""`collaparte run` on devices: the session that the options ask for, and what the user sees of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from cli.live.pipeline import (
    LIVE_LOOK_AHEAD,
    outputs,
    own_rate,
    parse_gains,
    pipeline_config,
    refuse_file_options,
    stem_job,
)
from cli.live.screen import SessionScreen
from cli.stage_outputs import has_outlets, open_controls, open_outlets
from cli.terminal.report import complain, note, wrote
from cli.terminal.stopping import USER_ERROR
from engine.audio.devices import SILENT, Device, DeviceInfo, is_device, is_file, list_devices
from engine.audio.files import AudioReader
from engine.core.errors import ConfigError, DeviceError
from engine.core.events import Event
from engine.core.format import AudioFormat
from engine.core.output_limits import require_writable
from engine.midi.gains import GainKnobs
from engine.realtime.session import Session, SessionConfig, SessionReport, SessionStatus
from offline.batch.output_folders import claim_folder

if TYPE_CHECKING:
    from cli.commands.run import RunOptions

__all__ = ["describe_devices", "find_device", "find_input", "find_sink", "only_device", "run_live", "run_session"]

CHANNELS = 2  # of a stream, where the device has as many
FALLBACK_HZ = 48000  # of a JACK server without any ports


def find_device(text: str, *, output: bool) -> tuple[Device, AudioFormat]:
    """The device that the text names, and the audio it gives or takes; DeviceError if it is not there.

    text: mic, device or device:NAME (PortAudio; NAME is part of a name, or a number), jack or jack:PORTS. Two
    channels, or one where the device has no more.
    """
    kind, _, name = text.partition(":")
    backend = "jack" if kind == "jack" else "portaudio"
    devices = list_devices(backend)
    if backend == "jack":
        rate, n_channels = (devices[0].sample_rate, CHANNELS) if devices else (FALLBACK_HZ, CHANNELS)
    else:
        info = _choose(devices, name, output=output)
        rate, n_channels = info.sample_rate, min(CHANNELS, _channels(info, output=output))
    device = Device(name=name, backend=backend, n_channels=n_channels)
    return device, AudioFormat(sample_rate=rate, n_channels=n_channels)


def only_device(outputs: Sequence[str], remedy: str) -> str | None:
    """The one device that is played on, None for none; ConfigError for several, or for a file."""
    if not outputs:
        return None
    if len(outputs) > 1 or not is_device(outputs[0]):
        raise ConfigError("-o", expected="one device", got=" ".join(outputs), remedy=remedy)
    return outputs[0]


def describe_devices() -> str:
    """A table of all audio devices of both backends; what a backend has to complain about stands in its place."""
    lines = []
    for backend, prefix in (("portaudio", "device:"), ("jack", "jack:")):
        try:
            lines += [_describe(info, prefix) for info in list_devices(backend)]
        except DeviceError as error:
            lines.append(str(error))
    return "\n".join(lines) if lines else "no audio devices; collaparte doctor says what is missing"


def _describe(info: DeviceInfo, prefix: str) -> str:
    mark = "*" if info.default else " "
    ways = f"{info.n_inputs:3d} in {info.n_outputs:3d} out  {info.sample_rate:6d} Hz"
    return f"{mark} {prefix}{info.name:40s} {ways}  {info.host}"


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


def run_live(options: RunOptions) -> int:
    """Run with a device on at least one side; the exit status."""
    refuse_file_options(options)
    sink, folder = outputs(options.output)
    source, audio = find_input(options.input, options.rate or own_rate(options))
    config = SessionConfig(
        source=source,
        sink=find_sink(sink, source, audio),
        pipeline=pipeline_config(options, audio, LIVE_LOOK_AHEAD),
        sample_rate=audio.sample_rate,
        record_to=folder,
        events_to=options.events,
        gains=parse_gains(options.gain),
        block=options.block,
        duration_s=options.duration,
        as_heard=has_outlets(options.outward),
    )
    if folder is not None:
        require_writable(folder, folder=True, expected="a folder for the stems")
        claim_folder(folder, Path(options.input), stem_job(options, again=False), ())
    session = Session(config)
    with ExitStack() as stack:
        take, watch = open_outlets(options.outward, session, stack)
        stop = open_controls(options.outward, session, stack)
        report = run_session(session, gain_midi=options.gain_midi, take=take, watch=watch, stop=stop)
    stems = [] if folder is None else [folder / f"{name}.wav" for name in report.targets]
    wrote([*stems, None if options.events == "-" else options.events], then=_next_step(options))
    if report.shortfall:
        complain(report.shortfall)
    return USER_ERROR if report.shortfall else 0


def _next_step(options: RunOptions) -> str:
    if not options.output and not options.events:
        return "add --events events.jsonl to keep the events"
    return ""


def find_input(text: str, rate: int | None) -> tuple[Device | Path, AudioFormat]:
    """Where the input comes from, and the audio that the pipeline will get."""
    source: Device | Path
    if is_device(text):
        source, audio = find_device(text, output=False)
    else:
        with AudioReader(text) as reader:
            source, audio = reader.path, reader.format
    return source, AudioFormat(sample_rate=rate or audio.sample_rate, n_channels=audio.n_channels)


def find_sink(text: str | None, source: Device | Path, audio: AudioFormat) -> Device | None:
    """The device to play on; one that nobody hears gives a file its pace, where none is named."""
    if text is not None:
        return find_device(text, output=True)[0]
    return Device(backend=SILENT, n_channels=audio.n_channels) if is_file(source) else None


def run_session(
    session: Session,
    *,
    gain_midi: str | None = None,
    take: Callable[[Event], None] = lambda event: None,
    watch: Callable[[SessionStatus], None] = lambda status: None,
    stop: threading.Event | None = None,
) -> SessionReport:
    """Run a session with a live line on the terminal; at its end say what was lost, if anything.

    gain_midi: the MIDI port whose knobs are the gains, see `engine.midi.gains`
    take, watch: are called with every event and status, before the line
    stop: ends it, as ctrl-C does
    """
    screen = SessionScreen(session.config, gain_midi=gain_midi)
    with ExitStack() as stack:
        if gain_midi is not None:
            screen.knobs = stack.enter_context(GainKnobs(gain_midi, lambda: session.targets, session.set_gain))

        def on_event(event: Event) -> None:
            take(event)
            screen.line.on_event(event)

        def on_status(status: SessionStatus) -> None:
            watch(status)
            screen.show(status, session.targets)

        report = session.run(on_event=on_event, on_status=on_status, stop=stop)
    screen.line.close()
    for text in _losses(report):
        note(text)
    return report


def _losses(report: SessionReport) -> list[str]:
    counts = report.counts
    parts = [
        (counts.lost, "input samples were lost: the machine was too busy"),
        (counts.left_out, "samples were left out by the sound server, which was too late itself"),
        (counts.missing, "output samples came too late and were left out"),
        (counts.unrecorded, "samples were not recorded: the disk was too slow, or full"),
        (report.gaps, "samples passed while the device was away"),
    ]
    texts = [f"{n} {what}" for n, what in parts if n]
    return texts + ([report.recording_error] if report.recording_error else [])
