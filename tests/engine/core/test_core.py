"""Formats, clocks, settings and the offline loop."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.config import from_mapping, require, require_odd, require_one_of
from engine.core.errors import ConfigError, ShapeError
from engine.core.format import AudioFormat, FrameFormat, frame_size
from engine.core.processor import Chain
from offline.run import collect_frames, run
from tests.probes import Delay

STEREO = AudioFormat(sample_rate=44100, n_channels=2)


def test_conversions() -> None:
    assert STEREO.samples(0.5) == 22050 and STEREO.seconds(44100) == 1.0


def test_frame_instants() -> None:
    frames = FrameFormat(audio=STEREO, n_fft=4096, hop=1024)
    assert frames.n_bins == 2049 and frames.latency == 3072
    assert frames.first_sample(3) == 0 and frames.centre(3) == 2048 and frames.end(3) == 4096


@pytest.mark.parametrize(
    ("rate", "size"), [(8000, 1024), (22050, 2048), (44100, 4096), (48000, 4096), (96000, 8192), (192000, 16384)]
)
def test_frame_size_follows_the_rate(rate: int, size: int) -> None:
    assert frame_size(rate) == size


@pytest.mark.parametrize("bad", [{"sample_rate": 0, "n_channels": 1}, {"sample_rate": 44100, "n_channels": 65}])
def test_formats_are_checked(bad: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="expected a number from"):
        AudioFormat(**bad)


def test_settings_say_what_is_allowed() -> None:
    with pytest.raises(ConfigError, match="a number from 0 to 1, got nan"):
        require("alpha", float("nan"), 0, 1)
    with pytest.raises(ConfigError, match=r"odd number.*try 17"):
        require_odd("span", 16, 1, 99)
    with pytest.raises(ConfigError, match="one of a, b"):
        require_one_of("mode", "c", ("a", "b"))
    with pytest.raises(ConfigError, match="one of sample_rate, n_channels"):
        from_mapping(AudioFormat, {"rate": 1})


@pytest.mark.parametrize("block", [1, 100, 1023, 8192])
def test_run_lines_up(block: int) -> None:
    audio = np.random.default_rng(0).standard_normal((3000, 2)).astype(np.float32)
    assert np.array_equal(run(Chain(Delay(100), Delay(7)), audio, block=block), audio)


def test_run_refuses_what_gives_no_samples() -> None:
    class Nothing(Delay):
        def process(self, block: np.ndarray) -> np.ndarray:
            return block[:0]

    with pytest.raises(ShapeError, match="use collect"):
        run(Nothing(10), np.zeros((100, 2), np.float32))


def test_collect_feeds_the_latency() -> None:
    audio = np.ones((300, 2), np.float32)
    assert len(collect_frames(Delay(50), audio)) == 350
