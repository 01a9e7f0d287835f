"""The accompanist with the instruments that sound what it plays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.accompaniment.accompanist import Accompanist, AccompanyConfig, planned
from engine.accompaniment.backing.backing_map import Backing
from engine.accompaniment.backing.player import BackingPlayer
from engine.accompaniment.parts import DRUMS, AccompanimentPart
from engine.accompaniment.plan import Moment, is_first_beat
from engine.accompaniment.practice.metronome import METRONOME, Metronome
from engine.accompaniment.scheduler import Scheduler
from engine.accompaniment.synthesiser import Synthesiser
from engine.core.events import Control, Event, Note
from engine.core.format import AudioFormat
from engine.core.orders import CountIn, GoTo, MutePart, Order, SetDynamics, SetPace, SetPartGain
from engine.midi.notes import control_change, note_off, note_on

__all__ = ["ACCOMPANIMENT", "VOLUME", "Ensemble", "message_of", "opening_messages", "part_volume"]

ACCOMPANIMENT = "accompaniment"  # name of the target
REHEARSED, REHEARSED_SAMPLES = (36, 60, 84), 4096
PROGRAM = 0xC0
VOLUME = 7  # controller
USUAL_VOLUME = 100  # of General MIDI
VOLUME_DB = 40.0  # level is 40 log10(volume), as General MIDI recommends


def message_of(event: Note | Control) -> bytes:
    """Return the MIDI message of an event."""
    if isinstance(event, Control):
        return control_change(event.channel, event.controller, event.value)
    return note_on(event.channel, event.pitch, event.velocity) if event.active else note_off(event.channel, event.pitch)


def part_volume(gain_db: float) -> int:
    """Return the MIDI volume of a part with a gain."""
    return min(round(USUAL_VOLUME * 10 ** (gain_db / VOLUME_DB)), 127)


def opening_messages(parts: Sequence[AccompanimentPart], *, programs: bool) -> list[bytes]:
    """Return what an instrument is told before the first note: volumes of parts, and, if asked, their programs."""
    told = [bytes((PROGRAM | part.channel, part.program)) for part in parts if programs]
    return told + [control_change(part.channel, VOLUME, part_volume(part.gain_db)) for part in parts if part.gain_db]


class Ensemble:
    """Take the soloist's sound and the follower's events as samples pass; return the accompaniment's events and sound.

    Its sounds are the targets `accompaniment` and, with a metronome, `metronome`.
    """

    def __init__(self, audio: AudioFormat, config: AccompanyConfig) -> None:
        self._player = Accompanist(config, audio.sample_rate)
        self._backing = None if config.backing is None else _backing_player(audio, config, config.backing)
        plays_notes = config.sound is not None and config.backing is None
        self._instrument = Synthesiser(audio, config.sound) if plays_notes else None
        self._metronome = Metronome(audio) if config.sound is not None and config.counts else None
        self._parts = config.accompaniment.parts
        if self._instrument is not None:
            for part in self._parts:
                self._instrument.program(part.channel, part.program)
        self._set_volumes()

    def _set_volumes(self) -> None:
        if self._instrument is not None:
            for message in opening_messages(self._parts, programs=False):
                self._instrument.send(0, message)

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of its sounds."""
        own = () if self._instrument is None and self._backing is None else (ACCOMPANIMENT,)
        return own if self._metronome is None else (*own, METRONOME)

    def declare_latency(self, n_samples: int) -> None:
        """Play so much earlier, for the latency from input to output."""
        self._player.declare_latency(n_samples)
        if self._backing is not None:
            self._backing.declare_latency(n_samples)

    def obey(self, order: Order) -> None:
        """Do what is asked of the accompaniment; parts that it has not are nobody's."""
        match order:
            case GoTo():
                (self._player if self._backing is None else self._backing).go_to(order.quarter)
            case CountIn():
                if self._backing is None:
                    self._player.count_in(order.quarter, order.bars)
                else:  # which counts for itself
                    self._backing.go_to(order.quarter)
            case SetPace():
                (self._player if self._backing is None else self._backing).put_pace(1 / order.ratio)
            case SetDynamics():
                self._player.follow_loudness(order.amount)
            case MutePart():
                self._player.mute(order.part, muted=order.muted)
            case SetPartGain():
                for part in self._parts:
                    if part.name == order.part:
                        volume = part_volume(part.gain_db + order.gain_db)
                        self._player.set_controller(part.channel, VOLUME, volume)

    def change_score(self, config: AccompanyConfig, fresh: tuple[list[Moment], Scheduler], quarter: float) -> None:
        """Go on in another score of the same parts, as `planned` has made it, from a quarter on."""
        self._player.change_score(config, fresh, quarter)

    @property
    def finished(self) -> bool:
        """Return whether everything was played and has ended."""
        return self._player.finished if self._backing is None else self._backing.finished

    def process(
        self, block: npt.NDArray[np.float32], events: Sequence[Event]
    ) -> tuple[list[Event], list[npt.NDArray[np.float32]]]:
        """Return what is decided in these samples, and the sound (sample, channel) of each target."""
        played = self._player.process(block, events)
        sounds = []
        if self._backing is not None:
            beats = [event for event in played if isinstance(event, Note) and event.channel == DRUMS]
            played, sound = self._backing.process(len(block), events)
            played = sorted([*beats, *played], key=lambda event: event.emitted_at)
            sounds.append(sound)
        for event in played:
            self._perform(event)
        if self._instrument is not None:
            sounds.append(self._instrument.render(len(block)))
        if self._metronome is not None:
            sounds.append(self._metronome.render(len(block)))
        return played, sounds

    def _perform(self, event: Event) -> None:
        """Give an event to the instrument that plays it."""
        if isinstance(event, Note) and event.channel == DRUMS:
            if event.active and self._metronome is not None:
                self._metronome.strike(event.at, event.velocity, first=is_first_beat(event.pitch))
        elif self._instrument is not None and isinstance(event, Note | Control):
            self._instrument.send(event.at - self._instrument.latency, message_of(event))

    def release(self) -> list[Event]:
        """End every note and lift every pedal, now: nothing follows."""
        return self._player.release()

    def rehearse(self) -> None:
        """Play a chord, to have everything compiled and loaded; reset afterwards."""
        if self._backing is not None:
            self._backing.rehearse()
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
        if self._metronome is not None:
            self._metronome.reset()
        if self._backing is not None:
            self._backing.reset()
        if self._instrument is not None:
            self._instrument.reset()
        self._set_volumes()


def _backing_player(audio: AudioFormat, config: AccompanyConfig, backing: Backing) -> BackingPlayer:
    plan, scheduler = planned(config)
    return BackingPlayer(audio, backing, config.accompaniment.solo, plan, scheduler, config.stage.latency_s)
