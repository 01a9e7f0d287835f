"""A shipped network written anew: the same stems, the same bytes each time, and its card says from what."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import onnx
import pytest

import models
from cli.app import main
from offline.training.separation.config import RewriteConfig
from offline.training.separation.rewrite import rewrite_separator

SHIPPED = Path(models.__file__).parent / "weights" / "unmix-low-latency.onnx"
EQUAL_DB = 150.0  # weights of 8 bits that are read back and rounded again are the same
FLOATS_DB = 45.0  # of floats what goes through the network is not rounded to 8 bits either: here 54 dB


@pytest.mark.parametrize(("bits", "least_db"), [(8, EQUAL_DB), (32, FLOATS_DB)])
def test_it_masks_as_before_and_says_from_what(tmp_path: Path, bits: int, least_db: float) -> None:
    out = tmp_path / "anew.onnx"
    rewrite_separator(RewriteConfig(network=SHIPPED, output=out, bits=bits))
    old, new = (tomllib.loads(path.with_suffix(".toml").read_text()) for path in (SHIPPED, out))
    assert new["rewritten_checks"]["mask_snr_db"] >= least_db
    assert new["rewritten"]["from_sha256"] == old["sha256"] == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    assert new["rewritten"]["command"] == f"collaparte rewrite {SHIPPED.name} -o anew.onnx --bits {bits}"
    assert new["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    for name in ("licence", "data", "split", "training", "metrics", "recipe", "network", "checks"):
        assert new[name] == old[name]


def test_the_same_file_twice(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.onnx", "two.onnx")]
    for path in files:
        rewrite_separator(RewriteConfig(network=SHIPPED, output=path))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_network_itself_is_no_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.onnx"
    path.write_bytes(SHIPPED.read_bytes())
    assert main(["rewrite", str(path), "-o", str(path)]) != 0
    assert "expected another file than the input" in capsys.readouterr().err
    assert path.read_bytes() == SHIPPED.read_bytes()


def test_another_network_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heavy = SHIPPED.with_name("unmix-heavy.onnx")
    assert main(["rewrite", str(heavy), "-o", str(tmp_path / "out.onnx")]) != 0
    error = capsys.readouterr().err
    assert "expected a network of bands" in error and error.count("\n") == 1
    assert not (tmp_path / "out.onnx").exists()


def test_what_would_mask_otherwise_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Older files do not tell the temperature of their masks: here their card tells a wrong one."""
    model = onnx.load(str(SHIPPED))
    kept = [each for each in model.metadata_props if each.key != "temperature"]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    old, out = tmp_path / "old.onnx", tmp_path / "out.onnx"
    onnx.save(model, str(old))
    out.write_bytes(b"mine")
    old.with_suffix(".toml").write_text("[network]\ntemperature = 2.0\n")
    assert main(["rewrite", str(old), "-o", str(out)]) != 0
    assert "must be on its card, old.toml" in capsys.readouterr().err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["old.onnx", "old.toml", "out.onnx"]
    assert out.read_bytes() == b"mine"
    old.with_suffix(".toml").unlink()
    assert main(["rewrite", str(old), "-o", str(out)]) == 0
