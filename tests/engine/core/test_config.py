"""Settings that are declared once: checks, resolved values, and the numbers that kernels take."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.core.config import Settings, choice, from_mapping, numbers, plain, ranged, resolved, settings_of
from engine.core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Small(Settings):
    hop: int = ranged(MISSING, 1, 4096, "samples between frames", unit="samples")
    price: float = ranged(15.0, 0, 1000, "what a new beginning costs", unit="nats")
    span: int = ranged(17, 1, 99, "frames of the median", odd=True)
    limit: float | None = ranged(None, 0, 1, "largest share; none if left out")
    mode: str = choice("fast", ("fast", "exact"), "which search")
    folder: Path = plain(Path(), "where to write")
    names: list[str] = plain(list, "what to write")


class SmallNumbers(NamedTuple):
    price: float
    hop_s: float


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hop": 0}, "hop: expected a number from 1 to 4096, got 0"),
        ({"hop": 8, "price": float("nan")}, "price: expected a number from 0 to 1000"),
        ({"hop": 8, "price": None}, "price: expected a number"),
        ({"hop": []}, r"hop: expected a number from 1 to 4096, got \[\]"),
        ({"hop": 8, "mode": ["fast"]}, "mode: expected one of fast, exact"),
        ({"hop": 8, "span": 4}, "span: expected an odd number from 1 to 99, got 4; try 5"),
        ({"hop": 8, "limit": 2.0}, "limit: expected a number from 0 to 1"),
        ({"hop": 8, "mode": "slow"}, "mode: expected one of fast, exact, got 'slow'"),
        ({"hop": 8, "prize": 3}, r"Small\.prize: expected one of hop, price, "),
    ],
)
def test_what_is_out_of_range_is_one_line(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        from_mapping(Small, values)


def test_fields_carry_their_declaration() -> None:
    declared = settings_of(Small)
    assert list(declared) == ["hop", "price", "span", "limit", "mode", "folder", "names"]
    assert declared["price"].unit == "nats"
    assert Small(hop=8).limit is None
    assert Small(hop=8).names is not Small(hop=8).names


def test_resolved_values_are_plain() -> None:
    values = resolved(Small(hop=8, names=["a"], folder=Path("x")))
    assert json.loads(json.dumps(values)) == values
    assert values["folder"] == "x"


def test_kernels_take_numbers_by_name() -> None:
    assert numbers(SmallNumbers, Small(hop=8), hop_s=0.5) == SmallNumbers(price=15.0, hop_s=0.5)
