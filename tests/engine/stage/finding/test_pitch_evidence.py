"""What is heard of each pitch, and that one onset is that of one note of a path."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from engine.score.score import Score, make_score
from engine.stage.finding.paths import EVENT, TOTAL, FilterNumbers, new_paths, restart_paths
from engine.stage.finding.pitch_evidence import BINS_A_PITCH, EVIDENCE_GROUP, N_BINS, PitchEvidence
from engine.stage.finding.place_filter import add_group
from engine.stage.finding.places import LOWEST, places_of
from tests.engine.stage.finding.shelf import tune

HOP_S = 0.023
GROUP_S = EVIDENCE_GROUP * HOP_S
LOW, HIGH = 60, 64
FEW_NATS = 1.5  # that being on time, and sounding on, may add to an onset
AT_PITCH = np.zeros(1, np.int64)


def rows(pitches: tuple[int, ...], begin: bool, offset: int = 0) -> np.ndarray:
    """A group in which these pitches sound."""
    heard = np.zeros((EVIDENCE_GROUP, 2 * N_BINS), np.float32)
    bins = [BINS_A_PITCH * (pitch - LOWEST) + offset for pitch in pitches]
    heard[:, bins] = 0.9
    heard[:, [N_BINS + each for each in bins]] = 0.9 * begin
    return heard


@pytest.mark.parametrize("offset", [0, 1])
def test_tuning_is_told_by_where_the_peaks_are(offset: int) -> None:
    evidence = PitchEvidence(HOP_S)
    assert evidence.offset() is None
    for _ in range(int(2 / GROUP_S)):
        evidence.add(rows((LOW, HIGH), False, offset))
    assert evidence.offset() == offset
    evidence.reset()
    assert evidence.offset() is None


def test_tuning_between_two_bins_is_not_told() -> None:
    evidence = PitchEvidence(HOP_S)
    for number in range(int(2 / GROUP_S)):
        evidence.add(rows((LOW, HIGH), False, number % 2))
    assert evidence.offset() is None


def test_a_chord_that_sounds_on_tells_less_and_less_until_something_begins() -> None:
    evidence = PitchEvidence(HOP_S)
    news = [evidence.add(rows((LOW, HIGH), number in (2, 20))).news for number in range(24)]
    assert news[3] == news[21] == 1.0, "told a group later"
    assert all(later < earlier for earlier, later in pairwise(news[3:20]))
    assert min(news) > 0


def test_a_path_begins_at_the_chord_that_sounds_of_many_with_the_same_onset() -> None:
    numbers = FilterNumbers(group_s=GROUP_S, most=2)
    chords = [(0.0, 4.0, LOW - 12 - i, 70) for i in range(10)], [(1.0, 3.0, HIGH, 70)]
    scores = [make_score(f"{i}", [low, *chords[1]], tempi=[(0.0, 60.0)]) for i, low in enumerate(chords[0])]
    places, evidence = places_of(scores), PitchEvidence(HOP_S)
    paths = new_paths(places, 1)
    restart_paths(paths)
    for number in range(5):
        heard = evidence.add(rows((LOW - 15, HIGH) if number >= 2 else (LOW - 15,), number == 2))
        args = places, AT_PITCH, np.ones(1, np.int64), np.zeros(len(scores), np.int64)
        add_group(paths, heard, number * GROUP_S, *args, numbers)
    best = paths.rows[0, : paths.n[0]][paths.rows[0, : paths.n[0], TOTAL].argmax()]
    assert places.piece[int(best[EVENT])] == 3


def most_gained(score: Score) -> float:
    """What the best path gains by one chord."""
    places, numbers, evidence = places_of([score]), FilterNumbers(group_s=GROUP_S), PitchEvidence(HOP_S)
    paths = new_paths(places, 1)
    restart_paths(paths)
    totals = []
    for number in range(10):
        heard = evidence.add(rows((LOW, HIGH) if number >= 4 else (), number == 4))
        args = places, AT_PITCH, np.ones(1, np.int64), np.zeros(1, np.int64)
        add_group(paths, heard, number * GROUP_S, *args, numbers)
        totals.append(paths.rows[0, : paths.n[0], TOTAL].max(initial=-np.inf))
    return float(max(totals))


def test_notes_that_follow_fast_do_not_share_one_onset() -> None:
    slow = make_score("slow", [(0.0, 4.0, LOW, 70), (0.0, 4.0, HIGH, 70)], tempi=[(0.0, 60.0)])
    rows_fast = [(0.06 * i, 0.06, LOW if i % 2 else HIGH, 70) for i in range(60)]
    fast = make_score("fast", rows_fast, tempi=[(0.0, 60.0)])
    assert most_gained(slow) > -FilterNumbers(group_s=GROUP_S).price
    assert most_gained(fast) < most_gained(slow) + FEW_NATS


def kept(numbers: FilterNumbers, n_groups: int) -> np.ndarray:
    """Paths that are kept in each group of random chords, none of which is in the scores for long."""
    places, evidence, rng = places_of([tune(seed) for seed in range(8)]), PitchEvidence(HOP_S), np.random.default_rng(5)
    paths = new_paths(places, 1)
    restart_paths(paths)
    counts = []
    for number in range(n_groups):
        heard = evidence.add(rows(tuple(rng.choice(np.arange(48, 84), 5)), number % 3 == 0))
        args = places, AT_PITCH, np.ones(1, np.int64), np.zeros(8, np.int64)
        add_group(paths, heard, number * GROUP_S, *args, numbers)
        counts.append(paths.n.sum())
    return np.array(counts)


def test_a_crowd_of_paths_is_kept_only_for_a_while() -> None:
    alive, crowd, saved = 2, 20, 5
    numbers = FilterNumbers(group_s=GROUP_S, alive=alive, crowd=crowd, saved=saved)
    limited, unlimited = (kept(each, 60) for each in (numbers, numbers._replace(saved=10**6)))
    assert alive < limited.max() <= crowd
    assert most_above(limited, alive) <= saved + crowd < most_above(unlimited, alive)


def most_above(counts: np.ndarray, alive: int) -> int:
    """The largest sum above `alive` over groups in succession."""
    above = np.concatenate([[0], np.cumsum(counts - alive)])
    return int((above - np.minimum.accumulate(above)).max())
