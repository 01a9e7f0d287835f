"""Where things lie: the project, its weights, and the recordings beside it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "models" / "weights"
SHARED = ROOT.parent / "shared" / "data"  # is not there on every machine
