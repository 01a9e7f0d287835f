"""The live node of sound events: what it says is what the network says of the whole recording, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from engine.core.errors import ModelError
from engine.core.events import Sound
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig, SoundProbabilities
from engine.detection.detector import SoundDetector
from engine.detection.event_decoder import DecisionConfig, Decisions, EventDecoder
from engine.detection.frame_clock import SOUND_RATE, STEP, STEP_FRAMES, step_begin, step_end
from engine.inference.network import Network
from models.detection.graph import crnn_graph, export_crnn
from models.export import check_graph
from offline.datasets.scenes import log_mel
from offline.run import collect_frames
from tests.cases.sounds import QUICK, noise
from tests.models.detection.test_network import build
from tests.networks.detection import small_crnn, small_crnn_file
from tests.tolerances import EXPORT, FLOAT32

MONO = AudioFormat(sample_rate=SOUND_RATE, n_channels=1)
CAUSAL: dict[str, Any] = {"causal": True, "look_ahead": 1}


def told(events: list[Sound], classes: tuple[str, ...]) -> list[tuple[int, int, bool]]:
    """(sample, class, begins or ends)."""
    return sorted((e.at, classes.index(e.label), e.active) for e in events)


@pytest.mark.parametrize("steps", [1, 2, 5, 15, 45])
@pytest.mark.parametrize("activation", ["relu", "glu"])
def test_the_file_block_by_block_is_the_network_on_the_whole(steps: int, activation: str) -> None:
    settings = {**CAUSAL, "activation": activation}
    graph = crnn_graph(small_crnn(**settings))
    mel = torch.from_numpy(log_mel(noise(SOUND_RATE, 1)[:, 0]))
    error = check_graph(graph, small_crnn_file(**settings), mel, block=STEP_FRAMES * steps, kind="crnn")
    assert error <= EXPORT  # its logits are blown up
    network = Network(small_crnn_file(**settings), "crnn")
    whole = network.run({"mel": mel.numpy()})["probability"].copy()
    network.reset()
    parts = [network.run({"mel": part.numpy()})["probability"].copy() for part in mel.split(STEP_FRAMES * steps)]
    assert np.abs(np.concatenate(parts) - whole).max() <= FLOAT32


@pytest.mark.parametrize("block", [1, 4])
def test_events_are_those_of_the_whole_recording(block: int) -> None:
    model, audio = small_crnn(**CAUSAL), noise(SOUND_RATE, 1)
    node = SoundDetector(SoundConfig(model=small_crnn_file(**CAUSAL), decision=QUICK, block=block), MONO)
    events = collect_frames(node, audio, block=777)
    with torch.inference_mode():
        probability = torch.sigmoid(model(torch.from_numpy(log_mel(audio[:, 0]))[None]))[0].numpy()
    changes = EventDecoder(node.classes, QUICK).process(probability)
    last = max(e.at for e in events)
    expected = [(max(0, step_begin(c.step)), c.label, c.active) for c in changes if step_begin(c.step) <= last]
    assert len(expected) > 10
    assert told([e for e in events if e.at <= step_begin(len(probability) - 3)], node.classes) == sorted(
        e for e in expected if e[0] <= step_begin(len(probability) - 3)
    )


def test_each_event_says_when_it_could_be_known() -> None:
    node = SoundDetector(SoundConfig(model=small_crnn_file(**CAUSAL), decision=QUICK), MONO)
    for event in collect_frames(node, noise(SOUND_RATE, 1)):
        if event.at > 0:
            assert event.emitted_at - event.at == step_end(1) - step_begin(0)  # one step of look-ahead
            assert event.emitted_at % STEP == 0


def test_windows_are_the_network_on_each_window() -> None:
    model, audio = small_crnn(), noise(SOUND_RATE, 1)
    config = SoundConfig(model=small_crnn_file(), decision=QUICK, window=12, ahead=3, block=2)
    rows = collect_frames(SoundProbabilities(config, MONO), audio)
    mel = torch.from_numpy(log_mel(audio[:, 0]))
    with torch.inference_mode():
        window = mel[STEP_FRAMES * 18 : STEP_FRAMES * 30]
        expected = torch.sigmoid(model(window[None]))[0, 7:9].numpy()
    assert np.abs(rows[25:27] - expected).max() <= EXPORT  # steps 18 + 7 and 18 + 8


def test_the_resampled_node_hears_the_same() -> None:
    """At 44.1 kHz, an octave of silence above: events within a step of those at 22.05 kHz."""
    audio = noise(SOUND_RATE, 1)
    spectrum = np.fft.rfft(audio[:, 0])
    spectrum[int(0.85 * len(spectrum)) :] = 0
    low = np.fft.irfft(spectrum).astype(np.float32)
    high = (2 * np.fft.irfft(np.pad(spectrum, (0, len(spectrum) - 1)))).astype(np.float32)
    config = SoundConfig(model=small_crnn_file(**CAUSAL), decision=QUICK)
    plain = collect_frames(SoundDetector(config, MONO), low[:, None])
    doubled = collect_frames(
        SoundDetector(config, AudioFormat(sample_rate=2 * SOUND_RATE, n_channels=1)), high[:, None]
    )
    same = sum(any(b.label == a.label and abs(b.at - 2 * a.at) <= 2 * STEP for b in doubled) for a in plain)
    assert same >= 0.9 * len(plain) > 5


def test_thresholds_come_from_the_file_and_give_way_to_the_users(tmp_path: Path) -> None:
    model = build(**CAUSAL)  # no probability near 1
    tuned = Decisions(live=DecisionConfig(thresholds=dict.fromkeys("ab", 1.0)))
    export_crnn(model, tmp_path / "t.onnx", licence="-", training="-", decisions=tuned)
    decision = DecisionConfig(median=1, thresholds={"b": 0.0})
    node = SoundDetector(SoundConfig(model=tmp_path / "t.onnx", decision=decision), MONO)
    fired = [sum(e.label == label for e in collect_frames(node, noise(SOUND_RATE, 1))) for label in "ab"]
    assert fired[0] == 0
    assert fired[1] > 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("sample_rate", "16000", "expected sample_rate 22050, got 16000"),
        ("kind", '"unmix"', "expected a network of kind crnn"),
        ("classes", '["a"]', "probabilities of 1 classes"),
        ("classes", '["a", "a"]', "a list of different class names"),
        ("embeddings", '["yamnet"]', "expected embeddings"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(name: str, value: str, said: str, tmp_path: Path) -> None:
    model = onnx.load(str(small_crnn_file(**CAUSAL)))
    for entry in model.metadata_props:
        if entry.key == name:
            entry.value = value
    onnx.save(model, str(tmp_path / "wrong.onnx"))
    with pytest.raises(ModelError, match=said):
        SoundDetector(SoundConfig(model=tmp_path / "wrong.onnx", decision=QUICK), MONO)


def test_nothing_begins_while_nobody_listens_and_what_sounds_ends() -> None:
    node = SoundDetector(SoundConfig(model=small_crnn_file(**CAUSAL), decision=QUICK, guesses=2), MONO)
    audio = noise(4 * SOUND_RATE, 1)
    before = node.process(audio[:SOUND_RATE])
    active = {e.label for e in before if isinstance(e, Sound) and e.active}
    active -= {e.label for e in before if isinstance(e, Sound) and not e.active}
    node.listen(False)
    deaf = node.process(audio[SOUND_RATE : 2 * SOUND_RATE])
    assert active and all(isinstance(e, Sound) and e.label in active for e in deaf)  # no guess among them
    assert not any(e.active for e in deaf if isinstance(e, Sound))
    node.listen(True)
    again = node.process(audio[2 * SOUND_RATE :])
    told = [e for e in (*before, *deaf, *again) if isinstance(e, Sound)]
    assert any(e.active for e in again if isinstance(e, Sound))
    for label in {e.label for e in told}:
        assert [e.active for e in told if e.label == label][:2] in ([True], [True, False])
