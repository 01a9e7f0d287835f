"""Cues are called on the clock of the input: whatever the blocks, and in the pipeline as the music is played."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.core.errors import ConfigError
from engine.core.events import Cue, Event
from engine.core.format import AudioFormat
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.separation.config import HpssConfig
from engine.stage.cues.actions import CueSound
from engine.stage.cues.caller import CueCaller, CueSettings
from engine.stage.cues.cue_list import PlannedCue
from tests.engine.accompaniment.soloists import RATE, melody, told
from tests.engine.following.play import RATE as SOUND_RATE
from tests.engine.following.play import scale, sound
from tests.tolerances import FLOAT32, MUSICAL_S

CUES = tuple(PlannedCue(i, f"cue {i}", float(q), 1, lead) for i, (q, lead) in enumerate([(2, 0), (4.5, 0), (6, 1.0)]))
LENGTH_S = 6.0
AUDIO = AudioFormat(sample_rate=RATE, n_channels=1)


def called(sizes: Sequence[int], caller: CueCaller | None = None, heard: list[np.ndarray] | None = None) -> list[Event]:
    """What is called when the samples come in blocks of these sizes, over and over."""
    caller = caller or CueCaller(CueSettings(score=melody(12), cues=CUES), AUDIO)
    waiting = [event for _, event in told([(i, 0.5 + 0.5 * i) for i in range(10)])]
    out: list[Event] = []
    now = turn = 0
    while now < LENGTH_S * RATE:
        size = sizes[turn % len(sizes)]
        now, turn = now + size, turn + 1
        out += caller.process(size, [event for event in waiting if event.emitted_at <= now])
        if heard is not None:
            heard += caller.render(size)
        waiting = [event for event in waiting if event.emitted_at > now]
    return out


def test_blocks_change_nothing_and_reset_forgets() -> None:
    caller = CueCaller(CueSettings(score=melody(12), cues=CUES), AUDIO)
    whole = called([round(LENGTH_S * RATE)], caller)
    assert [event.name for event in whole if isinstance(event, Cue) and event.fired] == ["cue 0", "cue 2", "cue 1"]
    assert whole == called([1, 255, 256, 257, 4096]) == called([441])
    caller.reset()
    assert called([1024], caller) == whole
    assert all(event.at >= event.emitted_at for event in whole)


@pytest.mark.parametrize("sizes", [(4096,), (1, 255, 256, 257), (100_000,)])
def test_a_sound_begins_with_its_cue_whatever_the_blocks(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """A ramp of 1000 samples at half its level; 500 samples before the cue, where the output is so much later."""
    ramp = np.linspace(0.1, 0.9, 1000, dtype=np.float32)
    soundfile.write(tmp_path / "ramp.wav", ramp, RATE, subtype="FLOAT")
    sounds = {"cue 0": (CueSound(tmp_path / "ramp.wav", 20 * float(np.log10(0.5))),)}
    caller = CueCaller(CueSettings(score=melody(12), cues=CUES, sounds=sounds), AUDIO)
    caller.declare_latency(500)
    heard: list[np.ndarray] = []
    events = called(sizes, caller, heard)
    first = next(event for event in events if isinstance(event, Cue) and event.name == "cue 0")
    out = np.concatenate(heard)[:, 0]
    begin = max(first.at - 500, first.emitted_at)
    assert caller.targets == ("cues",) and first.emitted_at <= first.at - 500
    assert np.abs(out[begin : begin + 1000] - 0.5 * ramp).max() < FLOAT32
    assert not out[:begin].any() and not out[begin + 1000 :].any()


def test_a_sound_that_is_missing_is_told_when_it_is_loaded(tmp_path: Path) -> None:
    sounds = {"cue 0": (CueSound(tmp_path / "none.wav", 0.0),)}
    with pytest.raises(ConfigError, match=r"cue, .*none\.wav"):
        CueSettings(score=melody(12), cues=CUES, sounds=sounds).build(AUDIO)


def test_sounds_are_a_target_beside_the_input_and_want_no_separation(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(10), RATE)
    cues = CueSettings(score=melody(12), cues=CUES, sounds={"cue 0": (CueSound(tmp_path / "a.wav", 0.0),)})
    pipeline = Pipeline(AUDIO, PipelineConfig(attendants=(cues,)))
    assert pipeline.targets == ("input", "cues")
    assert pipeline.process(np.ones((300, 1), np.float32)).stems.shape == (300, 2, 1)
    with pytest.raises(ConfigError, match="cues that sound: expected no separation beside them"):
        Pipeline(AUDIO, PipelineConfig(attendants=(cues,), separate=HpssConfig()))


@pytest.mark.slow
def test_a_pipeline_calls_them_where_the_music_is() -> None:
    score = scale(32)
    audio, played = sound(score)
    quarters = [1.5, 4.0, 6.5, 9.0, 12.0]
    cues = tuple(PlannedCue(i, str(q), q, 1) for i, q in enumerate(quarters))
    config = PipelineConfig(score=score, attendants=(CueSettings(score=score, cues=cues),))
    pipeline = Pipeline(AudioFormat(sample_rate=SOUND_RATE, n_channels=1), config)
    blocks = [audio[start : start + 1000].astype(np.float32) for start in range(0, len(audio), 1000)]
    events = [event for block in blocks for event in pipeline.process(block).events]
    assert [event.emitted_at for event in events] == sorted(event.emitted_at for event in events)
    calls = [event for event in events if isinstance(event, Cue)]
    truth = np.interp(quarters, played.quarter, played.audio_s)
    assert [call.quarter for call in calls if call.fired] == quarters
    assert np.median(np.abs([call.at / SOUND_RATE for call in calls] - truth)) < MUSICAL_S / 2
