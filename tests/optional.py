"""Tests of optional packages: skipped where one is missing, unless COLLAPARTE_REQUIRE_STAGE is set."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

__all__ = ["needs"]


def needs(package: str) -> pytest.MarkDecorator:
    """A mark for tests that need a package of the extra `stage`."""
    missing = find_spec(package) is None and not os.environ.get("COLLAPARTE_REQUIRE_STAGE")
    return pytest.mark.skipif(missing, reason=f"{package} is not installed: pip install 'collaparte[stage]'")
