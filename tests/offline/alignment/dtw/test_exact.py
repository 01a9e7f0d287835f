"""Full-file warping: librosa's costs, a twin without tricks for what librosa has not, and paths that are paths."""

from __future__ import annotations

from collections.abc import Iterator

import librosa
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from engine.core.errors import ConfigError, ShapeError
from offline.alignment.dtw import tiles
from offline.alignment.dtw.exact import METRICS, DtwConfig, Warping, band_around, sakoe_chiba, warp
from tests.tolerances import FLOAT32

Features = npt.NDArray[np.float32]
STEPS = ((1, 1), (1, 0), (0, 1))
SHAPES = [(1, 1), (1, 9), (9, 1), (2, 2), (37, 53), (64, 65), (150, 131), (90, 400)]
WEIGHTS = {"weights_mul": (2.0, 1.0, 1.5), "weights_add": (0.1, 0.2, 0.05)}


def cut_small(patch: pytest.MonkeyPatch, n_parts: int) -> None:
    """Solve small problems as large ones are: cut into so many parts each way, and these again."""
    for name, value in {
        "KEPT": 64 * 64,
        "ROWS": n_parts,
        "COLUMNS": n_parts,
        "LEAST_ROWS": 1,
        "LEAST_COLUMNS": 1,
    }.items():
        patch.setattr(tiles, name, value)


@pytest.fixture(params=["kept whole", "many tiles", "tiles in tiles"])
def tiling(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way to solve."""
    if request.param != "kept whole":
        cut_small(monkeypatch, 99 if request.param == "many tiles" else 2)


def music(n: int, n_features: int, seed: int) -> Features:
    """Positive features that wander."""
    rng = np.random.default_rng(seed)
    return (np.abs(rng.standard_normal((n, n_features)).cumsum(axis=0)) + 0.1).astype(np.float32)


def distances(reference: Features, live: Features, metric: str) -> npt.NDArray[np.float64]:
    return cdist(reference.astype(np.float64), live.astype(np.float64), metric)


def twin(costs: npt.NDArray[np.float64], config: DtwConfig, band: npt.NDArray[np.int64] | None = None) -> float:
    """The least cost of any path, cell by cell."""
    n, m = costs.shape
    allowed = np.ones((n, m), bool)
    if band is not None:
        allowed = (np.arange(m) >= band[:, :1]) & (np.arange(m) < band[:, 1:])
    opening = {side: getattr(config, side) for side in ("open_begin", "open_end")}
    opening = {side: ("reference" if n > m else "live") if to == "longer" else to for side, to in opening.items()}
    total = np.full((n, m), np.inf)
    for i, j in np.argwhere(allowed):
        begin = opening["open_begin"]
        if (i, j) == (0, 0) or (begin == "live" and i == 0) or (begin == "reference" and j == 0):
            total[i, j] = costs[i, j]
        for (di, dj), mul, add in zip(STEPS, config.weights_mul, config.weights_add, strict=True):
            if i >= di and j >= dj:
                total[i, j] = min(total[i, j], total[i - di, j - dj] + mul * costs[i, j] + add)
    return float({"none": total[-1, -1], "live": total[-1].min(), "reference": total[:, -1].min()}[opening["open_end"]])


def check_path(warping: Warping, shape: tuple[int, int], config: DtwConfig) -> None:
    """Every step is allowed, and both ends lie where they must."""
    steps = {tuple(map(int, step)) for step in np.diff(warping.path, axis=0)}
    assert steps <= set(STEPS)
    first, last = warping.path[0], warping.path[-1]
    longer = 0 if shape[0] > shape[1] else 1
    axes = {"none": None, "reference": 0, "live": 1, "longer": longer}
    for axis in (0, 1):
        assert first[axis] == 0 or axes[config.open_begin] == axis
        assert last[axis] == shape[axis] - 1 or axes[config.open_end] == axis


def peer(costs: npt.NDArray[np.float64], config: DtwConfig) -> float:
    """librosa's least cost."""
    options = {}
    if config.weights_mul != (1.0, 1.0, 1.0):
        weights = {"weights_mul": np.array(config.weights_mul), "weights_add": np.array(config.weights_add)}
        options = {"step_sizes_sigma": np.array(STEPS), **weights}
    subseq = config.open_begin == "longer"
    if subseq and costs.shape[0] > costs.shape[1]:
        costs = costs.T
    banded = config.radius is not None
    share = (config.radius or 0) / min(costs.shape)
    total = librosa.sequence.dtw(
        C=costs, subseq=subseq, backtrack=False, global_constraints=banded, band_rad=share, **options
    )
    return float(total[-1].min() if subseq else total[-1, -1])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", SHAPES)
def test_costs_are_librosas(metric: str, shape: tuple[int, int], tiling: None) -> None:
    reference, live = music(shape[0], 40, 1), music(shape[1], 40, 2)
    costs = distances(reference, live, metric)
    subsequence = {"open_begin": "longer", "open_end": "longer"}
    for options in ({}, WEIGHTS, subsequence, {"radius": 1 + min(shape) // 4}):
        config = DtwConfig(metric=metric, n_threads=1, **options)
        found = warp(reference, live, config)
        assert found.cost == pytest.approx(peer(costs, config), rel=FLOAT32, abs=FLOAT32)
        check_path(found, shape, config)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_nothing_is_cheaper(data: st.DataObject) -> None:
    """Against the twin: weights, open ends on either side, any band, few and many features, any size of tiles."""
    n, m = data.draw(st.integers(1, 150)), data.draw(st.integers(1, 150))
    seed = data.draw(st.integers(0, 99))
    reference, live = music(n, 1 + seed % 50, seed), music(m, 1 + seed % 50, seed + 1)
    opening = data.draw(st.sampled_from(["reference", "live", "longer"]))
    weight = st.tuples(*(st.floats(0.25, 4.0, allow_subnormal=False),) * 3)
    config = DtwConfig(
        metric=data.draw(st.sampled_from(list(METRICS))),
        weights_mul=data.draw(weight),
        weights_add=data.draw(st.one_of(st.just((0.0, 0.0, 0.0)), weight)),
        open_begin=data.draw(st.sampled_from(["none", opening])),
        open_end=data.draw(st.sampled_from(["none", opening])),
        n_threads=data.draw(st.sampled_from([1, 2])),
    )
    band = None
    if data.draw(st.booleans()):
        band = band_around(np.array([[0, 0], *_wander(n, m, seed)]), n, m, data.draw(st.integers(1, 12)))
    with pytest.MonkeyPatch.context() as patch:
        if data.draw(st.booleans()):
            cut_small(patch, data.draw(st.sampled_from([2, 99])))
        found = warp(reference, live, config, band)
    costs = distances(reference, live, config.metric)
    assert found.cost == pytest.approx(twin(costs, config, band), rel=FLOAT32, abs=FLOAT32)
    check_path(found, (n, m), config)
    if band is not None:
        low, high = band[found.path[:, 0]].T
        assert (found.path[:, 1] >= low).all() and (found.path[:, 1] < high).all()


def _wander(n: int, m: int, seed: int) -> Iterator[tuple[int, int]]:
    """A random path from the second to the last cell."""
    rng, i, j = np.random.default_rng(seed), 0, 0
    while (i, j) != (n - 1, m - 1):
        step = STEPS[rng.integers(3)]
        i, j = min(i + step[0], n - 1), min(j + step[1], m - 1)
        yield i, j


def test_the_cost_is_the_paths_own() -> None:
    reference, live = music(300, 12, 3), music(280, 12, 4)
    found = warp(reference, live, DtwConfig(metric="euclidean"))
    cells = distances(reference, live, "euclidean")[tuple(found.path.T)]
    assert found.cost == pytest.approx(cells.sum(), rel=FLOAT32)


def test_a_piece_against_itself_is_the_diagonal(tiling: None) -> None:
    features = music(500, 12, 5)
    for metric in ("euclidean", "cityblock"):
        found = warp(features, features, DtwConfig(metric=metric))
        assert found.cost == 0.0
        assert np.array_equal(found.path, np.repeat(np.arange(500)[:, None], 2, axis=1))


def test_an_excerpt_is_found_where_it_is(tiling: None) -> None:
    whole = music(900, 12, 6)
    excerpt = whole[350:600]
    config = DtwConfig(metric="euclidean", open_begin="longer", open_end="longer")
    assert warp(excerpt, whole, config).path[[0, -1]].tolist() == [[0, 350], [249, 599]]
    assert warp(whole, excerpt, config).path[[0, -1]].tolist() == [[350, 0], [599, 249]]


def test_an_open_end_stops_where_the_live_side_does() -> None:
    whole = music(600, 12, 7)
    found = warp(whole, whole[:410], DtwConfig(metric="cityblock", open_end="reference"))
    assert found.path[-1].tolist() == [409, 409]
    found = warp(whole[190:], whole, DtwConfig(metric="cityblock", open_begin="live"))
    assert found.path[0].tolist() == [0, 190]


def test_silence_is_far_from_all_and_hurts_nobody() -> None:
    features = music(50, 12, 8)
    features[:10] = 0.0
    assert warp(features, features).cost == pytest.approx(10.0, abs=FLOAT32)


def test_threads_change_nothing() -> None:
    reference, live = music(5000, 6, 9), music(4000, 6, 10)
    alone, both = (warp(reference, live, DtwConfig(n_threads=n)) for n in (1, 2))
    assert np.array_equal(alone.path, both.path)


def test_bands_are_librosas() -> None:
    for n, m, radius in ((10, 10, 2), (10, 17, 3), (17, 10, 4), (5, 50, 1)):
        inside = np.ones((n, m))
        librosa.util.fill_off_diagonal(inside, radius=radius / min(n, m), value=0.0)
        band = sakoe_chiba(n, m, radius)
        columns = np.arange(m)
        assert np.array_equal(inside > 0, (columns >= band[:, :1]) & (columns < band[:, 1:]))


def test_the_band_around_a_path_holds_all_near_it() -> None:
    path = np.array([[2, 0], [3, 1], [3, 2], [3, 3], [4, 4], [5, 4]])
    near = np.zeros((12, 9), bool)
    for i, j in path:
        near[max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3] = True
    band = band_around(path, 12, 9, 2)
    assert np.array_equal(near, (np.arange(9) >= band[:, :1]) & (np.arange(9) < band[:, 1:]))


@pytest.mark.parametrize("name", ["reference", "live"])
def test_bad_features_are_told(name: str) -> None:
    good = music(20, 12, 0)
    for bad, word in (
        (good[:0], "shape"),
        (good[:, :0], "shape"),
        (good[0], "shape"),
        (np.where(np.arange(20)[:, None] == 3, np.nan, good), "1 frames with NaN"),
    ):
        pair = {"reference": good, "live": good, name: bad}
        with pytest.raises(ShapeError, match=f"^{name}: .*{word}"):
            warp(**pair)


def test_different_features_are_told() -> None:
    with pytest.raises(ShapeError, match="expected 12 features"):
        warp(music(20, 12, 0), music(20, 13, 0))


@pytest.mark.parametrize(
    "options",
    [
        {"metric": "manhattan"},
        {"weights_mul": (1.0, 0.0, 1.0)},
        {"weights_mul": (1.0, 1.0)},
        {"weights_add": (1.0, float("nan"), 1.0)},
        {"open_begin": "live", "open_end": "reference"},
        {"open_begin": "both"},
        {"radius": 0},
        {"n_threads": -1},
    ],
)
def test_settings_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        DtwConfig(**options)  # type: ignore[arg-type]


def test_bands_are_checked() -> None:
    features = music(20, 12, 0)
    with pytest.raises(ShapeError, match="band"):
        warp(features, features, band=np.zeros((19, 2), np.int64))
    with pytest.raises(ConfigError, match="no path"):
        warp(features, features, band=np.zeros((20, 2), np.int64))
    with pytest.raises(ConfigError, match="no path"):
        warp(features, features, band=band_around(np.array([[3, 3]]), 20, 20, 2))
