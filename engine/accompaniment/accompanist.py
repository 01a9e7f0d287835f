"""Play the accompaniment: the scheduler's onsets become notes that begin and end, on the clock of the input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.accompaniment.backing.backing_map import Backing
from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.loudness import SoloLoudness
from engine.accompaniment.parts import DRUMS, Accompaniment
from engine.accompaniment.plan import Moment, PlannedNote, clicks_before, play_plan
from engine.accompaniment.practice.leading import Leading
from engine.accompaniment.scheduler import Introduction, Scheduled, Scheduler
from engine.accompaniment.soloist_pitch import SoloistPitch
from engine.accompaniment.stage_config import StageConfig
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.accompaniment.touch_config import TouchConfig
from engine.core.events import Accompanied, Control, Event, Note, State
from engine.midi.notes import SUSTAIN

__all__ = ["GRID", "Accompanist", "AccompanyConfig", "planned"]

GRID = 256  # samples between two decisions, whatever the blocks: 5.8 ms at 44.1 kHz
MIN_LENGTH_S = 0.03  # shortest note that is played, and the pause between up and down of a pedal, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class AccompanyConfig:
    """What is accompanied, and how; may be pickled to the engine process.

    accompaniment: the parts
    schedule: how it follows
    intro: how it begins before the solo
    touch: how it goes with the soloist's loudness and pitch
    metronome: whether beats are counted too, as notes of the drums' channel
    count_in_bars: how many bars are counted before the first note
    may_count: whether more may be asked for later
    sound: the synthesiser that plays it, None for `Note` and `Control` events alone
    stage: what it makes up for
    backing: a recording that plays it, in place of notes
    """

    accompaniment: Accompaniment
    schedule: SchedulerConfig = field(default_factory=SchedulerConfig)
    intro: Introduction = field(default_factory=Introduction)
    touch: TouchConfig = field(default_factory=TouchConfig)
    metronome: bool = False
    count_in_bars: int = 0
    may_count: bool = False
    sound: SynthesiserConfig | None = None
    stage: StageConfig = field(default_factory=StageConfig)
    backing: Backing | None = None

    @property
    def counts(self) -> bool:
        """Return whether beats sound."""
        return self.metronome or self.may_count or self.count_in_bars > 0


def planned(config: AccompanyConfig) -> tuple[list[Moment], Scheduler]:
    """Return what is played, beats that are counted among it, and a scheduler that says when."""
    both = config.accompaniment
    plan = play_plan(both, metronome=config.metronome, count_in_bars=config.count_in_bars)
    places = np.array([moment.quarter for moment in plan])
    schedule, intro = config.schedule, config.intro
    return plan, Scheduler(both.solo, places, schedule, intro, both.onset_quarter, both.expected)


class _Sounding(NamedTuple):
    note: PlannedNote
    since_s: float

    def earlier(self, score_s: float) -> _Sounding:
        """Return it as at an earlier place of the score."""
        return self._replace(note=self.note._replace(end_s=self.note.end_s - score_s))


class _Beat(NamedTuple):
    at: int
    note: PlannedNote
    active: bool


class _PedalMove(NamedTuple):
    at: int
    channel: int
    value: int


class Accompanist:
    """Take the soloist's sound and the follower's events as samples pass; return `Note`, `Control` and `Accompanied`.

    Decisions are made every GRID samples of input, so they do not depend on how the input is cut into blocks. Every
    note that begins ends, and every pedal that goes down comes up: when its time comes, at a jump, when the place is
    lost, and in `release`.
    """

    def __init__(self, config: AccompanyConfig, sample_rate: int) -> None:
        self.accompaniment, self.sample_rate = config.accompaniment, sample_rate
        self._plan, self._scheduler = planned(config)
        self._loudness = SoloLoudness(sample_rate, GRID, config.touch.dynamics)
        channels = sorted({part.channel for part in config.accompaniment.parts})
        own_cents = 0.0 if config.sound is None else config.sound.cents
        self._pitch = SoloistPitch(channels, own_cents) if config.touch.follow_pitch else None
        both = config.accompaniment
        end_quarter = max(part.score.end_quarter for part in both.parts)
        self._leading = None if both.follows else Leading(both.solo, end_quarter, sample_rate)
        self._more_latency_s = config.stage.latency_s
        self._silenced: set[int] = set()  # channels of parts that are muted
        self.declare_latency(0)
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self._scheduler.reset()
        self._loudness.reset()
        if self._pitch is not None:
            self._pitch.reset()
        if self._leading is not None:
            self._leading.reset()
        self._now = 0  # samples consumed
        self._decided = 0  # the last multiple of GRID at which was decided
        self._sounding: list[_Sounding] = []
        self._pedals: dict[int, int] = {}  # channels whose pedal is not up, and how it stands
        self._moves: list[_PedalMove] = []  # of pedals, still to come
        self._tuning: list[tuple[int, int, int]] = []  # controllers to set at the next decision
        self._counted: list[_Beat] = []  # beats before a place, still to come

    def declare_latency(self, n_samples: int) -> None:
        """Play so much earlier, for the latency from input to output, and that of the stage; kept by `reset`."""
        self._scheduler.latency_s = n_samples / self.sample_rate + self._more_latency_s

    def go_to(self, quarter: float) -> None:
        """Go on at a quarter, where the soloist is waited for; all that sounds ends."""
        self._scheduler.go_to(quarter)

    def change_score(self, config: AccompanyConfig, fresh: tuple[list[Moment], Scheduler], quarter: float) -> None:
        """Go on in another score of the same parts, as `planned` has made it, from a quarter on."""
        self.accompaniment, before = config.accompaniment, self._scheduler
        self._plan, self._scheduler = fresh
        self._scheduler.succeed(before, quarter)

    def count_in(self, quarter: float, bars: int) -> None:
        """Count bars, then go on at a quarter, where the soloist is waited for; all that sounds ends."""
        clicks, solo = clicks_before(self.accompaniment.beats, quarter, bars), self.accompaniment.solo
        beat_s = float(solo.seconds(quarter + 1) - solo.seconds(quarter)) * self._scheduler.pace
        self._scheduler.go_to(quarter, -clicks[0].quarter * beat_s if clicks else 0.0)
        begin_s, length = self._scheduler.start_s - self._scheduler.latency_s, round(MIN_LENGTH_S * self.sample_rate)
        self._counted = []
        for click in clicks:
            at = self._sample(begin_s + click.quarter * beat_s)
            self._counted += [_Beat(at, click.note, True), _Beat(at + length, click.note, False)]

    def put_pace(self, pace: float) -> None:
        """Play at this many seconds for each second of score, until the soloist plays at another."""
        self._scheduler.put_pace(pace)

    def follow_loudness(self, amount: float) -> None:
        """Follow this share of the soloist's loudness, 0 to 1."""
        self._loudness.amount = amount

    def mute(self, name: str, *, muted: bool) -> None:
        """Leave out the notes of a part that begin from now on, or not any more."""
        channels = {part.channel for part in self.accompaniment.parts if part.name == name}
        self._silenced = self._silenced | channels if muted else self._silenced - channels

    def set_controller(self, channel: int, controller: int, value: int) -> None:
        """Set a controller at the next decision."""
        self._tuning.append((channel, controller, value))

    @property
    def finished(self) -> bool:
        """Return whether everything was played, or left out, and has ended."""
        return self._scheduler.finished and not (self._sounding or self._pedals or self._moves or self._counted)

    def process(self, block: npt.NDArray[np.float32], events: Sequence[Event]) -> list[Event]:
        """Take samples (sample, channel) and the follower's events emitted within them; return what is decided."""
        self._now += len(block)
        out: list[Event] = []
        waiting = list(events)
        for level_db in self._loudness.levels(block):
            self._decided += GRID
            self._loudness.take(float(level_db))
            while waiting and waiting[0].emitted_at <= self._decided:
                self._take(waiting.pop(0))
            out += self._decide()
        for event in waiting:  # emitted after the last decision; they precede the next
            self._take(event)
        return out

    def release(self) -> list[Event]:
        """End every note that sounds and lift every pedal, as soon as possible; count no more."""
        over = [beat for beat in self._counted if not beat.active]
        begun = len(over) - sum(beat.active for beat in self._counted)
        self._counted = []
        return [*self._released(), *(self._event(beat.note, beat.at, active=False) for beat in over[:begun])]

    def _count(self, now_s: float) -> list[Event]:
        """Sound the beats whose time comes."""
        if not self._counted:
            return []
        ahead = round((now_s + self._scheduler.config.commit_s) * self.sample_rate)
        due = [beat for beat in self._counted if beat.at <= ahead]
        self._counted = self._counted[len(due) :]
        return [self._event(beat.note, max(beat.at, self._decided), active=beat.active) for beat in due]

    def _released(self) -> list[Event]:
        ends = [self._end(sounding, self._decided) for sounding in self._sounding]
        lifted = [self._control(self._decided, channel, SUSTAIN, 0) for channel in self._pedals]
        self._sounding, self._pedals, self._moves = [], {}, []
        return [*ends, *lifted]

    def _take(self, event: Event) -> None:
        self._scheduler.take(event)
        if isinstance(event, State) and self._pitch is not None:
            self._tuning += self._pitch.take(event)

    def _decide(self) -> list[Event]:
        now_s = self._decided / self.sample_rate
        cut = self._scheduler.interrupted
        fixed = self._scheduler.commit(now_s, GRID / self.sample_rate)
        if gone_back_s := self._scheduler.gone_back_s():
            self._sounding = [sounding.earlier(gone_back_s) for sounding in self._sounding]
        out: list[Event] = [self._control(self._decided, *setting) for setting in self._tuning]
        self._tuning = []
        out += self._released() if cut else [*self._ended(now_s), *self._moved(now_s)]
        out += self._count(now_s)
        for onset in fixed:
            self._begin(onset, out)
        if self._leading is not None:
            out += self._leading.tell(self._decided, self._scheduler)
        return out

    def _ended(self, now_s: float) -> list[Event]:
        """End the notes whose time comes."""
        out: list[Event] = []
        ahead_s = now_s + self._scheduler.config.commit_s
        time_s = {end_s: self._scheduler.time(end_s) for end_s in {each.note.end_s for each in self._sounding}}
        if min(time_s.values(), default=np.inf) > ahead_s:
            return out
        for sounding in list(self._sounding):
            end_s = max(time_s[sounding.note.end_s], sounding.since_s + MIN_LENGTH_S)
            if end_s <= ahead_s:
                self._sounding.remove(sounding)
                out.append(self._end(sounding, self._sample(max(end_s, now_s))))
        return out

    def _moved(self, now_s: float) -> list[Event]:
        """Move the pedals whose time comes."""
        if not self._moves:
            return []
        ahead = round((now_s + self._scheduler.config.commit_s) * self.sample_rate)
        due = [move for move in self._moves if move.at <= ahead]
        self._moves = [move for move in self._moves if move.at > ahead]
        return [event for move in due for event in self._pedal(move)]

    def _begin(self, onset: Scheduled, out: list[Event]) -> None:
        """Begin what belongs to a moment; a note that still sounds at the same pitch ends first."""
        at, moment = self._sample(onset.at_s), self._plan[onset.onset]
        if moment.sounds:
            out.append(Accompanied(at=at, emitted_at=self._decided, quarter=moment.quarter))
        out += self._pedals_at(moment, at)
        for note in map(self._touched, self._heard(moment)):
            for old in [old for old in self._sounding if old.note[:2] == note[:2]]:
                self._sounding.remove(old)
                if self._sample(old.since_s) < at:
                    out.append(self._end(old, at))
                else:  # the same key twice at once: one note, as long as the later
                    out.remove(self._event(old.note, at, active=True))
            out.append(self._event(note, at, active=True))
            self._sounding.append(_Sounding(note, onset.at_s))

    def _pedals_at(self, moment: Moment, at: int) -> list[Event]:
        """Move the pedals of a moment: what comes up does so with its notes, what then goes down a little later."""
        moves = []
        for channel, values in moment.pedals.items():
            self._moves = [move for move in self._moves if move.channel != channel]
            for i, value in enumerate(values):
                moves.append(_PedalMove(at + i * round(MIN_LENGTH_S * self.sample_rate), channel, value))
        self._moves += [move for move in moves if move.at > at]
        return [event for move in moves if move.at == at for event in self._pedal(move)]

    def _pedal(self, move: _PedalMove) -> list[Event]:
        at, channel, value = move
        if self._pedals.get(channel, 0) == value:
            return []
        self._pedals[channel] = value
        if not value:
            del self._pedals[channel]
        return [self._control(max(at, self._decided), channel, SUSTAIN, value)]

    def _heard(self, moment: Moment) -> Iterable[PlannedNote]:
        return (note for note in moment.notes if note.channel not in self._silenced)

    def _touched(self, note: PlannedNote) -> PlannedNote:
        """Return a note as loud and as high as the soloist would have it now."""
        if note.channel == DRUMS:
            return note
        pitch = note.pitch if self._pitch is None else self._pitch.transposed(note.pitch)
        return note._replace(pitch=pitch, velocity=self._loudness.velocity(note.velocity))

    def _sample(self, at_s: float) -> int:
        return max(round(at_s * self.sample_rate), self._decided)

    def _end(self, sounding: _Sounding, at: int) -> Note:
        """Return the end of a note, which lies behind its beginning."""
        return self._event(sounding.note, max(at, round(sounding.since_s * self.sample_rate) + 1), active=False)

    def _event(self, note: PlannedNote, at: int, *, active: bool) -> Note:
        return Note(
            at=at,
            emitted_at=self._decided,
            pitch=note.pitch,
            velocity=note.velocity,
            channel=note.channel,
            active=active,
        )

    def _control(self, at: int, channel: int, controller: int, value: int) -> Control:
        return Control(at=at, emitted_at=self._decided, channel=channel, controller=controller, value=value)
