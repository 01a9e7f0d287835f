"""What is asked of an importer, whatever the file: it is read, or refused by an error of ours in one line."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import EngineError, EngineWarning
from tests.fuzz.mutations import damaged
from tests.fuzz.targets import Target

__all__ = ["fuzz_test", "require_one_line"]


def require_one_line(target: Target, path: Path, data: bytes) -> bool:
    """Let the target read these bytes as a file; return whether it did. Whatever is no EngineError passes out."""
    path.write_bytes(data)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            target.read(path)
            taken = True
        except EngineError as error:
            assert "\n" not in str(error), "an error of several lines"
            assert len(str(error)) < 2000, "an error longer than a screen"
            taken = False
    for warning in said:
        if issubclass(warning.category, EngineWarning):
            assert "\n" not in str(warning.message)
    return taken


def fuzz_test(target: Target, path: Path) -> Callable[[], None]:
    """A hypothesis test of a target, which writes its files to a path."""

    @given(st.one_of(damaged(target.seeds()), st.binary(max_size=400)))
    def test(data: bytes) -> None:
        require_one_line(target, path, data)

    return test
