"""The first bars of a score as a small picture."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from engine.stage.engraving.cache import EngravedCache
from engine.stage.engraving.incipits import FIRST_BARS, Incipits
from offline.synthesis.demo_piece import write_musicxml
from tests.optional import optional

optional("verovio")


def test_first_bars_are_drawn_once_and_nothing_else_is(tmp_path: Path) -> None:
    write_musicxml(tmp_path / "minuet.musicxml")
    data = (tmp_path / "minuet.musicxml").read_bytes()
    assert data.count(b"<measure") > FIRST_BARS
    incipits = Incipits(EngravedCache(tmp_path / "cache"))
    try:
        svg = gzip.decompress(incipits.packed_svg(data)).decode()
        assert svg.count('class="measure"') == FIRST_BARS
        assert svg.count('class="system"') == 1
        with pytest.raises(EngineError, match="first bars"):
            incipits.packed_svg(b"<html/>")
    finally:
        incipits.close()
    again = Incipits(EngravedCache(tmp_path / "cache"))
    again.close()
    assert gzip.decompress(again.packed_svg(data)).decode() == svg, "kept: no process is needed"
    with pytest.raises(EngineError, match="closed"):
        again.packed_svg(data + b" ")
