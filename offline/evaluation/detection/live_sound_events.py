"""Measure live detection: how soon a sound is reported after its onset, what of it stands, and what is invented."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from engine.audio.files import AudioReader
from engine.audio.folders import find_recordings
from engine.core.errors import ConfigError, EngineError
from engine.core.events import Event, Sound
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.detection.detector import SoundDetector
from engine.detection.event_decoder import Interval
from engine.detection.sound_files import class_names, sound_network_file
from offline.datasets.desed import LabelFile, find_audio
from offline.run import collect_frames

__all__ = [
    "KindOfSound",
    "LiveListener",
    "TellingOfClips",
    "count_inventions",
    "detect_streaming",
    "false_alarms_per_hour",
    "format_inventions",
    "format_telling",
    "reaction_times_s",
    "standing",
    "tell_recordings",
    "true_labels",
]

EARLY_S = 0.2  # a report of an instant this long before the onset still counts as this sound


def detect_streaming(detector: SoundDetector, audio: npt.NDArray[np.float32]) -> list[Sound]:
    """Return all events of a recording (sample, channel) at the detector's rate, flushed by silence."""
    events: list[Sound] = collect_frames(detector, audio)
    return events


class Told(NamedTuple):
    """A sound as it was reported: its beginning, its end if it had one, and whether it was retracted."""

    begin: Sound
    end: Sound | None

    @property
    def retracted(self) -> bool:
        """Return whether it was taken back."""
        return self.end is not None and self.end.retracted


def standing(events: Iterable[Sound]) -> list[Told]:
    """Pair the beginnings of each label with their ends, in order of report."""
    told: list[Told] = []
    open_at: dict[str, int] = {}
    for event in events:
        if event.active:
            open_at[event.label] = len(told)
            told.append(Told(event, None))
        elif event.label in open_at:
            at = open_at.pop(event.label)
            told[at] = told[at]._replace(end=event)
    return told


def reaction_times_s(
    reference: Mapping[str, Sequence[Interval]], estimate: Mapping[str, Sequence[Sound]], sample_rate: int
) -> list[float]:
    """Return for each reference event that is reported the seconds from its true onset to the report.

    The report is the first onset of its label whose `at` lies within the event, or up to 0.2 s before it, and that is
    not retracted later.
    """
    waits = []
    for name, events in reference.items():
        onsets = [told.begin for told in standing(estimate.get(name, ())) if not told.retracted]
        for event in events:
            first, last = (event.onset_s - EARLY_S) * sample_rate, event.offset_s * sample_rate
            own = [e for e in onsets if e.label == event.label and first <= e.at <= last]
            if own:
                waits.append(min(e.emitted_at for e in own) / sample_rate - event.onset_s)
    return waits


def false_alarms_per_hour(events: Sequence[Sound], seconds: float) -> float:
    """Return onsets per hour, without those retracted, in `seconds` in which none of the classes sounds."""
    return sum(not told.retracted for told in standing(events)) * 3600 / seconds


class LiveListener:
    """Runs the live detector over recordings of any format."""

    def __init__(self, config: SoundConfig) -> None:
        self.config = config
        self.classes = class_names(sound_network_file(config.model))
        self._nodes: dict[AudioFormat, SoundDetector] = {}

    def listen(self, path: Path) -> tuple[list[Sound], AudioFormat, int]:
        """Return the sounds reported, the format, and the number of samples; AudioFileError if it cannot be read."""
        with AudioReader(path) as reader:
            form = reader.format
            if form not in self._nodes:
                self._nodes[form] = SoundDetector(self.config, form)
            node = self._nodes[form]
            node.reset()
            events: list[Event] = []
            n_samples = 0
            for block in reader.blocks():
                n_samples += len(block)
                events += node.process(block)
        events += node.process(np.zeros((node.latency, form.n_channels), np.float32))
        return [event for event in events if isinstance(event, Sound)], form, n_samples


@dataclass(slots=True)
class KindOfSound:
    """What was reported in one kind of recordings, of what does not sound there.

    seconds: of all
    files, labelled: recordings, and those in which a report stood
    invented, retracted: reports by label that stood, and that were taken back
    stood_s: how long each retracted one had stood
    """

    seconds: float = 0.0
    files: int = 0
    labelled: int = 0
    invented: Counter[str] = field(default_factory=Counter)
    retracted: Counter[str] = field(default_factory=Counter)
    stood_s: list[float] = field(default_factory=list)

    def add(self, events: Sequence[Sound], true: set[str], rate: int, n_samples: int) -> None:
        """Count the reports of a recording in which the labels `true` sound."""
        self.seconds += n_samples / rate
        self.files += 1
        false = [told for told in standing(events) if told.begin.label not in true]
        self.labelled += any(not told.retracted for told in false)
        for told in false:
            (self.retracted if told.retracted else self.invented)[told.begin.label] += 1
            if told.retracted and told.end is not None:
                self.stood_s.append((told.end.emitted_at - told.begin.emitted_at) / rate)

    def __add__(self, other: KindOfSound) -> KindOfSound:
        return KindOfSound(
            self.seconds + other.seconds,
            self.files + other.files,
            self.labelled + other.labelled,
            self.invented + other.invented,
            self.retracted + other.retracted,
            self.stood_s + other.stood_s,
        )

    def an_hour(self, counts: Counter[str]) -> float:
        """Return how many there are in an hour."""
        return counts.total() * 3600 / max(self.seconds, 1e-9)


def true_labels(folder: Path) -> dict[str, set[str]]:
    """Read what sounds in each recording of a folder from its manifest.csv; labels that begin with _ are none."""
    path = folder / "manifest.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = [(row.get("file"), row.get("label")) for row in csv.DictReader(lines)]
    if not all(file and label for file, label in rows):
        raise ConfigError(str(path), expected="file and label in every row", got="a row without")
    return {str(file): set() if str(label).startswith("_") else {str(label)} for file, label in rows}


def count_inventions(
    folder: Path, listener: LiveListener, say: Callable[[str], object], labels: Sequence[str] = ()
) -> Iterator[tuple[str, KindOfSound | None]]:
    """Yield for each recording its kind, and what was reported of what does not sound there; None if unreadable.

    The kind is the first folder below `folder`, or `folder` itself.
    labels: what may sound besides what the manifest says
    """
    true = true_labels(folder)
    for name, path in find_recordings([folder]).files:
        inside = path.relative_to(folder).parts
        kind = inside[0] if len(inside) > 1 else folder.name
        try:
            events, form, n_samples = listener.listen(path)
        except EngineError as error:
            say(f"collaparte: {error.about(path)}")
            yield kind, None
            continue
        counted = KindOfSound()
        counted.add(events, true.get(name, set()) | set(labels), form.sample_rate, n_samples)
        yield kind, counted


def format_inventions(kinds: Mapping[str, KindOfSound]) -> list[list[str]]:
    """Return rows to print, the last one all kinds together."""
    total = sum(kinds.values(), start=KindOfSound())
    rows = [["", "hours", "invented/h", "retracted/h", "stood s", "files with a label", "mostly"]]
    for kind, of in [*kinds.items(), ("all", total)]:
        stood = f"{np.median(of.stood_s):.2f}" if of.stood_s else ""
        rates = [f"{of.seconds / 3600:.2f}", f"{of.an_hour(of.invented):.1f}", f"{of.an_hour(of.retracted):.1f}", stood]
        mostly = " ".join(f"{label} {n}" for label, n in of.invented.most_common(3))
        rows.append([kind, *rates, f"{of.labelled} of {of.files}", mostly])
    return rows


@dataclass(slots=True)
class TellingOfClips:
    """What was told of recordings with strong labels.

    reference: true events
    estimate: events that stood
    waits_s: from the onset of a sound to its report, of those that were told
    retracted: reports taken back
    seconds: of all recordings
    """

    reference: dict[str, list[Interval]] = field(default_factory=dict)
    estimate: dict[str, list[Interval]] = field(default_factory=dict)
    waits_s: dict[str, list[float]] = field(default_factory=dict)
    retracted: int = 0
    seconds: float = 0.0

    def add(self, name: str, true: Sequence[Interval], events: Sequence[Sound], rate: int, n_samples: int) -> None:
        """Count the reports of a recording."""
        end_s = n_samples / rate
        told = standing(events)
        self.seconds += end_s
        self.retracted += sum(one.retracted for one in told)
        self.reference[name] = list(true)
        self.estimate[name] = sorted(
            Interval(one.begin.at / rate, min(one.end.at / rate if one.end else end_s, end_s), one.begin.label)
            for one in told
            if not one.retracted and one.begin.at < n_samples
        )
        for label in {event.label for event in true}:
            own = {name: [event for event in true if event.label == label]}
            self.waits_s.setdefault(label, []).extend(reaction_times_s(own, {name: events}, rate))

    @property
    def retracted_per_hour(self) -> float:
        """Return reports taken back in an hour."""
        return self.retracted * 3600 / max(self.seconds, 1e-9)

    @property
    def wrong_per_hour(self) -> float:
        """Return reports that stood while their label did not sound, in an hour."""
        wrong = 0
        for name, found in self.estimate.items():
            true = self.reference[name]
            wrong += sum(
                not any(e.label == f.label and e.onset_s - EARLY_S <= f.onset_s <= e.offset_s for e in true)
                for f in found
            )
        return wrong * 3600 / max(self.seconds, 1e-9)


def tell_recordings(folder: Path, labels: LabelFile, listener: LiveListener) -> tuple[TellingOfClips, int]:
    """Run the live detector over every recording with strong labels; return what was told, and how many failed."""
    if labels.strong is None:
        raise ConfigError(str(labels.path), expected="strong labels", got="weak ones")
    files, clips, failed = find_audio(folder, labels.strong), TellingOfClips(), 0
    if not files:
        raise ConfigError(str(folder), expected=f"the recordings of {labels.path.name}", got="none of them")
    with tqdm(files.items(), unit="file") as bar:
        for name, path in bar:
            try:
                events, form, n_samples = listener.listen(path)
            except EngineError as error:
                bar.write(f"collaparte: {error.about(path)}", file=sys.stderr)
                failed += 1
                continue
            clips.add(name, labels.strong[name], events, form.sample_rate, n_samples)
    return clips, failed


def format_telling(clips: TellingOfClips) -> list[list[str]]:
    """Return rows to print: all labels together first, then each."""
    rows = [["", "told", "quartile ms", "median ms", "quartile ms"]]
    number = Counter(event.label for events in clips.reference.values() for event in events)
    every = [wait for waits in clips.waits_s.values() for wait in waits]
    for label, waits, n in [
        ("all", every, number.total()),
        *((k, clips.waits_s.get(k, []), number[k]) for k in sorted(number)),
    ]:
        quartiles = [f"{1000 * q:.0f}" for q in np.percentile(waits, [25, 50, 75])] if waits else ["", "", ""]
        rows.append([label, f"{len(waits)} of {n}", *quartiles])
    rows.append(["told of nothing, an hour", f"{clips.wrong_per_hour:.1f}", "", "", ""])
    rows.append(["retracted, an hour", f"{clips.retracted_per_hour:.1f}", "", "", ""])
    return rows
