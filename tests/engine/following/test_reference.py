"""Templates of a score: made in parts, shared by the trackers of all pitches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.core.format import AudioFormat
from engine.following import reference as module
from engine.following.config import FollowConfig, follow_frames
from engine.following.follower import Follower
from engine.following.reference import reference_from_score, with_rests
from tests.engine.following.play import RATE, scale

FRAMES = follow_frames(AudioFormat(sample_rate=RATE, n_channels=1))


@pytest.mark.parametrize("kind", ["bands", "chroma"])
def test_templates_made_in_parts_are_the_same_to_the_bit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    features = replace(FollowConfig().features, kind=kind)
    whole = reference_from_score(scale(24), FRAMES, features)
    monkeypatch.setattr(module, "EVENTS", 5)
    parts = reference_from_score(scale(24), FRAMES, features)
    assert np.array_equal(whole.sustain, parts.sustain)
    assert np.array_equal(whole.onset, parts.onset)


def test_a_score_without_rests_is_not_copied() -> None:
    reference = reference_from_score(scale(24), FRAMES, FollowConfig().features)
    assert with_rests(reference) is reference


def test_the_trackers_of_all_pitches_share_their_templates() -> None:
    follower = Follower(FRAMES, scale(24), FollowConfig())
    assert follower._pitch is not None
    trackers = [each.tracker for each in follower._pitch._all]
    assert len(trackers) > 2
    assert len({id(each._reference[0].sustain) for each in trackers}) == 1
    own = [array for each in trackers for array in each._searches[1]]
    assert len({id(array) for array in own}) == len(own)
