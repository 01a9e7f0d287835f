"""Every processor under every law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import contract
from tests.cases import CASES
from tests.cases.core import NOISE, as_delay
from tests.contract import Case
from tests.probes import Collects, ForgetsTail, KeepsState, Normalises, Overdeclares

every = pytest.mark.parametrize("case", CASES, ids=str)
quick = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def cuts(case: Case) -> st.SearchStrategy[list[int]]:
    """Block lengths mixed from the case's telling sizes and any others, never all empty."""
    size = st.sampled_from(case.sizes) | st.integers(1, max(case.sizes))
    return st.lists(size, min_size=1, max_size=12).filter(any)


@every
@quick
@given(data=st.data())
def test_partition(case: Case, data: st.DataObject) -> None:
    contract.partition(case, data.draw(cuts(case)))


@every
def test_reset(case: Case) -> None:
    contract.reset(case)


@pytest.mark.parametrize("at", [0.3, 0.5, 0.77])
@every
def test_causality(case: Case, at: float) -> None:
    contract.causality(case, at)


@every
def test_latency(case: Case) -> None:
    contract.latency(case)


@every
def test_finite(case: Case) -> None:
    contract.finite(case)


@every
def test_memory(case: Case) -> None:
    contract.memory(case)


def broken(kind: type) -> Case:
    return Case(kind.__name__, lambda: kind(100), NOISE.copy(), as_delay)


def test_partition_catches_a_forgotten_tail() -> None:
    with pytest.raises(AssertionError, match="partition"):
        contract.partition(broken(ForgetsTail), (7, 64))


def test_reset_catches_kept_state() -> None:
    with pytest.raises(AssertionError, match="reset"):
        contract.reset(broken(KeepsState))


def test_causality_catches_a_look_into_the_block() -> None:
    case = broken(Normalises)
    case.signal[-1] = 40 * np.ones(2, np.float32)
    with pytest.raises(AssertionError, match="causality"):
        contract.causality(case, 0.5)


def test_latency_catches_one_sample_too_many() -> None:
    with pytest.raises(AssertionError, match="latency"):
        contract.latency(broken(Overdeclares))


def test_memory_catches_what_is_kept_of_every_block() -> None:
    with pytest.raises(AssertionError, match="memory"):
        contract.memory(broken(Collects))


def test_memory_lets_pass_what_is_kept_for_a_while() -> None:
    contract.memory(Case("Collects", lambda: Collects(100, until=105), NOISE.copy(), as_delay))
