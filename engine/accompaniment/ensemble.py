"""The accompanist with the instrument that sounds what it plays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.accompaniment.accompanist import Accompanist, AccompanyConfig
from engine.accompaniment.synthesiser import Synthesiser
from engine.core.events import Event, Note
from engine.core.format import AudioFormat
from engine.midi.notes import note_off, note_on

__all__ = ["ACCOMPANIMENT", "Ensemble", "message_of"]

ACCOMPANIMENT = "accompaniment"  # name of the target
REHEARSED, REHEARSED_SAMPLES = (36, 60, 84), 4096


def message_of(note: Note) -> bytes:
    """Return the MIDI message of a note event."""
    return note_on(note.channel, note.pitch, note.velocity) if note.active else note_off(note.channel, note.pitch)


class Ensemble:
    """Take the follower's events as samples pass; return the accompaniment's events, and its sound if it has one."""

    def __init__(self, audio: AudioFormat, config: AccompanyConfig) -> None:
        self._player = Accompanist(config, audio.sample_rate)
        self._instrument = None if config.sound is None else Synthesiser(audio, config.sound)
        if self._instrument is not None:
            for part in config.accompaniment.parts:
                self._instrument.program(part.channel, part.program)

    @property
    def sounds(self) -> bool:
        """Return whether it has a synthesiser."""
        return self._instrument is not None

    def declare_latency(self, n_samples: int) -> None:
        """Play so much earlier, for the latency from input to output."""
        self._player.declare_latency(n_samples)

    @property
    def finished(self) -> bool:
        """Return whether everything was played and has ended."""
        return self._player.finished

    def process(self, n_samples: int, events: Sequence[Event]) -> tuple[list[Event], npt.NDArray[np.float32] | None]:
        """Return what is decided in these samples, and their sound (sample, channel)."""
        played = self._player.process(n_samples, events)
        if self._instrument is None:
            return played, None
        for event in played:
            if isinstance(event, Note):
                self._instrument.send(event.at - self._instrument.latency, message_of(event))
        return played, self._instrument.render(n_samples)

    def rehearse(self) -> None:
        """Play a chord, to have everything compiled and loaded; reset afterwards."""
        if self._instrument is None:
            return
        for active in (True, False):
            for part in self._player.accompaniment.parts:
                for pitch in REHEARSED:
                    note = Note(at=0, emitted_at=0, pitch=pitch, velocity=80, channel=part.channel, active=active)
                    self._instrument.send(0, message_of(note))
            self._instrument.render(REHEARSED_SAMPLES)
        self._instrument.silence()
        self._instrument.render(REHEARSED_SAMPLES)

    def reset(self) -> None:
        """Reset to the initial state."""
        self._player.reset()
        if self._instrument is not None:
            self._instrument.reset()
