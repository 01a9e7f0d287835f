"""Call the cues as samples pass: the scheduler's decisions as `Cue` events, on the clock of the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.core.events import Cue, Event
from engine.core.format import AudioFormat
from engine.score.score import Score
from engine.stage.cues.actions import CueSound
from engine.stage.cues.config import CueTiming
from engine.stage.cues.cue_list import PlannedCue
from engine.stage.cues.player import CuePlayer
from engine.stage.cues.scheduler import CueCall, CueScheduler

__all__ = ["CUES", "CUE_STEP", "CueCaller", "CueSettings"]

CUES = "cues"  # name of the target

CUE_STEP = 256  # samples between two decisions, whatever the blocks: 5.8 ms at 44.1 kHz


@dataclass(frozen=True, slots=True, kw_only=True)
class CueSettings:
    """What is called, and when; may be pickled to the engine process.

    score: what is followed
    cues: in the order of the score
    sounds: files that cues play, by the cue's name
    """

    score: Score
    cues: tuple[PlannedCue, ...]
    timing: CueTiming = field(default_factory=CueTiming)
    sounds: Mapping[str, Sequence[CueSound]] = field(default_factory=dict)

    def build(self, audio: AudioFormat) -> CueCaller:
        """Return what calls them."""
        return CueCaller(self, audio)


class CueCaller:
    """Let samples pass, with the follower's events; return `Cue` events, a little before they act, and play sounds.

    Decisions are made every CUE_STEP samples of input, so they do not depend on how the input is cut into blocks.
    """

    def __init__(self, settings: CueSettings, audio: AudioFormat) -> None:
        self.sample_rate = audio.sample_rate
        self._scheduler = CueScheduler(settings.score, settings.cues, settings.timing)
        self._player = CuePlayer(audio, settings.sounds) if settings.sounds else None
        self._earlier = 0  # samples by which sounds are rendered before they are heard
        self.reset()

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of its sounds."""
        return () if self._player is None else (CUES,)

    def declare_latency(self, n_samples: int) -> None:
        """Begin sounds so much earlier, for the latency from input to output; kept by `reset`."""
        if self._player is not None:
            self._earlier = n_samples
            self._scheduler.latency_s = n_samples / self.sample_rate

    def reset(self) -> None:
        """Reset to the initial state."""
        self._scheduler.reset()
        if self._player is not None:
            self._player.reset()
        self._now = self._decided = 0  # samples consumed, and the last multiple of the step at which was decided

    def go_to(self, quarter: float) -> None:
        """Let all cues from here on act again: the player has said that the music goes on here."""
        self._scheduler.rearm(quarter)

    def change_score(self, fresh: CueCaller) -> None:
        """Go on with the cues of one that has just been made; what sounds sounds on."""
        fresh._scheduler.latency_s = self._scheduler.latency_s
        self._scheduler = fresh._scheduler

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
            out += [self._called(call) for call in calls]
        for event in waiting:  # emitted after the last decision; they precede the next
            self._scheduler.take(event)
        return out

    def render(self, n_samples: int) -> list[npt.NDArray[np.float32]]:
        """Return the sound (sample, channel) of each target in the samples that have passed last."""
        return [] if self._player is None else [self._player.render(n_samples)]

    def _called(self, call: CueCall) -> Cue:
        at = max(round(call.at_s * self.sample_rate), self._decided)
        if self._player is not None and call.fired:
            self._player.start(call.cue.name, max(at - self._earlier, self._decided))
        return Cue(
            at=at,
            emitted_at=self._decided,
            name=call.cue.name,
            quarter=call.cue.quarter,
            fired=call.fired,
            made_up=call.made_up,
            why=call.why,
        )
