"""Settings of everything that separates; light to import, since `--help` reads them."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

from engine.core.config import Settings, check, choice, plain, ranged, require
from engine.core.errors import ConfigError
from engine.core.format import MAX_HOP, WINDOWS, AudioFormat, FrameFormat, frame_size

__all__ = ["RESTS", "REST_STEM", "SHARING", "TUNED", "HpssConfig", "InstantConfig", "MaskNetworkConfig", "WienerConfig"]

SHARING = ("equal", "ratio")
REST_STEM = "rest"  # what a network has no target for
RESTS = ("lacking", "always", "never")

# A median that lacks future takes the onset of every tone for a stroke, which refining the frame mends; a whole one
# gains nothing by it on some songs.
PASSES_WITHOUT_FUTURE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class HpssConfig(Settings):
    """How to separate; the defaults are the paper's, `TUNED` scores higher."""

    n_fft: int | None = ranged(
        None, 16, MAX_HOP, "frame size, else the power of two nearest as long as 4096 at 44.1 kHz", unit="samples"
    )
    hop: int | None = ranged(None, 1, MAX_HOP, "distance of frames, else a quarter of a frame", unit="samples")
    window: str = choice("hann", WINDOWS, "window of a frame")
    look_ahead: int = ranged(8, 0, 49, "frames after the one that is separated, a hop of latency each", unit="frames")
    span_harmonic: int | None = ranged(
        17,
        1,
        99,
        "running median over time, else what the look-ahead centres, at least 3",
        unit="frames",
        odd=True,
        optional=True,
    )
    span_percussive: int = ranged(17, 1, 99, "running median over frequency", unit="bins", odd=True)
    exponent: float = choice(1, (0.5, 0.75, 1), "exponent of the powers in the filter, 1 is Wiener's")
    present: float | None = choice(
        0, (None, 0, 0.25, 0.5, 0.75), "share of the present power in the harmonic estimate, None by the look-ahead"
    )
    balance: float = ranged(0, 0, 4, "weigh by the running ratio of percussive and harmonic level, to this exponent")
    balance_s: float = ranged(5, 0.1, 1000, "time constant of the running levels", unit="s")
    spectrum: float = ranged(0, 0, 2, "weigh by the usual spectrum of drums against the rest, to this exponent")
    iterations: int | None = ranged(
        1, 1, 20, "iterations of Algorithm 1, None by the look-ahead: more if future is missing", optional=True
    )
    spatial: bool = plain(True, "model the covariance of the channels, else each channel alone")
    forgetting: float = ranged(0.05, 1e-4, 1, "weight of the newest frame in the covariances")
    residual: bool = plain(False, "emit what is neither, too (Driedger, Mueller, Disch, ISMIR 2014)")
    margin: float = ranged(2.0, 1, 100, "by what a target must exceed the other, in amplitude; used with residual")

    def __post_init__(self) -> None:
        check(self)
        require("look_ahead", self.look_ahead, 0, ((self.span_harmonic or 99) - 1) // 2)
        if self.hop is not None and self.n_fft is not None:
            require("hop", self.hop, 1, self.n_fft)

    @property
    def frames_harmonic(self) -> int:
        """Return the span of the medians over time: `span_harmonic` or its default."""
        return self.span_harmonic or max(3, 2 * self.look_ahead + 1)

    @property
    def weight(self) -> float:
        """Return the factor on the powers of the other target in the filter: 1 unless there is a residual."""
        return float(self.margin ** (2 * self.exponent)) if self.residual else 1.0

    @property
    def quarters(self) -> int:
        """Return the exponent in quarters, as the kernels take it."""
        return round(4 * self.exponent)

    @property
    def quarters_present(self) -> int:
        """Return the share of the present power in quarters: `present`, or three if most of the future is missing."""
        if self.present is not None:
            return round(4 * self.present)
        missing = self.lag / max(1, self.frames_harmonic // 2)
        return 3 if missing > 0.5 else round(4 * missing)

    @property
    def lag(self) -> int:
        """Return the frames by which the middle of the medians over time is behind the frame that is separated."""
        return max(0, self.frames_harmonic // 2 - self.look_ahead)

    @property
    def passes(self) -> int:
        """Return the iterations: `iterations`, or its default."""
        return self.iterations or (PASSES_WITHOUT_FUTURE if self.lag else 1)

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the stems in output order."""
        return ("harmonic", "percussive", "residual") if self.residual else ("harmonic", "percussive")

    def frames(self, audio: AudioFormat) -> FrameFormat:
        """Return the frame format of this separation, with defaults filled in for the sample rate."""
        n_fft = self.n_fft or frame_size(audio.sample_rate)
        return FrameFormat(audio=audio, n_fft=n_fft, hop=self.hop or n_fft // 4)


# Chosen by leaving songs and kinds of sound out, drums against the rest; `replace(TUNED, look_ahead=n)` for other
# latencies, up to 8.
TUNED = HpssConfig(exponent=0.5, present=None, balance=1.5, spectrum=1, iterations=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class WienerConfig(Settings):
    """How the spatial covariances of the targets are learnt."""

    forgetting: float = ranged(0.05, 1e-4, 1, "weight of the newest frame in the spatial covariances")
    posterior: bool = plain(
        True, "learn from what the filter leaves uncertain as well (Duong et al. 2010): a silent target keeps its place"
    )

    def __post_init__(self) -> None:
        check(self)
        if not isinstance(self.posterior, bool):
            raise ConfigError("posterior", expected="true or false", got=repr(self.posterior))


@dataclass(frozen=True, slots=True, kw_only=True)
class InstantConfig(Settings):
    """How masks of the past are applied to samples of the present, by short filters."""

    delay_ms: float = ranged(2.9, 0, 20, "by what the stems lag the input: more is cleaner", unit="ms")
    length_ms: float = ranged(11.6, 0.5, 90, "length of a filter, at most the network's window", unit="ms")
    turns: int = ranged(1, 1, 4, "copies of the network that take turns: newer masks, for as many times the work")
    fall_ms: float = ranged(
        1.5, 0, 90, "length of the window's falling end: the shorter, the newer masks are", unit="ms"
    )

    def __post_init__(self) -> None:
        check(self)
        require("length_ms", self.length_ms, self.delay_ms, 90)

    def samples(self, sample_rate: int, n_fft: int) -> tuple[int, int]:
        """Return delay and length of a filter; both are multiples of four, the delay the shorter."""
        length = min(4 * round(self.length_ms * sample_rate / 4000), n_fft)
        return min(4 * round(self.delay_ms * sample_rate / 4000), length - 4), length

    def fall(self, sample_rate: int, n_fft: int) -> int:
        """Return the length of the window's falling end, in samples of the network's rate."""
        return min(round(self.fall_ms * sample_rate / 1000), n_fft // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskNetworkConfig(Settings):
    """How to separate by a network of masks."""

    model: Path = plain(MISSING, "the ONNX file")
    sharing: str = choice(
        SHARING[0], SHARING, "who gets what the masks leave over: all targets alike, or each by its share of the masks"
    )
    rest: str = choice(
        RESTS[0], RESTS, "whether what the masks leave over is a stem of its own, `rest`: where it lacks targets"
    )
    wiener: WienerConfig | None = plain(
        None, "refine the stems by where in the stereo image their targets are, None to leave them"
    )
    instant: InstantConfig | None = plain(
        None, "apply the masks of the past at once, by short filters, None to wait for the window"
    )
    segment: int = ranged(384, 1, 1 << 16, "what a bidirectional network answers at a time", unit="frames")
    margin: int = ranged(128, 0, 1 << 16, "what it gets before and after a segment", unit="frames")

    def __post_init__(self) -> None:
        check(self)
        if self.instant is not None and self.wiener is not None:
            remedy = "leave one of them out"
            raise ConfigError("instant", expected="no Wiener filter beside it", got="both", remedy=remedy)
