"""Online time warping against the pseudocode of the paper, cell by cell, and on sequences whose path is known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.following.warping.online_warping import WarpNumbers, frame_distance, warp_online
from tests.tolerances import FLOAT32

BAND, BACK = 12, 6
DIXON = WarpNumbers(start=3, max_run=3, diagonal=2.0, every=0, back=BACK)


class PaperWarping:
    """The algorithm of Dixon (2005) in plain Python; live frames and reference frames are counted from 0."""

    def __init__(self, reference: np.ndarray, numbers: WarpNumbers) -> None:
        self.reference, self.numbers = reference, numbers
        self.live: list[np.ndarray] = []
        self.cost: dict[tuple[int, int], float] = {}
        self.j, self.run, self.previous, self.next = 0, 1, "", "both"

    def take(self, frame: np.ndarray) -> int:
        """Return the reference frame with the cheapest path in the row of this live frame."""
        self.live.append(frame)
        t = len(self.live) - 1
        self._evaluate([(t, k) for k in range(max(0, self.j - BAND + 1), self.j + 1)])
        if t == 0:
            return 0
        step = self.next
        while True:
            if step != "row":
                self._column()
            self.run = self.run + 1 if step == self.previous else 1
            if step != "both":
                self.previous = step
            self.next, best = self._increment()
            if self.next != "column":
                return best
            step = "column"

    def _column(self) -> None:
        if self.j + 1 < len(self.reference):
            self.j += 1
            t = len(self.live) - 1
            self._evaluate([(i, self.j) for i in range(max(0, t - BAND + 1), t + 1)])

    def _evaluate(self, cells: list[tuple[int, int]]) -> None:
        for t, j in cells:
            d = self._distance(self.live[t], self.reference[j])
            before = [self._known(t, j - 1) + d, self._known(t - 1, j) + d, self._known(t - 1, j - 1) + 2 * d]
            self.cost[t, j] = d if (t, j) == (0, 0) else min(before)

    def _distance(self, live: np.ndarray, reference: np.ndarray) -> float:
        if not self.numbers.share:
            return float(np.linalg.norm(live - reference))
        whole = float(live.sum() + reference.sum())
        return float(np.abs(live - reference).sum()) / whole * min(max((8 + np.log(whole)) / 10, 0), 1) if whole else 0

    def _known(self, t: int, j: int) -> float:
        inside = t > len(self.live) - 1 - BAND and j > self.j - BAND
        return self.cost.get((t, j), np.inf) if inside else np.inf

    def _increment(self) -> tuple[str, int]:
        t, j = len(self.live) - 1, self.j
        row = [(t, k) for k in range(max(0, j - BAND + 1), j + 1)]
        column = [(i, j) for i in range(max(0, t - BAND + 1), t)]
        best = min(reversed(row), key=self._normal)
        cheapest = min([best, *column], key=self._normal)
        if j + 1 == len(self.reference):
            return "row", best[1]
        if t + 1 < self.numbers.start:
            return "both", best[1]
        if self.run > self.numbers.max_run:
            return ("column" if self.previous == "row" else "row"), best[1]
        return ("column" if cheapest[0] < t else "row" if cheapest[1] < j else "both"), best[1]

    def _normal(self, cell: tuple[int, int]) -> float:
        return self.cost.get(cell, np.inf) / (cell[0] + cell[1] + 2)


def walk(n: int, seed: int) -> np.ndarray:
    """Frames that resemble their neighbours."""
    steps = np.random.default_rng(seed).standard_normal((n, 3))
    return np.cumsum(steps, axis=0).astype(np.float32)


def follow(live: np.ndarray, reference: np.ndarray, numbers: WarpNumbers, band: int = BAND) -> list[int]:
    return [int(place) for place in warp_online(live, reference, numbers, band).met]


def played(reference: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The reference read at other places, between its frames too."""
    columns = [np.interp(places, np.arange(len(reference)), column) for column in reference.T]
    return np.stack(columns, axis=1).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_algorithm_of_the_paper(seed: int) -> None:
    reference = walk(80, seed)
    rng = np.random.default_rng(100 + seed)
    live = played(reference, np.cumsum(rng.uniform(0.2, 1.9, 90)))
    live += 0.3 * rng.standard_normal(live.shape).astype(np.float32)
    slow = PaperWarping(reference, DIXON)
    assert follow(live, reference, DIXON) == [slow.take(row) for row in live]


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_compared_by_the_same_algorithm(seed: int) -> None:
    reference = np.maximum(walk(80, seed), 0)
    live = played(reference, np.cumsum(np.random.default_rng(seed).uniform(0.2, 1.9, 90)))
    numbers = DIXON._replace(share=True)
    slow = PaperWarping(reference, numbers)
    assert follow(live, reference, numbers) == [slow.take(row) for row in live]


@pytest.mark.parametrize(
    ("live", "reference", "wanted"),
    [
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([0.3, 0.7], [0.3, 0.7], 0.0),
        ([1.0, 0.0], [0.0, 1.0], (8 + np.log(2)) / 10),  # nothing in common, two frames of sum 1
        ([3.0, 1.0], [1.0, 3.0], 0.5),  # from a sum of exp(2) on the share itself
        ([1e-4, 0.0], [0.0, 1e-4], 0.0),  # faint
    ],
)
def test_frames_differ_by_their_share(live: list[float], reference: list[float], wanted: float) -> None:
    found = frame_distance(np.array(live, np.float32), np.array(reference, np.float32), True)
    assert found == pytest.approx(wanted, abs=FLOAT32)


@pytest.mark.parametrize("pace", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("every", [0, 10])
def test_any_tempo_within_the_limit_is_followed(pace: float, every: int) -> None:
    reference = walk(400, 1)
    places = np.arange(0, 399, pace)
    met = follow(played(reference, places), reference, DIXON._replace(every=every), band=60)
    assert np.abs(np.array(met) - places)[10:].mean() < 1  # a frame


def test_the_reference_is_not_left_at_its_end() -> None:
    reference = walk(30, 2)
    live = np.concatenate([reference, np.repeat(reference[-1:], 40, axis=0)])
    assert follow(live, reference, DIXON)[-1] == 29


def test_a_search_backwards_mends_a_path_that_went_astray() -> None:
    """Frames that are alike lead the path on too far; once the music is clear again, looking back finds the place."""
    reference = walk(400, 3)
    reference[60:90] = reference[60]
    places = np.concatenate([np.arange(0, 60), np.full(25, 60), np.arange(60, 300)])
    live = played(reference, places)
    live[62:84] += 2.0 * np.random.default_rng(0).standard_normal((22, 3)).astype(np.float32)
    off = {}
    for every in (0, 5):
        met = np.array(follow(live, reference, DIXON._replace(every=every, back=40), band=100))
        off[every] = np.abs(met - places)[90:].mean()
    assert off[5] <= off[0]
    assert off[5] < 3
