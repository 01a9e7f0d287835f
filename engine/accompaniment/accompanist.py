"""Play the accompaniment: the scheduler's onsets become notes that begin and end, on the clock of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.parts import SAME, Accompaniment
from engine.accompaniment.scheduler import Introduction, Scheduled, Scheduler
from engine.accompaniment.stage_config import StageConfig
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.core.events import Accompanied, Event, Note

__all__ = ["GRID", "Accompanist", "AccompanyConfig"]

GRID = 256  # samples between two decisions, whatever the blocks: 5.8 ms at 44.1 kHz
MIN_LENGTH_S = 0.03  # shortest note that is played, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class AccompanyConfig:
    """What is accompanied, and how; may be pickled to the engine process.

    accompaniment: the parts
    schedule: how it follows
    intro: how it begins before the solo
    sound: the synthesiser that plays it, None for `Note` events alone
    stage: what it makes up for
    """

    accompaniment: Accompaniment
    schedule: SchedulerConfig = field(default_factory=SchedulerConfig)
    intro: Introduction = field(default_factory=Introduction)
    sound: SynthesiserConfig | None = None
    stage: StageConfig = field(default_factory=StageConfig)


class _PlannedNote(NamedTuple):
    channel: int
    pitch: int
    velocity: int
    end_s: float  # seconds of score


class _Sounding(NamedTuple):
    note: _PlannedNote
    since_s: float


class Accompanist:
    """Take the follower's events with the passing of samples; return `Note` and `Accompanied` events.

    Decisions are made every GRID samples of input, so they do not depend on how the input is cut into blocks. Every
    note that begins ends: when its time comes, at a jump, when the place is lost, and in `release`.
    """

    def __init__(self, config: AccompanyConfig, sample_rate: int) -> None:
        self.accompaniment, self.sample_rate = config.accompaniment, sample_rate
        self._notes = _by_onset(config.accompaniment)
        solo, onsets = config.accompaniment.solo, config.accompaniment.onset_quarter
        self._scheduler = Scheduler(solo, onsets, config.schedule, config.intro)
        self._more_latency_s = config.stage.latency_s
        self.declare_latency(0)
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self._scheduler.reset()
        self._now = 0  # samples consumed
        self._decided = 0  # the last multiple of GRID at which was decided
        self._sounding: list[_Sounding] = []

    def declare_latency(self, n_samples: int) -> None:
        """Play so much earlier, for the latency from input to output, and that of the stage; kept by `reset`."""
        self._scheduler.latency_s = n_samples / self.sample_rate + self._more_latency_s

    @property
    def finished(self) -> bool:
        """Return whether everything was played, or left out, and has ended."""
        return self._scheduler.finished and not self._sounding

    def process(self, n_samples: int, events: Sequence[Event]) -> list[Event]:
        """Let samples pass, with the follower's events emitted within them; return what is decided."""
        self._now += n_samples
        out: list[Event] = []
        waiting = list(events)
        while self._decided + GRID <= self._now:
            self._decided += GRID
            while waiting and waiting[0].emitted_at <= self._decided:
                self._scheduler.take(waiting.pop(0))
            out += self._decide()
        for event in waiting:  # emitted after the last decision; they precede the next
            self._scheduler.take(event)
        return out

    def release(self) -> list[Event]:
        """End every note that sounds, now."""
        ends: list[Event] = [self._event(sounding.note, self._decided, active=False) for sounding in self._sounding]
        self._sounding = []
        return ends

    def _decide(self) -> list[Event]:
        now_s = self._decided / self.sample_rate
        cut = self._scheduler.interrupted
        fixed = self._scheduler.commit(now_s)
        out = self.release() if cut else self._ended(now_s)
        for onset in fixed:
            self._begin(onset, out)
        return out

    def _ended(self, now_s: float) -> list[Event]:
        """End the notes whose time comes."""
        out: list[Event] = []
        ahead_s = now_s + self._scheduler.config.commit_s
        for sounding in list(self._sounding):
            end_s = max(self._scheduler.time(sounding.note.end_s), sounding.since_s + MIN_LENGTH_S)
            if end_s <= ahead_s:
                self._sounding.remove(sounding)
                out.append(self._event(sounding.note, self._sample(max(end_s, now_s)), active=False))
        return out

    def _begin(self, onset: Scheduled, out: list[Event]) -> None:
        """Begin the notes of an onset; one that still sounds at the same pitch ends first."""
        at = self._sample(onset.at_s)
        quarter = float(self.accompaniment.onset_quarter[onset.onset])
        out.append(Accompanied(at=at, emitted_at=self._decided, quarter=quarter))
        for note in self._notes[onset.onset]:
            for old in [old for old in self._sounding if old.note[:2] == note[:2]]:
                self._sounding.remove(old)
                if self._sample(old.since_s) < at:
                    out.append(self._event(old.note, at, active=False))
                else:  # the same key twice at once: one note, as long as the later
                    out.remove(self._event(old.note, at, active=True))
            out.append(self._event(note, at, active=True))
            self._sounding.append(_Sounding(note, onset.at_s))

    def _sample(self, at_s: float) -> int:
        return max(round(at_s * self.sample_rate), self._decided)

    def _event(self, note: _PlannedNote, at: int, *, active: bool) -> Note:
        return Note(
            at=at,
            emitted_at=self._decided,
            pitch=note.pitch,
            velocity=note.velocity,
            channel=note.channel,
            active=active,
        )


def _by_onset(accompaniment: Accompaniment) -> list[list[_PlannedNote]]:
    """Return the notes of each onset of the accompaniment, all parts together."""
    onsets = accompaniment.onset_quarter
    notes: list[list[_PlannedNote]] = [[] for _ in onsets]
    for part in accompaniment.parts:
        score = part.score
        index = np.searchsorted(onsets, score.note_quarter + SAME, side="right") - 1
        ends_s = accompaniment.solo.seconds(score.note_quarter + score.note_duration)
        for i, pitch, velocity, end_s in zip(index, score.note_pitch, score.note_velocity, ends_s, strict=True):
            notes[int(i)].append(_PlannedNote(part.channel, int(pitch), int(velocity), float(end_s)))
    return notes
