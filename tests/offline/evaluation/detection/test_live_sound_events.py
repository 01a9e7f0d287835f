"""Live figures are what one counts by hand: what was told, how soon, what was invented, what was taken back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.core.events import Sound
from engine.detection.crnn import SoundConfig
from engine.detection.event_decoder import DecisionConfig, Interval
from engine.detection.frame_clock import SOUND_RATE
from offline.evaluation.detection.live_sound_events import (
    KindOfSound,
    LiveListener,
    TellingOfClips,
    count_inventions,
    false_alarms_per_hour,
    format_inventions,
    reaction_times_s,
)
from tests.networks.detection import small_crnn_file


def sound(at_s: float, emitted_s: float, label: str, *, active: bool = True, retracted: bool = False) -> Sound:
    at, emitted = round(at_s * 1000), round(emitted_s * 1000)
    return Sound(at=at, emitted_at=emitted, label=label, active=active, probability=1.0, retracted=retracted)


def test_reactions_by_hand() -> None:
    """The first dog is reported after 0.3 s, the second not at all; the offset and the cat are no report of a dog."""
    reference = {"a": [Interval(1.0, 2.0, "dog"), Interval(5.0, 6.0, "dog")], "b": [Interval(1.0, 3.0, "cat")]}
    estimate = {
        "a": [
            sound(0.9, 1.3, "dog"),
            sound(1.5, 1.8, "dog"),
            sound(5.2, 5.4, "dog", active=False),
            sound(5.1, 5.3, "cat"),
        ],
        "b": [sound(2.0, 2.25, "cat")],
    }
    assert reaction_times_s(reference, estimate, 1000) == pytest.approx([0.3, 1.25])


def test_inventions_an_hour() -> None:
    events = [sound(1, 1, "dog"), sound(2, 2, "dog", active=False), sound(3, 3, "cat")]
    assert false_alarms_per_hour(events, 600) == 12


def test_what_was_retracted_neither_stands_nor_counts() -> None:
    """The first report of the dog is taken back after 0.4 s; the cat is the invention that stands."""
    events = [
        sound(1.0, 1.1, "dog"),
        sound(1.5, 1.5, "dog", active=False, retracted=True),
        sound(1.6, 1.9, "dog"),
        sound(2.0, 2.1, "cat"),
    ]
    reference = {"a": [Interval(1.0, 2.5, "dog")]}
    assert reaction_times_s(reference, {"a": events}, 1000) == pytest.approx([0.9])
    assert false_alarms_per_hour(events, 3600) == 2
    kind = KindOfSound()
    kind.add(events, {"dog"}, 1000, 1_800_000)
    assert (kind.labelled, kind.an_hour(kind.invented), kind.an_hour(kind.retracted)) == (1, 2, 0)
    nothing = KindOfSound()
    nothing.add(events, set(), 1000, 1_800_000)
    both = kind + nothing
    assert (both.files, both.invented, both.retracted) == (2, {"cat": 2, "dog": 1}, {"dog": 1})
    assert both.stood_s == pytest.approx([0.4])
    clips = TellingOfClips()
    clips.add("a", reference["a"], events, 1000, 4000)
    assert clips.estimate["a"] == [Interval(1.6, 4.0, "dog"), Interval(2.0, 4.0, "cat")]
    assert clips.wrong_per_hour == 900


def test_inventions_of_folders_by_the_live_detector(tmp_path: Path) -> None:
    """One kind a folder; a label of the manifest is none; a file that is no recording is told and left out."""
    noise = 0.3 * np.random.default_rng(1).standard_normal(6 * SOUND_RATE).astype(np.float32)
    noise *= np.abs(np.sin(7 * np.arange(len(noise)) / SOUND_RATE)) ** 3
    for name in ("rain/a.wav", "talk/b.wav"):
        (tmp_path / name).parent.mkdir()
        soundfile.write(tmp_path / name, noise, SOUND_RATE)
    (tmp_path / "rain" / "broken.wav").write_bytes(b"none")
    model = small_crnn_file(causal=True, look_ahead=1)
    listener = LiveListener(SoundConfig(model=model, decision=DecisionConfig(median=1)))
    said: list[object] = []
    found = list(count_inventions(tmp_path, listener, said.append))
    assert [kind for kind, of in found if of is None] == ["rain"]
    assert len(said) == 1
    rain, talk = (next(of for kind, of in found if kind == name and of) for name in ("rain", "talk"))
    assert rain.invented == talk.invented
    assert rain.invented.total() > 3
    label = rain.invented.most_common(1)[0][0]
    (tmp_path / "manifest.csv").write_text(f"file,label\nrain/a.wav,_background\ntalk/b.wav,{label}\n")
    found = list(count_inventions(tmp_path, listener, said.append))
    heard = next(of for kind, of in found if kind == "talk" and of)
    assert heard.invented == rain.invented - Counter({label: rain.invented[label]})
    rows = format_inventions({"rain": rain, "talk": heard})
    assert [row[0] for row in rows] == ["", "rain", "talk", "all"]
    assert rows[-1][5] == "2 of 2"
