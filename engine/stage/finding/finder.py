"""Find which piece is played, and where in it: spectra in, `PieceFound` events out."""

from __future__ import annotations

from math import exp
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import I64
from engine.core.events import Event, PieceFound
from engine.core.format import FrameFormat
from engine.dsp.features import FeatureConfig, SpectralFeatures
from engine.following.config import onset_delay
from engine.following.likelihood import LikelihoodConfig, likelihood_numbers
from engine.following.tempo import tempo_numbers
from engine.stage.finding.config import FinderConfig
from engine.stage.finding.piece_index import IndexedPiece, PieceIndex
from engine.stage.finding.place_filter import Paths, add_group, filter_numbers, new_paths, restart_paths
from engine.stage.finding.places import Places, places_of

__all__ = ["Candidate", "PieceFinder"]

Spectra = npt.NDArray[np.complex64]

GROUP = 4  # frames that are taken together
NEAR = 3  # events; nearer ones are the same place
NEARLY = 0.97  # largest share of the way to the next event that is reported before its onset is heard
TEMPER = 3.0  # nats that count as one: frames that follow each other are not independent


class Candidate(NamedTuple):
    """The most likely place.

    piece: where it is
    quarter: in its score, now
    fit: lead over what is in none of the pieces, nats
    lead: over other pieces, nats
    place_lead: over other places of the piece, nats
    n_events: onsets heard of it
    """

    piece: IndexedPiece
    quarter: float
    fit: float
    lead: float
    place_lead: float
    n_events: int

    @property
    def confidence(self) -> float:
        """Return the share of the candidate beside its best rivals: nowhere, another piece, another place."""
        rivals = (self.fit, self.lead, self.place_lead)
        return 1 / (1 + sum(exp(-lead / TEMPER) for lead in rivals))


class PieceFinder:
    """Spectra (frame, channel, bin) of a Hann window to events, a `PieceFound` when a piece is sure and in intervals.

    `taken` is the piece that is played, as far as is known: it stays until another is sure. Editions of the same music
    are no rivals; the first of them is as good as any.
    """

    def __init__(self, frames: FrameFormat, index: PieceIndex, config: FinderConfig) -> None:
        self.frames, self.index, self.config = frames, index, config
        features = FeatureConfig()
        frame_s = frames.hop / frames.audio.sample_rate
        self._frame_s = frame_s
        self._features = SpectralFeatures(frames, features)
        self._places: Places = places_of([piece.score for piece in index.pieces], frames, features)
        self._editions = np.array([piece.edition for piece in index.pieces], np.int64)
        likelihood = likelihood_numbers(LikelihoodConfig(), frame_s, features.compression)
        self._rules = (filter_numbers(frame_s), tempo_numbers(frame_s), likelihood)
        self._paths: Paths = new_paths(len(self._places.piece))
        self.candidate: Candidate | None = None
        self.taken: IndexedPiece | None = None
        self._rows = np.zeros((GROUP + 2, 2 * self._features.n_bands), np.float32)
        self.reset()

    @property
    def latency(self) -> int:
        """Return the exact samples by which `emitted_at` lags `at`."""
        n_fft = self.frames.n_fft
        return n_fft - n_fft // 2 + onset_delay(self.frames) + self.frames.hop

    @property
    def room(self) -> int:
        """Return the frames that are missing to the end of the group."""
        return len(self._rows) - self._fill

    def process(self, spectra: Spectra) -> list[Event]:
        """Return the events of the frames."""
        events: list[Event] = []
        start = 0
        while start < len(spectra):
            part = spectra[start : start + self.room]
            self._rows[self._fill : self._fill + len(part)] = self._features.process(part)
            self._fill += len(part)
            start += len(part)
            if self._fill == len(self._rows):
                events += self._group()
        return events

    def take(self, piece: IndexedPiece | None) -> None:
        """Take it as known that this piece is played."""
        self.taken = piece

    def reset(self) -> None:
        """Return to the state after construction."""
        self._features.reset()
        restart_paths(self._paths)
        self._rows[:] = 0
        self._fill, self._first = 1, 0  # before the first frame is silence; number of the group's first frame
        self._told_s, self._undecided_s = 0.0, 0.0
        self.candidate = self.taken = None

    @property
    def sure(self) -> bool:
        """Return whether the candidate is sure."""
        config, best = self.config, self.candidate
        if best is None or not self._known(best) or best.n_events < config.events:
            return False
        return best.place_lead >= config.place_lead or self._undecided_s >= config.undecided

    def _known(self, best: Candidate) -> bool:
        return best.fit >= self.config.fit and best.lead >= self.config.piece_lead

    def _group(self) -> list[Event]:
        add_group(self._paths, self._rows, self._first * self._frame_s, self._places, self._rules)
        self._first += GROUP
        self._rows[:2] = self._rows[-2:]
        self._fill = 2
        self.candidate = self._best()
        best, group_s = self.candidate, GROUP * self._frame_s
        self._told_s += group_s
        known = best is not None and self._known(best)
        self._undecided_s = self._undecided_s + group_s if known else 0.0
        if best is None:
            return []
        fresh = self.sure and (self.taken is None or self.taken.edition != best.piece.edition)
        if fresh:
            self.taken = best.piece
        if not fresh and self._told_s < self.config.repeat:
            return []
        self._told_s = 0.0
        return [self._event(best)]

    def _event(self, best: Candidate) -> PieceFound:
        end = (self._first + 1) * self.frames.hop
        sure = self.sure and self.taken is not None and self.taken.edition == best.piece.edition
        piece = self.taken if sure and self.taken is not None else best.piece
        return PieceFound(
            at=end - self.latency,
            emitted_at=end,
            id=piece.id,
            name=piece.name,
            quarter=best.quarter,
            bar=best.piece.score.bar(best.quarter),
            confidence=best.confidence,
            sure=sure,
        )

    def _best(self) -> Candidate | None:
        event, standing, other, elsewhere = _leads(self._paths, self._places, self._editions)
        if event < 0:
            return None
        places = self._places
        piece = self.index.pieces[places.piece[event]]
        now_s = (self._first - 1) * self._frame_s
        period_s = float(np.exp(self._paths.tempo[event, 1])) * places.length_s[event]
        share = min(max(now_s - self._paths.entry_s[event], 0.0) / period_s, NEARLY)
        quarter = float(places.quarter[event])
        if event + 1 < places.first[places.piece[event] + 1]:
            quarter += share * float(places.quarter[event + 1] - quarter)
        steps = int(self._paths.steps[event])
        return Candidate(piece, float(quarter), standing, standing - other, standing - elsewhere, steps)


@njit(nogil=True, cache=True)
def _leads(paths: Paths, places: Places, editions: I64) -> tuple[int, float, float, float]:
    """Return the best event, -1 for none, its standing, and the best of other pieces and of other places of its own."""
    best = paths.tally[2]
    if best < 0:
        return -1, 0.0, 0.0, 0.0
    own, other, elsewhere = places.piece[best], 0.0, 0.0
    for i in range(paths.tally[0]):
        event = paths.alive[i]
        if editions[places.piece[event]] != editions[own]:
            other = max(other, paths.standing[event])
        elif places.piece[event] == own and places.bar[event] != places.bar[best] and abs(event - best) > NEAR:
            elsewhere = max(elsewhere, paths.standing[event])
    return best, paths.standing[best], other, elsewhere
