"""`collaparte accompany --solo none` on devices: the score plays into a synthesiser's device, a MIDI port, or both."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from cli.commands.accompany import accompaniment_db, accompaniment_of
from cli.live.session import find_device
from cli.terminal.report import note, wrote
from cli.terminal.stopping import INTERRUPTED, stoppable
from engine.accompaniment.ensemble import VOLUME, message_of, opening_messages, part_volume
from engine.accompaniment.parts import DRUMS
from engine.accompaniment.speaker_port import SpeakerConfig
from engine.accompaniment.synthesiser import settled_engine
from engine.audio.event_log import EventWriter
from engine.core.errors import ConfigError, DeviceError
from engine.core.events import Accompanied, Control, Event, Note
from engine.core.format import AudioFormat
from engine.midi.notes import control_change
from engine.midi.port import MidiConfig, PortConfig
from engine.midi.process import MidiProcess
from offline.accompaniment.accompany import write_scheduled
from offline.accompaniment.plain_playing import play_score

if TYPE_CHECKING:
    from cli.commands.accompany import AccompanyOptions
    from engine.accompaniment.accompanist import AccompanyConfig

__all__ = ["play_live_plain"]

RATE = 48_000  # of the score's own clock
AHEAD_S = 0.5  # how far ahead messages are sent
NAP_S = 0.02
LAST_S = 1.0  # after the last message, so that it sounds out


def play_live_plain(options: AccompanyOptions) -> int:
    """Play the score until it ends or is stopped; the ports' own processes end every note."""
    accompany = accompaniment_of(options, sounds=False)
    accompany = replace(accompany, intro=accompany.intro._replace(endless=True))
    with stoppable() as stop, ExitStack() as stack:
        ports = [stack.enter_context(MidiProcess(config)) for config in _ports(options)]
        log = None
        if options.events is not None:
            log = stack.enter_context(EventWriter(options.events, RATE))
        for port in ports:
            _prepare(port, accompany, options)
        note(f"playing {', '.join(part.name for part in accompany.accompaniment.parts)}; ctrl-C ends")
        played = _play(options, accompany, ports, log, stop)
    if options.scheduled is not None:
        write_scheduled(options.scheduled, played)
    wrote([options.scheduled, None if options.events == "-" else options.events])
    return INTERRUPTED if stop.is_set() else 0


def _ports(options: AccompanyOptions) -> list[PortConfig]:
    """What to open: the device with the synthesiser before it, the MIDI port."""
    if len(options.output) > 1:
        raise ConfigError("-o", expected="one device", got=" ".join(options.output))
    ports: list[PortConfig] = []
    for device in options.output:
        loud = min(max(options.sound.gain_db + accompaniment_db(options), -60.0), 24.0)
        sound = settled_engine(replace(options.sound, gain_db=loud))
        ports.append(SpeakerConfig(device=find_device(device, output=True)[0], synthesiser=sound))
    if options.port is not None:
        ports.append(MidiConfig(name=options.port, listen=False))
    return ports


def _prepare(port: MidiProcess, accompany: AccompanyConfig, options: AccompanyOptions) -> None:
    """Give every part its instrument, unless a synthesiser of others shall choose its own, and its volume."""
    now, programs = port.now(), port.backend == "synthesiser" or options.port_programs
    port.send(now, control_change(DRUMS, VOLUME, part_volume(options.practice.metronome_gain)))
    for message in opening_messages(accompany.accompaniment.parts, programs=programs):
        port.send(now, message)


def _play(
    options: AccompanyOptions,
    accompany: AccompanyConfig,
    ports: list[MidiProcess],
    log: EventWriter | None,
    stop: threading.Event,
) -> list[tuple[float, float]]:
    """Send every event in its time; return the onsets, rows of (quarter, seconds)."""
    played: list[tuple[float, float]] = []
    starts = [port.now() for port in ports]
    begun = 0
    for block in play_score(accompany, AudioFormat(sample_rate=RATE, n_channels=1)):
        for event in block.events:
            if log is not None:
                log.write(event)
            if isinstance(event, Accompanied):
                played.append((event.quarter, event.at / RATE))
            _send(event, ports, starts)
        begun += block.n_samples
        while _passed_s(ports, starts) < begun / RATE - AHEAD_S and not stop.wait(NAP_S):
            _check(ports)
        if stop.is_set() or 0 < options.duration <= _passed_s(ports, starts):
            return played
    stop.wait(LAST_S)
    return played


def _send(event: Event, ports: list[MidiProcess], starts: list[int]) -> None:
    if isinstance(event, Note | Control):
        for port, start in zip(ports, starts, strict=True):
            port.send(start + round(event.at * port.sample_rate / RATE), message_of(event))


def _passed_s(ports: list[MidiProcess], starts: list[int]) -> float:
    return (ports[0].now() - starts[0]) / ports[0].sample_rate


def _check(ports: list[MidiProcess]) -> None:
    """Raise DeviceError if a port has gone."""
    for port in ports:
        if port.gone:
            raise DeviceError("accompany", expected="a port that plays", got=port.gone)
