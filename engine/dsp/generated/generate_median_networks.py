"""Write `median_networks.py`, the medians of the common spans as straight-line code.

Run it as `python -m engine.dsp.generated.generate_median_networks`.

The code lies in a file because numba caches only what comes from one. Its functions are plain, so that importing
them costs nothing: `engine.dsp.median` compiles those in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.dsp.selection_networks import median_network, operations

__all__ = ["SPANS", "source", "write_median_networks"]

SPANS = range(3, 33, 2)
HEADER = '''"""Many medians of an odd number of values at a time, as straight-line minima and maxima.

Written by `python -m engine.dsp.generated.generate_median_networks`; do not edit.

rows_N: `x` (N, at least n), the median of every column into `out` (n).
bins_N: `x` (n + N - 1), the median of x[i : i + N] into `out` (n).
"""

from typing import Any

from engine.dsp.minmax import large, small

__all__ = ["BINS", "ROWS"]
'''


def source() -> str:
    """The text of `networks.py`."""
    values = {"rows": "x[{}, i]", "bins": "x[i + {}]"}
    loops = [_loop(span, name, value) for name, value in values.items() for span in SPANS]
    tables = [f"{name.upper()} = {{\n{_entries(name)}}}\n" for name in ("rows", "bins")]
    return "\n\n".join([HEADER, *loops]) + "\n\n" + "\n".join(tables)


def _entries(name: str) -> str:
    return "".join(f"    {span}: {name}_{span},\n" for span in SPANS)


def _loop(span: int, name: str, value: str) -> str:
    """One loop over many medians, which LLVM turns into vectors."""
    network, middle = median_network(span)
    lines = [
        f"def {name}_{span}(x: Any, out: Any) -> None:  # {operations(network)} minima and maxima",
        "    for i in range(len(out)):",
    ]
    lines += [f"        v{k} = {value.format(k)}" for k in range(span)]
    lines += [f"        {line}" for line in _comparisons(span)]
    return "\n".join([*lines, f"        out[i] = v{middle}", ""])


def _comparisons(span: int) -> Iterator[str]:
    for i, j, keep_small, keep_large in median_network(span)[0]:
        small, large = f"small(v{i}, v{j})", f"large(v{i}, v{j})"
        if keep_small and keep_large:
            yield f"v{i}, v{j} = {small}, {large}"
        else:
            yield f"v{i} = {small}" if keep_small else f"v{j} = {large}"


def write_median_networks() -> None:
    """Write the file beside this one."""
    Path(__file__).with_name("median_networks.py").write_text(source(), encoding="utf-8")


if __name__ == "__main__":
    write_median_networks()
