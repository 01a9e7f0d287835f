"""Follow whatever piece of a folder is played: the finder, and a follower of the piece that it has found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, plain
from engine.core.errors import ConfigError
from engine.core.events import Event, Onset, State
from engine.core.format import AudioFormat
from engine.dsp.stft import Stft
from engine.following.config import FollowConfig, follow_frames
from engine.following.follower import Follower
from engine.stage.finding.config import FinderConfig
from engine.stage.finding.finder import PieceFinder
from engine.stage.finding.piece_index import IndexedPiece, PieceIndex
from engine.stage.finding.vigil import Vigil

__all__ = ["PieceFollower", "PieceFollowerConfig"]

Audio = npt.NDArray[np.float32]
Spectra = npt.NDArray[np.complex64]

KEPT = 32  # frames that a new follower hears of what was before, so that it knows the level and no onset is false


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceFollowerConfig(Settings):
    """Settings of a node that finds and follows, a listener of the pipeline."""

    index: PieceIndex = plain(MISSING, "the pieces")
    salience: Path = plain(MISSING, "ONNX file of the network that estimates which pitches sound and begin")
    refused: tuple[str, ...] = plain((), "ids of pieces that are not played")
    first: str = plain("", "id of the piece that is followed before another is found; empty for none")
    follow: FollowConfig | None = plain(FollowConfig, "following of what is found, by bands; None to find only")
    finder: FinderConfig = plain(FinderConfig, "when a piece is taken for found")

    def build(self, audio: AudioFormat) -> PieceFollower:
        """Return the node for audio of this format."""
        return PieceFollower(audio, self)


class PieceFollower:
    """Audio (sample, channel) to events: `PieceFound`, and those of a `Follower` of the piece that is taken.

    When another piece is sure the follower of the last is replaced by one of the new, which has heard the last frames
    and goes on at the next onset. When the follower is lost, and the finder sure of a place, it goes on there.
    While the follower is confident the finder rests, but for a look now and then.
    """

    def __init__(self, audio: AudioFormat, config: PieceFollowerConfig) -> None:
        if config.follow is not None and config.follow.input_features is not None:
            raise ConfigError("follow", expected="the bands, when the piece is to be found", got="other features")
        self.config, self.frames = config, follow_frames(audio)
        self._stft = Stft(self.frames)
        self._finder = PieceFinder(audio, config.index, config.salience, config.finder)
        self._finder.refuse(config.refused)
        self._vigil = Vigil(_longest_rest(config))
        self._kept = np.zeros((KEPT, audio.n_channels, self.frames.n_bins), np.complex64)
        self._first = config.index[config.first] if config.first else None
        self._follower: Follower | None = None
        self.reset()

    @property
    def latency(self) -> int:
        """Return the most samples by which `emitted_at` lags `at`."""
        return max(self._finder.latency, 0 if self._follower is None else self._follower.latency)

    @property
    def follower(self) -> Follower | None:
        """Return the follower of the piece that is taken, if one is."""
        return self._follower

    @property
    def resting(self) -> bool:
        """Return whether the finder rests."""
        return self._resting

    def process(self, block: Audio) -> list[Event]:
        """Return the events of the frames that the block completes."""
        events: list[Event] = []
        start = 0
        while start < len(block):
            part = block[start : start + self._finder.room]
            events += self._hear(part)
            start += len(part)
        return events

    def relocate(self, quarter: float) -> None:
        """Follow from the next frame on from this quarter of the piece that is taken."""
        if self._follower is not None:
            self._follower.relocate(quarter)

    def refuse(self, ids: Iterable[str]) -> None:
        """Find none of these pieces from now on; if one of them is followed, wait for another."""
        self._finder.refuse(ids)
        if self._finder.taken is not None and self._finder.refuses(self._finder.taken):
            self._finder.take(None)
            self._vigil.reset()
            self._follower = None
            self._told_waiting = False

    def reset(self) -> None:
        """Return to the state after construction."""
        self._stft.reset()
        self._finder.reset()
        self._vigil.reset()
        self._n_samples, self._resting = 0, False
        self._kept[:] = 0
        self._n, self._n_new, self._offset, self._lost = 0, 0, 0, False
        self._told_waiting = False
        self._follower = None
        if self._first is not None:
            self._finder.take(self._first)
            self._follower = self._new_follower(self._first)

    def _hear(self, block: Audio) -> list[Event]:
        """Take samples, at most to the end of the finder's group."""
        if self._finder.between:  # a group is heard whole or not at all
            now_s = self._n_samples / self.frames.audio.sample_rate
            self._resting = self._vigil.decide(now_s, settled=self._finder.settled)
        self._n_samples += len(block)
        spectra = self._stft.process(block)
        self._keep(spectra)
        waits = not self._told_waiting and len(spectra) > 0 and self._follower is None
        told = self._waiting() if waits and self.config.follow is not None else []
        followed = [] if self._follower is None else self._shifted(self._follower.process(spectra))
        for event in followed:
            self._lost = event.name == "lost" if isinstance(event, State) else self._lost
        self._vigil.look(followed)
        before = self._finder.taken
        found = self._search(block)
        taken, best = self._finder.taken, self._finder.candidate
        if taken is not before and taken is not None and best is not None:
            self._follow(taken, best.quarter)
        elif self._lost and self._finder.between and best is not None and best.piece is taken and self._finder.sure:
            self.relocate(best.quarter)
            self._lost = False
        return sorted(told + followed + found, key=lambda event: event.emitted_at)

    def _search(self, block: Audio) -> list[Event]:
        if not self._resting:
            return self._finder.process(block)
        self._finder.skip(len(block))
        return []

    def _keep(self, spectra: Spectra) -> None:
        """Keep the last frames."""
        self._n, self._n_new = self._n + len(spectra), len(spectra)
        kept = spectra[-KEPT:]
        if len(kept):
            self._kept[: -len(kept)] = self._kept[len(kept) :].copy()
            self._kept[-len(kept) :] = kept

    def _waiting(self) -> list[Event]:
        self._told_waiting = True
        emitted_at = (self._n - self._n_new + 1) * self.frames.hop
        at = max(emitted_at - self.latency, 0)
        return [State(at=at, emitted_at=emitted_at, name="waiting", why="for a piece that is known")]

    def _follow(self, piece: IndexedPiece, quarter: float) -> None:
        self._lost = False
        self._vigil.forget(self._n_samples / self.frames.audio.sample_rate)
        self._follower = self._new_follower(piece)
        if self._follower is None:
            return
        n = min(self._n, KEPT)
        self._offset = self._n - n
        self._follower.process(self._kept[KEPT - n :])
        self._follower.relocate(quarter)

    def _new_follower(self, piece: IndexedPiece) -> Follower | None:
        follow = self.config.follow
        return None if follow is None else Follower(self.frames, piece.score, follow)

    def _shifted(self, events: list[Event]) -> list[Event]:
        """Return the events of a follower that began later, on the clock of the input."""
        shift = self._offset * self.frames.hop
        if shift == 0:
            return events
        return [_later(event, shift, self.frames.audio.sample_rate) for event in events]


def _longest_rest(config: PieceFollowerConfig) -> float:
    """Return for how long the finder may rest: not at all beside a follower that does not know when it is lost."""
    return config.finder.rest if config.follow is not None and config.follow.method == "search" else 0.0


def _later(event: Event, shift: int, rate: int) -> Event:
    moved = replace(event, at=event.at + shift, emitted_at=event.emitted_at + shift)
    return replace(moved, due_s=moved.due_s + shift / rate) if isinstance(moved, Onset) else moved
