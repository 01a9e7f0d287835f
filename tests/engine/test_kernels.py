"""Kernels say what they take: numba looks at the values, readers at the signature."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.places import ROOT

FILES = [path for path in sorted((ROOT / "engine").rglob("*.py")) if path.parent.name != "generated"]
# `ring` moves rows of any type; its buffers are the only ones that no alias fits.
ANY_TYPE = {("ring.py", "push", "data"), ("ring.py", "push", "rows")}
ANY_TYPE |= {("ring.py", name, each) for name in ("peek", "pop") for each in ("data", "out")}


def kernels(source: str) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            if any("njit" in mark or "cfunc" in mark for mark in marks):
                yield node


def is_any(annotation: ast.expr | None) -> bool:
    return annotation is None or "Any" in ast.unparse(annotation).replace(",", " ").replace("[", " ").split()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_kernels_name_their_types(path) -> None:
    for kernel in kernels(path.read_text()):
        for argument in kernel.args.args:
            known = (path.name, kernel.name, argument.arg) in ANY_TYPE
            assert known or not is_any(argument.annotation), f"{kernel.name}, {argument.arg}"
        assert not is_any(kernel.returns), kernel.name
