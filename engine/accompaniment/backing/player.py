"""Play a recording as the accompaniment: the scheduler says when, the glide where in the recording, the stretch how."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.accompaniment.backing.backing_map import Backing, BackingMap
from engine.accompaniment.backing.glide import Glide, GlideMoments, GlideNumbers, Movement
from engine.accompaniment.backing.recording import load_backing
from engine.accompaniment.backing.stretch import FASTEST, TimeStretch
from engine.accompaniment.plan import Moment
from engine.accompaniment.scheduler import Scheduler
from engine.core.events import Accompanied, Event
from engine.core.format import AudioFormat
from engine.dsp.stft import grown
from engine.score.score import Score

__all__ = ["BACKING_STEP", "BackingPlayer"]

BACKING_STEP = 256  # samples between two decisions, whatever the blocks
REHEARSED = 4096
GUARD_S = 0.005  # before an onset, beside half a frame
FADE_OUT_S, FADE_IN_S = 1.5, 0.02  # of a sound that is held too long, and of its return

Audio = npt.NDArray[np.float32]


class BackingPlayer:
    """Take the follower's events as samples pass; return the accompaniment's events, and the recording's sound.

    An `Accompanied` event says when an onset truly sounds in the output.

    more_latency_s: to make up for beside that of a device
    """

    def __init__(
        self,
        audio: AudioFormat,
        backing: Backing,
        solo: Score,
        plan: Sequence[Moment],
        scheduler: Scheduler,
        more_latency_s: float = 0.0,
    ) -> None:
        self.audio, self._scheduler = audio, scheduler
        self._stretch = TimeStretch(load_backing(backing.path, audio), backing.stretch)
        self._quarter = np.array([moment.quarter for moment in plan])
        places = BackingMap(backing, solo, audio.sample_rate)
        moments = GlideMoments(solo.seconds(self._quarter), np.array([moment.sounds for moment in plan]))
        self._glide = Glide(scheduler, places, moments, self._numbers(), backing.glide)
        self._end = places.sample(max(note.end_s for moment in plan for note in moment.notes))
        self._fade_after = backing.glide.fade_after_s * audio.sample_rate / BACKING_STEP
        self._gain_steps = BACKING_STEP / audio.sample_rate / np.array([FADE_OUT_S, FADE_IN_S])
        self._more_latency_s = more_latency_s
        self._places, self._gains = np.zeros(0), np.zeros((0, 1), np.float32)
        self.declare_latency(0)
        self.reset()

    def _numbers(self) -> GlideNumbers:
        rate, latency, hop = self.audio.sample_rate, self._stretch.latency, self._stretch.frames.hop
        guard, reach = latency + GUARD_S * rate, FASTEST * hop
        return GlideNumbers(rate, BACKING_STEP, latency, max(hop, BACKING_STEP), reach, guard)

    def reset(self) -> None:
        """Reset to the initial state."""
        self._scheduler.reset()
        self._stretch.reset()
        self._glide.reset()
        self._now = 0  # samples consumed
        self._planned = 0  # of which are decided, a multiple of the step
        self._movement = Movement(np.nan, np.nan)
        self._gain = self._gain_before = 1.0

    def declare_latency(self, n_samples: int) -> None:
        """Play so much earlier, for the latency from input to output; kept by `reset`."""
        own_s = (n_samples + self._stretch.latency) / self.audio.sample_rate
        self._scheduler.latency_s = own_s + self._more_latency_s

    def rehearse(self) -> None:
        """Play a little, to have everything compiled; reset afterwards."""
        self._stretch.process(np.arange(float(REHEARSED)))

    def go_to(self, quarter: float) -> None:
        """Be silent, and go on at a quarter, where the soloist is waited for."""
        self._scheduler.go_to(quarter)

    def put_pace(self, pace: float) -> None:
        """Play at this many seconds for each second of score, until the soloist plays at another."""
        self._scheduler.put_pace(pace)

    @property
    def finished(self) -> bool:
        """Return whether all was played, or left out, and has ended."""
        return self._scheduler.finished and not self._glide.place < self._end

    def process(self, n_samples: int, events: Sequence[Event]) -> tuple[list[Event], Audio]:
        """Let samples pass, with the follower's events emitted within them; return what is decided and their sound."""
        self._places = grown(self._places, n_samples)
        self._gains = grown(self._gains, n_samples)
        out: list[Event] = []
        waiting = list(events)
        filled = 0
        while filled < n_samples:
            if self._now == self._planned + BACKING_STEP:
                self._planned += BACKING_STEP
                while waiting and waiting[0].emitted_at <= self._planned:
                    self._scheduler.take(waiting.pop(0))
                out += self._decide()
            n = min(self._planned + BACKING_STEP - self._now, n_samples - filled)
            self._fill(filled, n)
            self._now, filled = self._now + n, filled + n
        for event in waiting:  # emitted after the last decision; they precede the next
            self._scheduler.take(event)
        sound = self._stretch.process(self._places[:n_samples])
        sound *= self._gains[:n_samples]
        return out, sound

    def _decide(self) -> list[Event]:
        now_s = self._planned / self.audio.sample_rate
        cut = self._scheduler.interrupted
        fixed = self._scheduler.commit(now_s, BACKING_STEP / self.audio.sample_rate)
        if cut:
            self._glide.stop()
        for onset in reversed(fixed):
            self._glide.enter(onset)
        self._movement = self._glide.step(self._planned)
        self._gain_before = self._gain
        out_step, in_step = self._gain_steps
        change = -out_step if self._glide.held > self._fade_after else in_step
        self._gain = float(min(max(self._gain + change, 0.0), 1.0))
        return self._passed()

    def _passed(self) -> list[Event]:
        """Return the onsets that are read in this step, at the samples at which they sound."""
        begin, end, cut = self._movement
        if not begin <= end:
            return []
        heard = begin - self._stretch.latency if cut else begin  # a cut sounds at once
        first, stop = np.searchsorted(self._glide.samples, (heard, end), side="right")
        out: list[Event] = []
        for index in range(first, stop):
            ahead = self._glide.samples[index] - begin
            ahead *= BACKING_STEP / (end - begin) if ahead > 0 else 1.0
            at = self._planned + self._stretch.latency + round(ahead)
            quarter = float(self._quarter[self._glide.onsets[index]])
            out.append(Accompanied(at=at, emitted_at=self._planned, quarter=quarter))
        return out

    def _fill(self, first: int, n: int) -> None:
        """Write the places and gains of n samples from now on."""
        share = (self._now - self._planned + np.arange(n)) / BACKING_STEP
        begin, end, _ = self._movement
        self._places[first : first + n] = begin + share * (end - begin)
        self._gains[first : first + n, 0] = self._gain_before + share * (self._gain - self._gain_before)
