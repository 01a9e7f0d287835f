"""A start that compiles kernels says so, once, and one that loads them says nothing."""

from __future__ import annotations

import pytest
from numba.core import event

from engine.core import compiling
from engine.core.compiling import compiling_told


def compile_for(seconds: list[float], now_s: list[float]) -> None:
    """What numba tells of compilations that last so long each."""
    for each in seconds:
        event.start_event("numba:compile")
        now_s[0] += each
        event.end_event("numba:compile")


@pytest.mark.parametrize(("seconds", "n_told"), [([], 0), ([0.4], 0), ([0.4] * 3, 1), ([20.0, 5.0], 1)])
def test_a_second_of_compiling_is_told_once(monkeypatch: pytest.MonkeyPatch, seconds: list[float], n_told: int) -> None:
    now_s, told = [100.0], list[int]()
    monkeypatch.setattr(compiling.time, "monotonic", lambda: now_s[0])
    with compiling_told(lambda: told.append(1)):
        compile_for(seconds, now_s)
    compile_for([20.0, 5.0], now_s)  # after which nobody listens any more
    assert len(told) == n_told
