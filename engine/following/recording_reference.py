"""Make a reference from a recording, such as a rehearsal, so that a later performance is followed without a score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.core.errors import ScoreError, ShapeError
from engine.core.format import FrameFormat
from engine.dsp.features import FeatureConfig, SpectralFeatures
from engine.dsp.stft import Stft
from engine.following.reference import Reference, unit
from engine.score.repeats import no_jumps

__all__ = ["onset_template", "reference_from_audio", "sustain_template"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]

BLOCK = 1 << 16
BAR_S = 4.0  # length of the nominal bars of a recording: four quarters of a second each
STRENGTH = 0.6  # least onset strength of an event
APART_S = 0.05  # least time between two events, seconds
LONGEST_S = 0.5  # longest event: held sounds are cut into pieces of at most this, seconds
RESTLESS = 3  # frames after an onset that are left out of the sustain template


def reference_from_audio(
    audio: npt.NDArray[np.float32],
    frames: FrameFormat,
    features: FeatureConfig,
    *,
    delay: int = 0,
    name: str = "recording",
) -> Reference:
    """Make a reference from a recording (sample, channel) at the sample rate of `frames`.

    A quarter is a second of the recording, counted from its start. Events are the onsets detected in it with the same
    features that are computed from the live input. Needs 0.2 GB of memory for each hour.

    delay: samples by which these features detect an onset late (`onset_delay`)
    name: of the reference, for messages

    Raises ScoreError if the recording is silent, ShapeError if it is not (sample, channel).
    """
    if audio.ndim != 2 or audio.shape[1] != frames.audio.n_channels:
        raise ShapeError(name, expected=f"(sample, {frames.audio.n_channels} channels)", got=str(audio.shape))
    rows = _features(audio, frames, features)
    events, onsets = _events(rows, frames)
    if not len(events):
        raise ScoreError(name, expected="a recording with sound", got="silence", remedy="check the file")
    seconds = (np.array([frames.centre(int(t)) for t in events]) - delay) / frames.audio.sample_rate
    n, n_bars = rows.shape[1] // 2, int(seconds[-1] / BAR_S) + 1
    return Reference(
        name=name,
        score_s=seconds,
        quarter=seconds.copy(),
        sustain=unit(sustain_template(rows[:, :n], events)),
        onset=unit(onset_template(rows[:, n:], events, onsets)),
        bar_quarter=np.arange(n_bars, dtype=np.float64) * BAR_S,
        bar_number=np.arange(1, n_bars + 1),
        links=no_jumps(len(seconds)),
        delay=delay,
    )


def _features(audio: npt.NDArray[np.float32], frames: FrameFormat, features: FeatureConfig) -> Features:
    stft, node = Stft(frames), SpectralFeatures(frames, features)
    starts = range(0, len(audio), BLOCK)
    rows = [node.process(stft.process(audio[start : start + BLOCK])).copy() for start in starts]
    return np.concatenate([np.zeros((0, 2 * node.n_bands), np.float32), *rows])


def _events(rows: Features, frames: FrameFormat) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Return the frames of the events, and which of them are onsets; the others divide held sounds into pieces."""
    rate = frames.audio.sample_rate / frames.hop
    apart, longest = max(1, round(APART_S * rate)), max(2, round(LONGEST_S * rate))
    strength = np.linalg.norm(rows[:, rows.shape[1] // 2 :], axis=1)
    padded = np.concatenate([np.zeros(apart), strength, np.zeros(apart + 1)])  # one more in case of no frames
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * apart + 1).max(axis=1)[:-1]
    peaks = np.flatnonzero((strength >= STRENGTH) & (strength == around))
    ends = [*peaks[1:], len(rows)] if len(peaks) else []
    places: list[int] = []
    onsets: list[bool] = []
    for start, end in zip(peaks, ends, strict=True):
        pieces = np.linspace(start, end, int((end - start - 1) // longest) + 2)[:-1].astype(int)
        places.extend(pieces)
        onsets.extend([True] + [False] * (len(pieces) - 1))
    return np.array(places, np.int64), np.array(onsets, bool)


def sustain_template(rows: Features, events: Ints) -> Features:
    """Return the mean of rows (frame, F) from each event to the next.

    The frames of the onset are left out where the event is long enough.
    """
    ends = np.append(events[1:], len(rows))
    spans = [
        (min(start + RESTLESS, max(end - 1, start)), max(end, start + 1))
        for start, end in zip(events, ends, strict=True)
    ]
    return np.array([rows[start:end].mean(axis=0) for start, end in spans], np.float32)


def onset_template(rows: Features, events: Ints, onsets: npt.NDArray[np.bool_]) -> Features:
    """Return the sum of rows (frame, G) around each onset, and zeros for an event that only divides a held sound."""
    sums = [rows[max(t - 1, 0) : t + 2].sum(axis=0) * float(new) for t, new in zip(events, onsets, strict=True)]
    return np.array(sums, np.float32)
