"""Tests of optional packages: skipped where one is missing, unless COLLAPARTE_REQUIRE_STAGE is set."""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

import pytest

__all__ = ["optional"]


def optional(package: str) -> ModuleType:
    """A package of the extra `stage`; the module that asks for it is skipped where it is missing."""
    if os.environ.get("COLLAPARTE_REQUIRE_STAGE"):
        return import_module(package)
    return pytest.importorskip(package, reason=f"{package} is not installed: pip install 'collaparte[stage]'")
