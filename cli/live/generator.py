"""`collaparte generate` into a MIDI port: listen first, then play until stopped."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cli.live.bar_listener import MAX_BARS, BarListener
from cli.live.live_generator import LiveGenerator, LiveGeneratorConfig
from cli.live.session import find_device
from cli.terminal.report import note
from engine.accompaniment.speaker_port import SpeakerConfig
from engine.accompaniment.synthesiser import settled_engine
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.core.config import require
from engine.core.errors import ConfigError, DeviceError
from engine.midi.guarded import GuardedPort
from engine.midi.port import MidiConfig, PortConfig
from engine.midi.process import MidiProcess
from offline.generation.open_system import system_of
from offline.generation.stream import Generator, Melody, Prefetch
from offline.generation.systems import players_of
from offline.music.piece import Piece

if TYPE_CHECKING:
    from cli.commands.generate import GenerateOptions
    from cli.live.generator_page import GeneratorPage

__all__ = ["check_listening", "going_on", "play_live"]

POLL_S = 0.01
RETRY_S = 0.5  # between attempts to open a port that has gone
AHEAD_BARS, BAR = 2, 4  # bars that are written ahead for those who look, and quarters of one
READY_S = 0.2  # before the end of the bars played: what the source needs to take them in


def going_on(model: str | None, source: Generator) -> Callable[[Piece], None]:
    """How the source takes a piece as its past."""
    if not system_of(str(model)).prime:
        raise ConfigError("--model", expected="a system that continues a piece: " + players_of("prime"), got=str(model))
    prime: Callable[[Piece], None] = source.prime  # type: ignore[attr-defined]
    return prime


def check_listening(options: GenerateOptions, source: Generator) -> None:
    """Refuse what --listen cannot be joined with, before a port is opened."""
    if options.listen is None:
        return
    require("--listen", options.listen, 1, MAX_BARS)
    going_on(options.model, source)
    if options.files or options.follow_clock:
        with_what = "-o" if options.files else "--follow-clock"
        raise ConfigError("--listen", expected="--port or --to, at its own --tempo", got=with_what)


def play_live(options: GenerateOptions, source: Generator, melody: Melody | None, stop: threading.Event) -> str:
    """Play until stopped; every note is ended by the port's own process, whatever happens to this one."""
    config = _port_config(options)
    with ExitStack() as stack, _LastingPort(config) as port:
        page = _page(options, source, stack)
        listener = _listen(options, source, port.process, stop)
        writer = source if source.steps == 1 else stack.enter_context(_writing_ahead(source))
        player = _player(options, writer, port.process, melody, listener)
        print(f"playing to {options.to or config.name}; ctrl-C ends", flush=True)
        gc.freeze()
        if page is not None:
            page.attach(player, source)
        while _goes_on(player, port, page, options.look_ahead, stop):
            player.move_to(port.process)
            _start_clock(options, player, port.process)
        late, lost, seconds = port.counts()
    n_waits = writer.n_waits if isinstance(writer, Prefetch) else 0
    waits = f"; {n_waits} segments waited for" if n_waits else ""
    return f"{player.step} steps in {seconds:.0f} s; {late} messages late, {lost} cycles lost by the server{waits}"


def _goes_on(
    player: LiveGenerator, port: _LastingPort, page: GeneratorPage | None, look_ahead_s: float, stop: threading.Event
) -> bool:
    """Play until the end; return whether to go on, with a port that has come back or a start from the page."""
    gone = _play_until(player, port.process, page, look_ahead_s, stop)
    if gone:
        return port.reopen(stop)
    if page is None or stop.is_set():
        return False
    port.process.stop()
    return page.wait(stop)


def _page(options: GenerateOptions, source: Generator, stack: ExitStack) -> GeneratorPage | None:
    """The page, where it is asked for."""
    if not options.stage:
        return None
    from cli.live.generator_page import generator_page, live_parameters
    from cli.live.page_place import PagePlace

    system = system_of(str(options.model))
    fixed = options.follow_clock or options.send_clock
    parameters = live_parameters(source, system.heeds, None if fixed else options.tempo)
    place = PagePlace(host=options.host, port=options.page_port, tls=options.tls, browser=options.browser)
    return stack.enter_context(generator_page(place, system.name, parameters))


def _port_config(options: GenerateOptions) -> PortConfig:
    """What to open: a device with the synthesiser before it, or a MIDI port."""
    if options.speaker is None:
        return MidiConfig(name=options.port or "collaparte", to=options.to, backend=options.backend)
    synthesiser = settled_engine(SynthesiserConfig(soundfont=options.sound_font))
    return SpeakerConfig(device=find_device(options.speaker, output=True)[0], synthesiser=synthesiser)


class _LastingPort:
    """A port that is opened again when its server or its synthesiser comes back, in the same MIDI system."""

    def __init__(self, config: PortConfig) -> None:
        self.config, self.process = config, GuardedPort(config)
        self._before = (0, 0, 0.0)

    def counts(self) -> tuple[int, int, float]:
        """Return the messages late, the cycles lost and the seconds so far, of all openings."""
        report, port = self.process.report, self.process
        now = (report.get("n_late", 0), report.get("n_lost_cycles", 0), port.now() / port.sample_rate)
        late, lost, seconds = (before + here for before, here in zip(self._before, now, strict=True))
        return int(late), int(lost), seconds

    def reopen(self, stop: threading.Event) -> bool:
        """Wait until the port can be opened again; return whether it was, before a stop."""
        note(f"{self.process.gone}; waiting for it, ctrl-C ends")
        self.process.close()
        self._before = self.counts()
        same = self.config
        if isinstance(same, MidiConfig):
            same = replace(same, backend=self.process.backend)
        while not stop.wait(RETRY_S):
            try:
                self.process = GuardedPort(same)
            except DeviceError:
                continue
            note("it is back")
            return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.close()


@contextmanager
def _writing_ahead(source: Generator) -> Iterator[Prefetch]:
    """A source of segments with a worker that writes the next one while this one plays."""
    ahead = Prefetch(source)
    try:
        ahead.wait()
        yield ahead
    finally:
        ahead.close()


def _listen(
    options: GenerateOptions, source: Generator, port: MidiProcess, stop: threading.Event
) -> BarListener | None:
    """Wait for the bars that are played first, and let the source take them as its past."""
    if options.listen is None:
        return None
    print(f"listening: play {options.listen} bars at {options.tempo:g} into the port", flush=True)
    listener = BarListener(options.listen, sample_rate=port.sample_rate, tempo_bpm=options.tempo)
    early = round(READY_S * port.sample_rate)
    while not listener.ready(port.now(), early) and not stop.is_set():
        if port.gone:
            raise DeviceError("MIDI", expected="a port to listen to", got=port.gone, remedy="start it again")
        while port.received:
            listener.take(*port.received.popleft())
        time.sleep(POLL_S)
    if listener.first is not None:
        piece = listener.piece(steps_per_quarter=source.steps_per_quarter, n_voices=len(source.names))
        going_on(options.model, source)(piece)
    return listener


def _player(
    options: GenerateOptions,
    source: Generator | Prefetch,
    port: MidiProcess,
    melody: Melody | None,
    listener: BarListener | None,
) -> LiveGenerator:
    config = LiveGeneratorConfig(
        tempo_bpm=options.tempo,
        look_ahead_s=options.look_ahead,
        ahead_s=AHEAD_BARS * BAR * 60 / options.tempo if options.stage and not options.accompany else 0.0,
        follow=options.follow_clock,
        accompany=options.accompany,
    )
    earliest = port.now() + round(options.look_ahead * port.sample_rate)
    player = LiveGenerator(source, port, config, melody, listener.resume(earliest) if listener is not None else None)
    _start_clock(options, player, port)
    return player


def _start_clock(options: GenerateOptions, player: LiveGenerator, port: MidiProcess) -> None:
    """Send the clock, from the next step on."""
    if options.send_clock:
        step, per_quarter = player.next_step, player.generator.steps_per_quarter
        port.start_clock(
            player.origin + round(step * player.per_step), options.tempo, sixteenth=4 * step // per_quarter
        )


def _play_until(
    player: LiveGenerator, port: MidiProcess, page: GeneratorPage | None, look_ahead_s: float, stop: threading.Event
) -> bool:
    """Play until a stop, here or from the page, or until the port has gone; return whether it has."""
    while not (stop.is_set() or (page is not None and page.controls.halt.is_set())):
        try:
            while port.received:
                player.take(*port.received.popleft())
            player.advance()
            if page is not None:
                page.look()
        except DeviceError:
            if not port.gone:
                raise
        if port.gone:
            return True
        time.sleep(min(look_ahead_s / 4, POLL_S))
    return False
