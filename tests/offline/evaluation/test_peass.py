"""The perceptual scores' door: which excerpt, which order of sources, and silence."""

from __future__ import annotations

import numpy as np
import pytest

import offline.evaluation.peass as module
from engine.core.errors import ConfigError

RATE = 16000


def test_without_the_package_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "peass", None)
    with pytest.raises(ConfigError, match="python-peass"):
        module.require_peass()


@pytest.mark.slow
def test_the_better_estimate_scores_higher() -> None:
    pytest.importorskip("peass", reason="pip install --no-deps python-peass: the optional scores are not here")
    rng = np.random.default_rng(0)
    t = np.arange(RATE)[:, None] / RATE
    tone = 0.2 * np.sin(2 * np.pi * 440 * t * np.ones((1, 2)))
    references = np.stack([tone, 0.1 * rng.standard_normal((RATE, 2)), np.zeros((RATE, 2))], 1).astype(np.float32)
    mixture = np.repeat(references.sum(1, keepdims=True), 3, axis=1)
    near = references + 0.02 * mixture
    good, bad = (module.peass_scores(references, estimates, RATE, [0, 2]) for estimates in (near, mixture))
    assert np.isnan(good[1]).all() and np.isnan(bad[1]).all()
    assert good[0, 0] > bad[0, 0] and good[0, 2] > bad[0, 2]  # overall, and of interference
