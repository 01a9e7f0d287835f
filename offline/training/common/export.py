"""The one way from a trained network to a file of the engine: export, compare with torch block by block, measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.core.errors import ModelError
from models.export import Graph, Streams, check_graph, export_graph, store_half
from offline.training.common.checkpoint import Checkpoint

__all__ = ["BLOCKS", "Exportable", "export_checked", "export_figures", "export_halved"]

BLOCKS = (1, 2, 7)  # frames a call
LARGEST_ERROR = 1e-4  # of the float file against torch, in units of the output
LARGEST_HALF_ERROR = 1e-2  # of weights rounded to 11 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Exportable:
    """A trained network that is ready to be written.

    graph: the network as it runs
    metadata: what the file tells the engine; `kind` is the engine's name for such networks
    stream: an input (frame, ...), or several by name, to which the outputs of file and network must be equal
    blocks: numbers of frames a call that the file is run with
    unit: unit of the error; by default the standard deviation of the output
    """

    graph: Graph
    metadata: Mapping[str, Any]
    stream: Streams
    blocks: Sequence[int] = BLOCKS
    unit: float | None = None


def export_checked(made: Exportable, path: Path) -> float:
    """Write `path` with 32-bit weights and return its largest error; ModelError, and no file, if that is too large."""
    export_graph(made.graph, path, made.metadata)
    return _checked(made, path, LARGEST_ERROR)


def export_halved(made: Exportable, path: Path) -> dict[str, float]:
    """Write `path` with weights stored in 16 bits; return its largest error with these, and before with 32 bits."""
    error = export_checked(made, path)
    store_half(path, rounded=True)
    return {"error": error, "error_half": _checked(made, path, LARGEST_HALF_ERROR)}


def _checked(made: Exportable, path: Path, largest: float) -> float:
    kind, unit = str(made.metadata["kind"]), made.unit
    worst = max(check_graph(made.graph, path, made.stream, block=block, kind=kind, unit=unit) for block in made.blocks)
    if worst > largest:
        path.unlink()
        raise ModelError(str(path), expected=f"an error up to {largest}", got=f"{worst:.2g}")
    return worst


def export_figures(found: Checkpoint, path: Path) -> dict[str, float]:
    """How long the network was trained and how large its file is."""
    return {
        "steps": found.step,
        "trained_minutes": round(found.trained_s / 60, 1),
        "megabytes": round(path.stat().st_size / 1e6, 2),
    }
