"""Jumps, repeats, cuts and what is not the piece: found where they were put, and nowhere else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from engine.core.errors import ConfigError, ShapeError
from offline.alignment.dtw import jumps
from offline.alignment.dtw.jumps import JumpConfig, JumpWarping, Link, PlayedSegment, jump_warp
from tests.tolerances import FLOAT32

NEAR = 2  # frames: of four to a second, half a second
NOISE = 0.2

Features = npt.NDArray[np.float32]
Part = tuple[tuple[int, int], tuple[int, int] | None]


def music(n: int, seed: int) -> Features:
    """Chroma that wander at random, about a chord in four frames."""
    rng = np.random.default_rng(seed)
    values = np.empty((n, 12))
    values[0] = rng.standard_normal(12)
    for k in range(1, n):
        values[k] = 0.75 * values[k - 1] + 0.66 * rng.standard_normal(12)
    return (np.maximum(values, 0) + 0.01).astype(np.float32)


def noise(n: int, seed: int) -> Features:
    return np.abs(np.random.default_rng(seed).standard_normal((n, 12))).astype(np.float32)


def perform(reference: Features, parts: list[tuple[int, int] | int], seed: int) -> tuple[Features, list[Part]]:
    """Play parts (from, to) of the reference at tempi between half and twice, and numbers of frames of noise."""
    rng = np.random.default_rng(seed)
    played, truth, now = [], [], 0
    for k, part in enumerate(parts):
        if isinstance(part, int):
            played.append(noise(part, seed + k))
            place = None
        else:
            tempo = 2 ** np.sin(rng.uniform(0, 6) + np.arange(3 * (part[1] - part[0])) / rng.uniform(20, 60))
            frames = part[0] + np.round(np.cumsum(tempo) - tempo[0]).astype(int)
            frames = frames[frames < part[1]]
            played.append(reference[frames] + NOISE * noise(len(frames), seed + k))
            place = (int(frames[0]), int(frames[-1]) + 1)
        truth.append(((now, now + len(played[-1])), place))
        now += len(played[-1])
    return np.concatenate(played).astype(np.float32), truth


def assert_found(found: JumpWarping, truth: list[Part]) -> None:
    assert len(found.segments) == len(truth), found.segments
    for segment, (live, reference) in zip(found.segments, truth, strict=True):
        assert np.abs(np.subtract(segment.live, live)).max() <= NEAR, (segment, live)
        assert (segment.reference is None) == (reference is None)
        if segment.reference is not None:
            assert np.abs(np.subtract(segment.reference, reference)).max() <= 2 * NEAR, (segment, reference)


@pytest.mark.parametrize("seed", range(20))
def test_clean_playing_has_no_jump(seed: int) -> None:
    reference = music(400, seed)
    live, truth = perform(reference, [(0, 400)], seed)
    assert_found(jump_warp(reference, live), truth)


@pytest.mark.parametrize(
    "parts",
    [
        [(0, 200), (80, 400)],  # a repeat that is not in the reference
        [(0, 120), (230, 400)],  # a cut
        [(0, 150), (50, 150), (300, 400)],
        [30, (0, 400)],  # applause before
        [(0, 400), 40],  # and after
        [(0, 60), 20, (0, 400)],  # a false start
        [(0, 200), 25, (200, 400)],  # an interruption
        [(0, 200), 25, (140, 400)],  # and a little taken back
        [(150, 400)],  # from the middle on
        [(0, 250)],  # broken off
        [20, (100, 300), 30, (0, 400), 20],
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(3))
def test_what_was_played_is_found(parts: list[tuple[int, int] | int], seed: int) -> None:
    reference = music(400, seed)
    live, truth = perform(reference, parts, seed)
    found = jump_warp(reference, live)
    assert_found(found, truth)
    check_places(found, len(live))


def check_places(found: JumpWarping, n_live: int) -> None:
    """Segments cover all, and places go forward inside each."""
    assert [s.live[0] for s in found.segments] == [0, *(s.live[1] for s in found.segments[:-1])]
    assert found.segments[-1].live[1] == n_live
    for segment in found.segments:
        places = found.places[slice(*segment.live)]
        if segment.reference is None:
            assert (places == -1).all()
        else:
            assert (places[0], places[-1] + 1) == segment.reference
            assert set(np.diff(places).tolist()) <= {0, 1, 2, 3}


def test_a_known_jump_costs_less() -> None:
    """A jump too dear to be believed is believed where the structure has it."""
    reference = music(300, 5)
    live, truth = perform(reference, [(0, 160), (60, 300)], 6)
    dear = JumpConfig(jump=1000.0, leave=1000.0)
    assert_found(jump_warp(reference, live, dear, [Link(leave=158, enter=61)]), truth)
    assert len(jump_warp(reference, live, dear).segments) == 1


def test_nothing_but_noise_is_nowhere() -> None:
    found = jump_warp(music(300, 7), noise(100, 8))
    assert found.segments == (PlayedSegment(live=(0, 100), reference=None),)


def test_a_single_frame_will_do() -> None:
    reference = music(50, 9)
    assert jump_warp(reference, reference[:1]).segments == (PlayedSegment(live=(0, 1), reference=(0, 1)),)
    assert len(jump_warp(reference[:1], reference).places) == 50


def twin(costs: npt.NDArray[np.float64], config: JumpConfig, links: list[Link], unit: float) -> float:  # noqa: PLR0912
    """The least cost, state by state: before the music, young (place, age), settled or resting at a place."""
    jump, leave, elsewhere, sway = unit * np.array([config.jump, config.leave, config.elsewhere, config.sway])
    n, n_live = costs.shape
    least = min(config.least, n_live)
    best: dict[tuple[object, ...], float] = {("before",): 0.0}
    for j in range(n_live):
        now: dict[tuple[object, ...], float] = {}

        def reach(state: tuple[object, ...], cost: float, to: dict[tuple[object, ...], float] = now) -> None:
            to[state] = min(to.get(state, np.inf), cost)

        def begin(i: int, cost: float, frame: int = j) -> None:
            reach(("young", i, 1) if least > 1 else ("settled", i), cost + costs[i, frame])

        for (kind, *where), cost in best.items():
            if kind == "before":
                reach(("before",), cost + elsewhere)
                for i in range(n):
                    begin(i, cost + min(jump, (leave if j else 0.0) if i <= config.slack else jump))
                continue
            place = where[0]
            if kind == "resting":
                reach(("resting", place), cost + elsewhere)
                for i in range(n):
                    begin(i, cost + jump - leave / 2)
                for i in (place, place + 1):
                    if i < n:
                        reach(("settled", i), cost + costs[i, j])
                continue
            for step in range(4):
                if place + step < n:
                    age = where[1] + 1 if kind == "young" else least
                    state = ("young", place + step, age) if age < least else ("settled", place + step)
                    reach(state, cost + costs[place + step, j] + sway * abs(step - 1))
            if kind == "settled":
                reach(("resting", place), cost + leave + elsewhere)
                for i in range(n):
                    begin(i, cost + jump)
                for link in links:
                    if abs(place - link.leave) <= config.slack:
                        for i in range(max(link.enter - config.slack, 0), min(link.enter + config.slack + 1, n)):
                            begin(i, cost + unit * link.price)
        best = now
    return min(cost for (kind, *_), cost in best.items() if kind != "young")


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_nothing_is_cheaper(data: st.DataObject) -> None:
    n, n_live, seed = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 14)), data.draw(st.integers(0, 999))
    config = JumpConfig(
        metric=data.draw(st.sampled_from(["cosine", "euclidean", "cityblock"])),
        jump=data.draw(st.floats(0.5, 2.0, allow_subnormal=False)),
        leave=data.draw(st.floats(0.0, 0.5, allow_subnormal=False)),
        elsewhere=data.draw(st.floats(0.1, 1.0, allow_subnormal=False)),
        least=data.draw(st.integers(1, 5)),
        slack=data.draw(st.integers(0, 2)),
    )
    place = st.integers(0, n - 1)
    links = data.draw(
        st.lists(st.builds(Link, leave=place, enter=place, price=st.floats(0, 2, allow_subnormal=False)), max_size=2)
    )
    reference, live = music(n, seed), music(n_live, seed + 1)
    found = jump_warp(reference, live, config, links)
    centred = [x - x.mean(axis=1, keepdims=True) for x in (reference, live)]
    costs = cdist(*centred, config.metric)
    unit = jumps._unit(*(jumps._prepared(x, config) for x in (reference, live)), config.metric)
    assert found.cost == pytest.approx(twin(costs, config, links, unit), rel=FLOAT32, abs=FLOAT32)
    check_places(found, n_live)


def test_what_is_wrong_is_told() -> None:
    reference = music(20, 10)
    with pytest.raises(ShapeError, match="live"):
        jump_warp(reference, reference[:0])
    with pytest.raises(ConfigError, match="frames below 20"):
        jump_warp(reference, reference, links=[Link(leave=3, enter=20)])
    with pytest.raises(ConfigError, match="leave"):
        JumpConfig(jump=1.0, leave=2.0)
    with pytest.raises(ConfigError, match="metric"):
        JumpConfig(metric="chroma")
