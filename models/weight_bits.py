"""How many bits a weight may have in a file; light to import, since options are made of it."""

from __future__ import annotations

__all__ = ["FLOAT_BITS", "WEIGHT_BITS"]

FLOAT_BITS = 32
WEIGHT_BITS = {4: "int4", 8: "int8", FLOAT_BITS: "fp32"}  # and what a file says of itself
