"""`collaparte accompany` on devices: the session, and the MIDI port that the accompaniment also plays into."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.commands.accompany import accompaniment_of
from cli.live.session import find_device, find_input, run_session
from cli.terminal.report import wrote
from engine.accompaniment.ensemble import ACCOMPANIMENT, message_of
from engine.audio.devices import is_device
from engine.core.errors import ConfigError
from engine.core.events import Accompanied, Event, Note
from engine.midi.port import MidiConfig
from engine.midi.process import MidiProcess
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.session import SessionConfig
from offline.accompaniment.accompany import write_scheduled
from offline.following.presets import follow_by
from offline.following.score_input import followed_score

if TYPE_CHECKING:
    from cli.commands.accompany import AccompanyOptions

__all__ = ["accompany_live"]

KEPT = 512  # events by which the clock of the port is compared with that of the input
MARGIN_S = 0.02  # messages are sent so much later than they are decided, that none comes late


def accompany_live(options: AccompanyOptions) -> int:
    """Accompany until stopped."""
    sink = _sink(options)
    assert options.input is not None
    source, audio = find_input(options.input, options.rate)
    accompany, follow = accompaniment_of(options, sounds=sink is not None), follow_by(options.features)
    score = followed_score(accompany.accompaniment.solo, audio, follow)
    gain = 10 ** (options.accompaniment_gain / 20)
    config = SessionConfig(
        source=source,
        sink=None if sink is None else find_device(sink, output=True)[0],
        pipeline=PipelineConfig(score=score, follow=follow, accompany=accompany),
        sample_rate=audio.sample_rate,
        events_to=options.events,
        gains={} if sink is None else {"input": 0.0, ACCOMPANIMENT: gain},
        block=options.block,
        duration_s=options.duration,
    )
    played: list[tuple[float, float]] = []
    with _port(options, audio.sample_rate) as to_port:

        def take(event: Event) -> None:
            to_port(event)
            if isinstance(event, Accompanied):
                played.append((event.quarter, event.at / audio.sample_rate))

        run_session(config, take=take)
    if options.scheduled is not None:
        write_scheduled(options.scheduled, sorted(played, key=lambda row: row[1]))
    wrote([options.scheduled, None if options.events == "-" else options.events])
    return 0


def _sink(options: AccompanyOptions) -> str | None:
    if not options.output:
        return None
    if len(options.output) > 1 or not is_device(options.output[0]):
        got = " ".join(options.output)
        raise ConfigError("-o", expected="one device, where the input is one", got=got, remedy="--output device")
    return options.output[0]


@contextmanager
def _port(options: AccompanyOptions, sample_rate: int) -> Iterator[Callable[[Event], None]]:
    """Yield what sends note events to the port, if there is one; every note has ended when it closes."""
    if options.port is None:
        yield lambda event: None
        return
    process = MidiProcess(MidiConfig(name=options.port, listen=False))
    try:
        yield _PortClock(process, sample_rate).send
    finally:
        process.close()


class _PortClock:
    """Sends notes at their sample, on the clock of a port that is not the input's.

    An event comes some time after it was emitted: the shortest such delay of the last events relates the clocks.
    """

    def __init__(self, process: MidiProcess, sample_rate: int) -> None:
        self._process, self._ratio = process, process.sample_rate / sample_rate
        self._offsets: deque[float] = deque(maxlen=KEPT)

    def send(self, event: Event) -> None:
        """Take any event; send it if it is a note."""
        self._offsets.append(self._process.now() - event.emitted_at * self._ratio)
        if isinstance(event, Note):
            margin = MARGIN_S * self._process.sample_rate
            self._process.send(round(event.at * self._ratio + min(self._offsets) + margin), message_of(event))
