"""Wire processors to a pipeline, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from engine.accompaniment.accompanist import AccompanyConfig, planned
from engine.accompaniment.ensemble import Ensemble
from engine.accompaniment.own_sound import OwnSound
from engine.core.config import Settings, check, plain
from engine.core.errors import ConfigError
from engine.core.events import Accompanied, Cue, Event, Onset, Position, State
from engine.core.format import AudioFormat, FrameFormat
from engine.core.orders import CountIn, GoTo, ListenForSounds, Order, RefusePieces, SetThreshold
from engine.core.processor import Chain, Processor
from engine.detection.crnn import SoundConfig
from engine.detection.detector import SoundDetector
from engine.dsp.stft import Istft, Stft
from engine.following.embedding_features import follower_features
from engine.following.follower import AudioFollower, FollowConfig, Follower, follow_frames
from engine.following.reference import Reference
from engine.score.loops import LoopedBars
from engine.score.score import Score
from engine.separation.config import HpssConfig, MaskNetworkConfig
from engine.separation.hpss import HpssSpectra
from engine.separation.instant import InstantSeparator
from engine.separation.mask_network_segments import open_separator, stems_chain
from engine.separation.resampled import ResampledSeparator

__all__ = [
    "Attendant",
    "AttendantSettings",
    "Choosing",
    "Listener",
    "Pipeline",
    "PipelineConfig",
    "PipelineOutput",
    "Relocatable",
    "ScoreChange",
    "exchangeable",
]

Audio = npt.NDArray[np.float32]
Spectrum = tuple[FrameFormat, str]  # frames with a window, by name


class Listener(Protocol):
    """Settings of a node that emits events; they may be pickled to the engine process."""

    def build(self, audio: AudioFormat) -> Processor[Audio, list[Event]]:
        """Return the node for audio of this format."""
        ...


@runtime_checkable
class Relocatable(Protocol):
    """A listener that follows a score of its own."""

    def relocate(self, quarter: float) -> None:
        """Follow from the next frame on from this quarter: wait there for what is played."""
        ...


@runtime_checkable
class Choosing(Protocol):
    """A listener that finds which of several pieces is played."""

    def refuse(self, ids: Iterable[str]) -> None:
        """Find none of these pieces from the next sample on."""
        ...


class Attendant(Protocol):
    """What attends to the follower's events, and emits events and sound of its own, as samples pass."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of its sounds."""
        ...

    def declare_latency(self, n_samples: int, /) -> None:
        """Sound so much earlier, for the latency from input to output."""
        ...

    def reset(self) -> None:
        """Reset to the initial state."""
        ...

    def go_to(self, quarter: float) -> None:
        """Take from the user that the music goes on at a quarter."""
        ...

    def change_score(self, fresh: Any, /) -> None:
        """Go on as one that has just been made for another score."""
        ...

    def process(self, n_samples: int, events: Sequence[Event], /) -> list[Event]:
        """Let samples pass, with the follower's events emitted within them; return events of its own."""
        ...

    def render(self, n_samples: int, /) -> list[Audio]:
        """Return the sound (sample, channel) of each target in the samples that have passed last."""
        ...


class AttendantSettings(Protocol):
    """Settings of an attendant; they may be pickled to the engine process."""

    def build(self, audio: AudioFormat) -> Attendant:
        """Return the attendant for audio of this format."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig(Settings):
    """Settings of the pipeline; may be pickled to the engine process."""

    separate: HpssConfig | MaskNetworkConfig | None = plain(
        None, "separation into stems, None to leave the input whole"
    )
    score: Score | Reference | None = plain(
        None, "score to follow; a Reference must be made for `follow_frames` and for `follow.input_features`"
    )
    follow: FollowConfig = plain(FollowConfig, "score following")
    accompany: AccompanyConfig | None = plain(
        None, "accompaniment that follows; its solo is what `score` is made of, and nothing is separated"
    )
    detect: SoundConfig | None = plain(None, "sound event detection, None for none")
    listeners: tuple[Listener, ...] = plain((), "settings of further nodes that emit events")
    attendants: tuple[AttendantSettings, ...] = plain((), "settings of what attends to the follower's events")
    loop: LoopedBars | None = plain(
        None, "where the repeated bars that `score` and `accompany` consist of lie: events then speak of those places"
    )

    def __post_init__(self) -> None:
        check(self)
        followed = self.accompany is not None and self.accompany.accompaniment.follows
        if self.accompany is not None and ((followed and self.score is None) or self.separate is not None):
            expected = "a score to follow, and no separation"
            got = "no score" if self.separate is None else "a separation, which would make the accompaniment late"
            raise ConfigError("accompany", expected=expected, got=got)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineOutput:
    """Output that is ready.

    stems: (sample, target, channel) float32, borrowed until the next call
    events: in order of `emitted_at`
    """

    stems: Audio
    events: list[Event]


def exchangeable(one: PipelineConfig, other: PipelineConfig) -> bool:
    """Return whether a pipeline can go on in the score of another, made by the same settings."""
    followed = all(each.score is not None and each.follow.method == "search" for each in (one, other))
    played = one.accompany is not None and one.accompany.backing is not None
    same = (one.accompany is None) == (other.accompany is None) and len(one.attendants) == len(other.attendants)
    return followed and same and not played and not one.listeners and not other.listeners


class ScoreChange(NamedTuple):
    """What is followed and played from now on, built beforehand.

    quarter: where it begins, in the bars played out where there is a loop
    """

    config: PipelineConfig
    quarter: float
    follower: Any  # of the kind of that which it comes after
    played: Any
    attendants: Sequence[Attendant]


class _Separator(NamedTuple):
    """Separate shared spectra, or audio if there is no `input`, into stems."""

    input: Spectrum | None
    targets: tuple[str, ...]
    node: Processor[Any, Any]


class Pipeline:
    """Take audio blocks (sample, channel); return stems, `latency` samples later, and events.

    A spectrum is computed once for each frame format, however many nodes use it.

    worker: executor for background work, None to run it at once
    """

    def __init__(self, audio: AudioFormat, config: PipelineConfig, *, worker: Executor | None = None) -> None:
        self.audio = audio
        self._stfts: dict[Spectrum, Stft] = {}
        self._loop = config.loop
        self._separator = None if config.separate is None else self._separate(config.separate)
        self._follower: Follower | AudioFollower | None = None
        self._follower_input: Spectrum | None = None  # None is the audio itself
        if config.score is not None:
            self._follower = self._follow(config.score, config.follow)
        self._ensemble = None if config.accompany is None else Ensemble(audio, config.accompany)
        self._own_sound = _own_sound(audio, config.accompany)
        self._detector = None if config.detect is None else SoundDetector(config.detect, audio, worker=worker)
        detectors = [] if self._detector is None else [self._detector]
        others = (settings.build(audio) for settings in config.listeners)
        self._listeners: list[Processor[Audio, list[Event]]] = [*detectors, *others]
        self._attendants = [settings.build(audio) for settings in config.attendants]
        if self._separator is not None and any(node.targets for node in self._attendants):
            got = "a separation, which is later than they"
            raise ConfigError("cues that sound", expected="no separation beside them", got=got)

    def _follow(self, score: Score | Reference, config: FollowConfig) -> Follower | AudioFollower:
        frames = follow_frames(self.audio)
        if config.input_features is not None:
            ears = follower_features(config.input_features, frames, config.features)
            return AudioFollower(ears, self.audio.sample_rate, score, config)
        self._follower_input = self._shared(frames, "hann")
        return Follower(frames, score, config)

    def _separate(self, config: HpssConfig | MaskNetworkConfig) -> _Separator:
        if isinstance(config, MaskNetworkConfig):
            return self._unmix(config)
        frames, targets = config.frames(self.audio), config.targets
        istft = Istft(frames, window=config.window, n_targets=len(targets))
        return _Separator(self._shared(frames, config.window), targets, Chain(HpssSpectra(frames, config), istft))

    def _unmix(self, config: MaskNetworkConfig) -> _Separator:
        if config.instant is not None:
            instant = InstantSeparator(config, self.audio)
            return _Separator(None, instant.targets, instant)
        node = open_separator(config, n_channels=self.audio.n_channels)
        frames, targets, n = node.frames, node.targets, len(node.targets)
        chain = stems_chain(node)
        rate, own = self.audio.sample_rate, frames.audio.sample_rate
        if rate == own:
            return _Separator(self._shared(frames, node.window), targets, chain)
        whole = Chain(Stft(frames, window=node.window), chain)
        channels = self.audio.n_channels
        return _Separator(
            None, targets, ResampledSeparator(whole, rate=rate, inner_rate=own, n_channels=channels, n_targets=n)
        )

    def _shared(self, frames: FrameFormat, window: str) -> Spectrum:
        self._stfts.setdefault((frames, window), Stft(frames, window=window))
        return frames, window

    @property
    def follower(self) -> Follower | AudioFollower | None:
        """Return the follower, if a score is followed."""
        return self._follower

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of the stems, in order."""
        if self._separator is not None:
            return self._separator.targets
        played = () if self._ensemble is None else self._ensemble.targets
        return ("input", *played, *(name for node in self._attendants for name in node.targets))

    @property
    def latency(self) -> int:
        """Return the samples by which the stems lag the input."""
        if self._separator is None:
            return 0
        shared = self._separator.input
        return self._separator.node.latency + (0 if shared is None else self._stfts[shared].latency)

    @property
    def even(self) -> bool:
        """Return whether the stems come in hops of equal length: not those of a separation at another rate."""
        return self._separator is None or not isinstance(self._separator.node, ResampledSeparator)

    def declare_latency(self, n_samples: int) -> None:
        """Take the latency from input to output of a device: an accompaniment plays so much earlier."""
        if self._ensemble is not None:
            self._ensemble.declare_latency(n_samples)
        if self._own_sound is not None:
            self._own_sound.declare_latency(n_samples)
        for node in self._attendants:
            node.declare_latency(n_samples)

    def prepare(self, config: PipelineConfig, quarter: float) -> ScoreChange:
        """Build what follows and plays another score by the same settings; may run in another thread.

        quarter: where it begins, of the whole score
        """
        assert config.score is not None
        place = quarter if config.loop is None else config.loop.inside(quarter)
        played = None if config.accompany is None else planned(config.accompany)
        attendants = [settings.build(self.audio) for settings in config.attendants]
        return ScoreChange(config, place, self._follow(config.score, config.follow), played, attendants)

    def change_score(self, change: ScoreChange) -> None:
        """Go on in another score from the next sample on; nothing else changes."""
        config = change.config
        self._loop = config.loop
        if self._follower is not None:
            self._follower.change_score(change.follower, change.quarter)
        if self._ensemble is not None and config.accompany is not None:
            self._ensemble.change_score(config.accompany, change.played, change.quarter)
        for attendant, other in zip(self._attendants, change.attendants, strict=True):
            attendant.change_score(other)

    def obey(self, order: Order) -> None:
        """Do what is asked, from the next sample on; what nothing here can do is nobody's."""
        if isinstance(order, GoTo | CountIn):
            if self._loop is not None:
                order = replace(order, quarter=self._loop.inside(order.quarter))
            self._go_to(order.quarter)
        if isinstance(order, RefusePieces):
            for node in self._listeners:
                if isinstance(node, Choosing):
                    node.refuse(order.ids)
        if isinstance(order, SetThreshold) and self._detector is not None:
            self._detector.set_threshold(order.label, order.probability)
        elif isinstance(order, ListenForSounds) and self._detector is not None:
            self._detector.listen(order.on)
        elif self._ensemble is not None:
            self._ensemble.obey(order)

    def _go_to(self, quarter: float) -> None:
        for node in (self._follower, *self._listeners):
            if isinstance(node, Relocatable):
                node.relocate(quarter)
        if self._follower is not None:
            for attendant in self._attendants:
                attendant.go_to(quarter)

    @property
    def playing(self) -> bool:
        """Return whether an accompaniment has more to play."""
        return self._ensemble is not None and not self._ensemble.finished

    def release(self) -> list[Event]:
        """Return what ends an accompaniment now: of every note and pedal. Nothing may be processed after it."""
        return [] if self._ensemble is None else self._ensemble.release()

    @property
    def lag(self) -> int:
        """Return the most samples by which events of listeners lag the time they refer to."""
        return max((node.latency for node in self._listeners), default=0)

    def process(self, block: Audio) -> PipelineOutput:
        """Take a block (sample, channel), return the stems and events that are ready."""
        if self._own_sound is None or len(block) <= self._own_sound.room:
            return self._process(block)
        room = self._own_sound.room
        parts = [self._process(block[start : start + room]) for start in range(0, len(block), room)]
        events = [event for part in parts for event in part.events]
        return PipelineOutput(stems=np.concatenate([part.stems for part in parts]), events=events)

    def _process(self, block: Audio) -> PipelineOutput:
        heard = block if self._own_sound is None else self._own_sound.take(block)
        spectra = {key: stft.process(heard) for key, stft in self._stfts.items()}
        events: list[Event] = []
        if self._follower is not None:
            follower_input: Any = heard if self._follower_input is None else spectra[self._follower_input]
            events += self._follower.process(follower_input)
        told = [event for node in self._attendants for event in node.process(len(block), events)]
        sounds: list[Audio] = []
        if self._ensemble is not None:
            played, sounds = self._ensemble.process(heard, events)
            events += played
        sounds += [sound for node in self._attendants for sound in node.render(len(block))]
        stems = np.stack([block, *sounds], axis=1) if sounds else block[:, None, :]
        if self._own_sound is not None and sounds:
            self._own_sound.played(sum(sounds[1:], sounds[0]))
        events += told
        if self._loop is not None:
            events = [_placed(event, self._loop) for event in events]
        for node in self._listeners:
            events += node.process(heard)
        if self._listeners or self._attendants:
            events.sort(key=lambda event: event.emitted_at)
        if self._separator is not None:
            shared = self._separator.input
            stems = self._separator.node.process(block if shared is None else spectra[shared])
        return PipelineOutput(stems=stems, events=events)

    def rehearse(self) -> None:
        """Sound what the input alone does not reach, to have it compiled and loaded; reset afterwards."""
        if self._ensemble is not None:
            self._ensemble.rehearse()

    def reset(self) -> None:
        """Reset to the initial state."""
        for stft in self._stfts.values():
            stft.reset()
        if self._separator is not None:
            self._separator.node.reset()
        for listener in (self._follower, *self._listeners):
            if listener is not None:
                listener.reset()
        for part in (self._ensemble, self._own_sound, *self._attendants):
            if part is not None:
                part.reset()


def _placed(event: Event, loop: LoopedBars) -> Event:
    """Return an event that speaks of bars played out, with its place in the whole score."""
    if isinstance(event, Position):
        quarter = loop.outside(event.quarter)
        return replace(event, quarter=quarter, score_s=float(loop.whole.seconds(quarter)))
    if isinstance(event, State):
        return replace(event, perhaps=tuple(map(loop.outside, event.perhaps)))
    if isinstance(event, Onset | Accompanied | Cue):
        return replace(event, quarter=loop.outside(event.quarter))
    return event


def _own_sound(audio: AudioFormat, config: AccompanyConfig | None) -> OwnSound | None:
    """Return what takes the accompaniment's own sound out of the input, if it sounds and that is asked for."""
    if config is None or config.sound is None or config.stage.cancel != "on":
        return None
    return OwnSound(audio)
