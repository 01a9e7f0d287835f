"""Call the cues as samples pass: the scheduler's decisions as `Cue` events, on the clock of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.core.events import Cue, Event
from engine.core.format import AudioFormat
from engine.score.score import Score
from engine.stage.cues.config import CueTiming
from engine.stage.cues.cue_list import PlannedCue
from engine.stage.cues.scheduler import CueCall, CueScheduler

__all__ = ["CUE_STEP", "CueCaller", "CueSettings"]

CUE_STEP = 256  # samples between two decisions, whatever the blocks: 5.8 ms at 44.1 kHz


@dataclass(frozen=True, slots=True, kw_only=True)
class CueSettings:
    """What is called, and when; may be pickled to the engine process.

    score: what is followed
    cues: in the order of the score
    """

    score: Score
    cues: tuple[PlannedCue, ...]
    timing: CueTiming = field(default_factory=CueTiming)

    def build(self, audio: AudioFormat) -> CueCaller:
        """Return what calls them."""
        return CueCaller(self, audio.sample_rate)


class CueCaller:
    """Let samples pass, with the follower's events; return `Cue` events, a little before they act.

    Decisions are made every CUE_STEP samples of input, so they do not depend on how the input is cut into blocks.
    """

    def __init__(self, settings: CueSettings, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._scheduler = CueScheduler(settings.score, settings.cues, settings.timing)
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self._scheduler.reset()
        self._now = self._decided = 0  # samples consumed, and the last multiple of the step at which was decided

    def go_to(self, quarter: float) -> None:
        """Let all cues from here on act again: the player has said that the music goes on here."""
        self._scheduler.rearm(quarter)

    def process(self, n_samples: int, events: Sequence[Event]) -> list[Event]:
        """Let samples pass, with the follower's events emitted within them; return what is decided."""
        self._now += n_samples
        out: list[Event] = []
        waiting = list(events)
        while self._decided + CUE_STEP <= self._now:
            self._decided += CUE_STEP
            while waiting and waiting[0].emitted_at <= self._decided:
                self._scheduler.take(waiting.pop(0))
            calls = self._scheduler.commit(self._decided / self.sample_rate, CUE_STEP / self.sample_rate)
            out += [self._event(call) for call in calls]
        for event in waiting:  # emitted after the last decision; they precede the next
            self._scheduler.take(event)
        return out

    def _event(self, call: CueCall) -> Cue:
        return Cue(
            at=max(round(call.at_s * self.sample_rate), self._decided),
            emitted_at=self._decided,
            name=call.cue.name,
            quarter=call.cue.quarter,
            fired=call.fired,
            made_up=call.made_up,
            why=call.why,
        )
