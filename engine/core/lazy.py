"""Let a package export names of its modules without importing them before they are used (PEP 562).

A package writes its exports once, as imports for the type checker:

    if TYPE_CHECKING:
        from engine.score.readers import read_score
    else:
        __getattr__ = lazy(__name__)

so importing one light module of a package never costs what its heaviest one needs: `engine.score.score` takes no
score reader, `engine.core.errors` no numpy.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["exports", "lazy"]


def lazy(package: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package: the first use of an exported name imports the module that holds it."""

    def find(name: str) -> Any:
        homes = exports(package)
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return find


@cache
def exports(package: str) -> dict[str, str]:
    """Return the exported names of a package, each with the module that holds it."""
    spec = find_spec(package)
    source = spec.loader.get_source(package) if spec is not None else ""  # type: ignore[union-attr]
    tree = ast.parse(source or "")
    blocks = [node.body for node in tree.body if isinstance(node, ast.If)]
    imports = [each for body in blocks for each in body if isinstance(each, ast.ImportFrom)]
    return {alias.name: str(each.module) for each in imports for alias in each.names}
