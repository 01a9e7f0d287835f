"""Find which piece is played, and where in it: audio in, `PieceFound` events out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.events import Event, PieceFound
from engine.core.format import AudioFormat
from engine.following.salience import SalienceNode, SalienceNodeConfig
from engine.stage.finding.candidates import Candidate, candidates_of
from engine.stage.finding.config import FinderConfig
from engine.stage.finding.paths import FilterNumbers, new_paths, restart_paths
from engine.stage.finding.piece_index import IndexedPiece, PieceIndex
from engine.stage.finding.pitch_evidence import BINS_A_PITCH, EVIDENCE_GROUP, PitchEvidence
from engine.stage.finding.place_filter import add_group
from engine.stage.finding.places import places_of

__all__ = ["PieceFinder"]

SETTLED_S = 2.0  # for which the piece that is taken is the likeliest, after which only its tuning is looked at

Audio = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]


class PieceFinder:
    """Audio (sample, channel) to events: `PieceFound` when a piece is sure, and in intervals of the likeliest pieces.

    `taken` is the piece that is played, as far as is known: it stays until another is sure. Editions of the same music
    are no rivals; the first of them is as good as any.
    """

    def __init__(self, audio: AudioFormat, index: PieceIndex, salience: Path, config: FinderConfig) -> None:
        self.audio, self.index, self.config = audio, index, config
        self._node = SalienceNode(SalienceNodeConfig(model=salience, onsets=True, block=EVIDENCE_GROUP), audio)
        self._hop = self._node.hop * EVIDENCE_GROUP
        self._places = places_of([piece.score for piece in index.pieces])
        self._numbers = FilterNumbers(group_s=self._hop / audio.sample_rate)
        self._tunings = np.array(sorted(range(-config.detuned, config.detuned + 1), key=abs), np.int64)
        self._paths = new_paths(self._places, len(self._tunings))
        self._evidence = PitchEvidence(self._node.hop / audio.sample_rate)
        self._editions = np.array([piece.edition for piece in index.pieces], np.int64)
        self._refused = np.zeros(len(index.pieces), np.int64)
        self.candidates: list[Candidate] = []
        self.taken: IndexedPiece | None = None
        self.reset()

    @property
    def latency(self) -> int:
        """Return the exact samples by which `emitted_at` lags `at`: a group is told when the next is complete."""
        return 2 * self._hop - self._node.centre(0) - self._node.hop // 2

    @property
    def n_bytes(self) -> int:
        """Return the memory of the places and of the search."""
        sets = (*self._places.chords, *self._places.rings, *self._places.onsets)
        places = (array for array in self._places if isinstance(array, np.ndarray))
        return sum(array.nbytes for array in chain(sets, places, self._paths))

    @property
    def room(self) -> int:
        """Return the samples that are missing to the end of the group."""
        return self._hop - self._n % self._hop

    @property
    def between(self) -> bool:
        """Return whether it stands between two groups."""
        return self._n % self._hop == 0

    @property
    def candidate(self) -> Candidate | None:
        """Return the likeliest place."""
        return self.candidates[0] if self.candidates else None

    def process(self, block: Audio) -> list[Event]:
        """Return the events of the samples."""
        events: list[Event] = []
        start = 0
        while start < len(block):
            part = block[start : start + self.room]
            rows = self._node.process(part)
            self._n += len(part)
            start += len(part)
            if self._n % self._hop == 0:
                events += self._group(rows)
        return events

    def skip(self, n_samples: int) -> None:
        """Let samples pass unheard, at most to the end of the group; what is heard after them is a beginning."""
        if self.candidates or self._paths.n.any():
            self._forget()
        self._n += n_samples

    @property
    def settled(self) -> bool:
        """Return whether the piece that is taken is the likeliest, and has been for a while."""
        return self._settled_s >= SETTLED_S

    def take(self, piece: IndexedPiece | None) -> None:
        """Take it as known that this piece is played."""
        self.taken = piece

    def refuse(self, ids: Iterable[str]) -> None:
        """Leave out these pieces and their editions from now on, in place of those refused before."""
        refused = {self.index[known].edition for known in ids}
        self._refused[:] = np.isin(self._editions, list(refused))

    def refuses(self, piece: IndexedPiece) -> bool:
        """Return whether a piece is refused."""
        return bool(np.any(self._refused[self._editions == piece.edition]))

    def reset(self) -> None:
        """Return to the state after construction, the refused pieces apart."""
        self._forget()
        self._n = 0
        self._told_s, self.taken = 0.0, None

    def _forget(self) -> None:
        """Forget what was heard."""
        self._node.reset()
        self._evidence.reset()
        restart_paths(self._paths)
        self._known_s, self._settled_s = 0.0, 0.0
        self.candidates = []

    @property
    def sure(self) -> bool:
        """Return whether the likeliest place is sure."""
        config, best = self.config, self.candidate
        if best is None or not self._known(best) or self._known_s < config.held:
            return False
        return best.place_lead >= config.place_lead or self._known_s >= config.undecided

    def _known(self, best: Candidate) -> bool:
        return best.confidence >= self.config.sure and best.n_events >= self.config.events

    def _group(self, rows: Features) -> list[Event]:
        heard = self._evidence.add(rows)
        group_s = self._hop / self.audio.sample_rate
        now_s = (self._n - self._hop) / self.audio.sample_rate
        tunings = self._tunings, self._open_tunings()
        add_group(self._paths, heard, now_s, self._places, *tunings, self._refused, self._numbers)
        self.candidates = candidates_of(self._paths, self._places, self.index.pieces, self._editions, now_s)
        self._told_s += group_s
        best = self.candidate
        settled = best is not None and self.taken is not None and best.piece.edition == self.taken.edition
        self._settled_s = self._settled_s + group_s if settled else 0.0
        if best is None:
            self._known_s = 0.0
            return []
        self._known_s = self._known_s + group_s if self._known(best) else 0.0
        fresh = self.sure and (self.taken is None or self.taken.edition != best.piece.edition)
        if fresh:
            self.taken = best.piece
        if not fresh and self._told_s < self.config.repeat:
            return []
        self._told_s = 0.0
        return [self._event(each, rank) for rank, each in enumerate(self.candidates)]

    def _open_tunings(self) -> npt.NDArray[np.int64]:
        """Return 1 for each tuning at which a piece may begin."""
        if self.settled and self.candidate is not None:
            return np.asarray(np.arange(len(self._tunings)) == self.candidate.tuning, np.int64)
        offset = self._evidence.offset()
        return np.asarray((self._tunings % BINS_A_PITCH == offset) | (offset is None), np.int64)

    def _event(self, told: Candidate, rank: int) -> PieceFound:
        taken = self.taken if rank == 0 and self.sure else None
        sure = taken is not None and taken.edition == told.piece.edition
        piece = taken if sure and taken is not None else told.piece
        return PieceFound(
            at=self._n - self.latency,
            emitted_at=self._n,
            id=piece.id,
            name=piece.name,
            quarter=told.quarter,
            bar=told.piece.score.bar(told.quarter),
            confidence=told.confidence,
            sure=sure,
            rank=rank,
        )
