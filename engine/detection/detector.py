"""Emit sound events as they happen, decided from the probabilities of a network."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from engine.core.events import Event, Guesses, Late, Sound
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig, SoundProbabilities, SoundTiming, checked_classes
from engine.detection.event_decoder import DecisionConfig, EventDecoder, SoundChange
from engine.detection.sound_files import WINDOW_NETWORK, class_names, decisions_of, front_end_of, sound_network_file
from engine.detection.window_network import WindowProbabilities, WindowTiming
from engine.inference.network_file import NetworkFile

__all__ = ["SoundDetector", "detection_latency", "sound_probabilities", "sound_thresholds"]

Audio = npt.NDArray[np.float32]
GUESS_STEPS = 3  # steps of 66 ms between two `Guesses` events: five a second


class SoundDetector:
    """Take audio (sample, channel), return `Sound` events; `at` is where a sound begins or ends, to a step of 66 ms.

    `emitted_at` is the number of input samples needed to decide. `config.guesses` adds a `Guesses` event every 0.2 s; a
    worker that is not ready in time adds a `Late` event.
    """

    def __init__(self, config: SoundConfig, audio: AudioFormat, *, worker: Executor | None = None) -> None:
        self.config, self.audio = config, audio
        self.probabilities = sound_probabilities(config, audio, worker=worker)
        self.classes = self.probabilities.classes
        self._decoder = EventDecoder(self.classes, _decision(config, self.probabilities.network, self.classes))
        self._guess_steps = GUESS_STEPS if isinstance(self.probabilities, SoundProbabilities) else 1
        self._n_steps = self._n_late = 0
        self._listens = True
        self._active: set[str] = set()  # that were told to have begun

    @property
    def decision(self) -> DecisionConfig:
        """Return the decision settings, those of the file with the user's changes."""
        return self._decoder.config

    @property
    def latency(self) -> int:
        """Return the most samples by which `emitted_at` lags `at`."""
        return self.probabilities.timing.lag(self._decoder.latency)

    def process(self, block: Audio) -> list[Event]:
        """Return the events that the block makes decidable."""
        rows = self.probabilities.process(block if self._listens else np.zeros_like(block))
        sounds = [self._sound(change) for change in self._decoder.process(rows)]
        events: list[Event] = [sound for sound in sounds if self._is_told(sound)]
        if self.config.guesses and self._listens:
            for k in range(len(rows)):
                if (self._n_steps + k) % self._guess_steps == 0:
                    events.append(self._guesses(self._n_steps + k, rows[k]))
            events.sort(key=lambda event: event.emitted_at)
        self._n_steps += len(rows)
        return events + self._late()

    def set_threshold(self, label: str, probability: float) -> None:
        """Report a sound from this probability on, from the next step on."""
        self._decoder.set_threshold(label, probability)

    def listen(self, on: bool) -> None:
        """Listen, or take silence for what is heard: what sounds ends, and nothing begins or is guessed."""
        self._listens = on

    def _is_told(self, sound: Sound) -> bool:
        """Return whether a sound is to be told: none begins while nobody listens, and none ends that did not begin."""
        if sound.active:
            if self._listens:
                self._active.add(sound.label)
            return self._listens
        known = sound.label in self._active
        self._active.discard(sound.label)
        return known

    def reset(self) -> None:
        """Reset to the initial state; whether it listens stays."""
        self._active.clear()
        self.probabilities.reset()
        self._decoder.reset()
        self._n_steps = self._n_late = 0

    def _sound(self, change: SoundChange) -> Sound:
        return Sound(
            at=max(0, self.probabilities.timing.instant(change.step)),
            emitted_at=self.probabilities.timing.emitted(change.known),
            label=self.classes[change.label],
            active=change.active,
            probability=change.probability,
            retracted=change.retracted,
        )

    def _guesses(self, step: int, row: npt.NDArray[np.float32]) -> Guesses:
        best = np.argsort(-row, kind="stable")[: self.config.guesses]
        return Guesses(
            at=max(0, self.probabilities.timing.instant(step)),
            emitted_at=self.probabilities.timing.emitted(step),
            labels=tuple(self.classes[i] for i in best),
            probabilities=tuple(float(row[i]) for i in best),
        )

    def _late(self) -> list[Event]:
        if self.probabilities.n_late == self._n_late:
            return []
        n, self._n_late = self.probabilities.n_late - self._n_late, self.probabilities.n_late
        now = self.probabilities.timing.emitted(self._n_steps - 1)
        samples = self.probabilities.timing.instant(n * self.config.block) - self.probabilities.timing.instant(0)
        return [Late(at=now, emitted_at=now, samples=samples, where="sounds")]


def sound_probabilities(
    config: SoundConfig, audio: AudioFormat, *, worker: Executor | None = None
) -> SoundProbabilities | WindowProbabilities:
    """Return the node of the probabilities for a file of either kind."""
    if sound_network_file(config.model).kind == WINDOW_NETWORK:
        return WindowProbabilities(config, audio)
    return SoundProbabilities(config, audio, worker=worker)


def detection_latency(config: SoundConfig, audio: AudioFormat) -> int:
    """Return the `latency` of a detector, in samples, from the metadata of its file; ModelError if it does not fit."""
    file = sound_network_file(config.model)
    if file.kind == WINDOW_NETWORK:
        decision = _decision(config, file, class_names(file))
        return WindowTiming(front_end_of(file), audio).lag(decision.wait)
    decision = _decision(config, file, checked_classes(file, config))
    return SoundTiming(config, audio, file).lag(decision.wait)


def sound_thresholds(config: SoundConfig) -> dict[str, float]:
    """Return the threshold of each class of a detector, from its settings and its file; as `detection_latency`."""
    file = sound_network_file(config.model)
    classes = class_names(file) if file.kind == WINDOW_NETWORK else checked_classes(file, config)
    decision = _decision(config, file, classes)
    return {label: (decision.thresholds or {}).get(label, decision.threshold) for label in classes}


def _decision(config: SoundConfig, network: NetworkFile, classes: tuple[str, ...]) -> DecisionConfig:
    """Return the file's decision with the user's changes; a threshold set by the user replaces all of the file's."""
    tuned = decisions_of(network).live
    own = tuned.thresholds or {}
    if config.threshold is not None:
        own = dict.fromkeys(classes, config.threshold)
        tuned = tuned.by_threshold(config.threshold)
    usable = {label: value for label, value in own.items() if label in classes}
    decision = config.decision or tuned
    alignment = config.alignment or decision.alignment
    given = (config.decision.thresholds if config.decision else None) or {}
    return replace(decision, thresholds={**usable, **given}, alignment=alignment)
