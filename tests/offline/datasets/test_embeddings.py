"""Recordings and videos with labels become sets with embeddings, which train networks that use them live too."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cli.app import main
from cli.data.recordings import DesedOptions, pack_clips
from engine.core.errors import AudioFileError, ConfigError
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.detection.detector import SoundDetector
from engine.detection.frame_clock import SOUND_RATE, STEP, step_end
from models.detection.config import CrnnOptions
from models.detection.graph import export_crnn
from models.export import Graph, export_graph
from offline.datasets.scenes import embed_steps, open_scene_set
from offline.datasets.video import Visual, read_soundtrack, read_visual
from offline.training.common.config import LoopConfig
from offline.training.detection.config import DetectionTable
from offline.training.detection.init_weights import load_crnn
from offline.training.detection.paper_table import INPUTS, detection_table
from offline.training.detection.train import scene_probabilities
from tests.networks.embedding import SIZE, embedding, embedding_file

SECONDS = 2.0
FRAMES = 20


class Colours(nn.Module):
    """picture (1, 3, 8, 8) -> (1, 3): its mean red, green and blue."""

    def forward(self, picture: Tensor) -> Tensor:
        return picture.mean((2, 3))


def colour_file(folder: Path) -> Path:
    graph = Graph(module=Colours(), inputs={"picture": torch.zeros(1, 3, 8, 8)}, outputs=("vector",), dynamic={})
    export_graph(graph, folder / "colours.onnx", {})
    (folder / "colours.toml").write_text("height = 8\nwidth = 8\ndimension = 3\nfps = 10.0\n")
    return folder / "colours.onnx"


def write_video(path: Path, seed: int) -> None:
    """Two seconds: red grows from black, with a swelling tone."""
    time_s = np.arange(int(SECONDS * SOUND_RATE)) / SOUND_RATE
    tone = 0.5 * np.sin(2 * np.pi * (400 + 200 * seed) * time_s) * time_s / SECONDS
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.width = pictures.height = 64
        pictures.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for i in range(FRAMES):
            shown = np.zeros((64, 64, 3), np.uint8)
            shown[..., 0] = 255 * i // FRAMES
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(pictures.encode(None))
        frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], format="fltp", layout="mono")
        frame.rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


def write_clips(folder: Path) -> None:
    (folder / "audio").mkdir(parents=True)
    for i in range(4):
        write_video(folder / "audio" / f"{i}.mp4", i % 2)
    rows = "".join(f"{i}.wav\t0.5\t1.5\t{'ab'[i % 2]}\n" for i in range(4))
    (folder / "strong.tsv").write_text("filename\tonset\toffset\tevent_label\n" + rows)
    (folder / "weak.tsv").write_text("filename\tevent_labels\n0.mp4\ta\n1.mp4\ta,b\n")


def test_a_video_gives_pictures_and_sound(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", 0)
    ends_s = np.array([step_end(k) / SOUND_RATE for k in range(int(SECONDS * SOUND_RATE) // STEP)])
    seen = Visual(read_visual(colour_file(tmp_path))).steps(tmp_path / "v.mp4", ends_s)
    shown = np.floor(ends_s * 10 + 1e-6) / FRAMES  # the newest of ten frames a second
    assert np.abs(seen[:, 0] - shown).max() < 0.05
    assert seen[:, 1:].max() < 0.1
    sound = read_soundtrack(tmp_path / "v.mp4", SOUND_RATE)
    assert len(sound) == pytest.approx(SECONDS * SOUND_RATE, rel=0.05)
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.1)
    (tmp_path / "x.mp4").write_bytes(b"nothing")
    with pytest.raises(AudioFileError, match="a file with pictures"):
        Visual(read_visual(tmp_path / "colours.onnx")).steps(tmp_path / "x.mp4", ends_s)


def test_offline_embeddings_are_those_of_the_live_node() -> None:
    audio = np.random.default_rng(0).standard_normal(20 * STEP).astype(np.float32)
    rows = embed_steps(audio, embedding())
    assert rows.shape == (20, SIZE)
    again = embed_steps(np.concatenate([audio[: 10 * STEP], 0 * audio[10 * STEP :]]), embedding())
    assert np.array_equal(rows[:10], again[:10])  # nothing of what comes later
    assert (rows[3:] != again[3:]).any()


def clip_options(folder: Path, name: str, **options: Any) -> DesedOptions:
    return DesedOptions(audio=folder / "audio", output=folder / name, seconds=SECONDS, **options)


def test_sets_of_every_kind_of_label(tmp_path: Path) -> None:
    write_clips(tmp_path)
    (tmp_path / "audio" / "3.mp4").write_bytes(b"broken")
    strong, n_failed = pack_clips(clip_options(tmp_path, "strong", labels=tmp_path / "strong.tsv"))
    assert (strong.known, strong.classes, len(strong), n_failed) == ("strong", ("a", "b"), 3, 1)
    assert strong.steps[0, 12].tolist() == [1, 0]
    assert strong.steps[0, 2].tolist() == [0, 0]
    weak, _ = pack_clips(clip_options(tmp_path, "weak", labels=tmp_path / "weak.tsv"))
    assert (weak.known, weak.steps.max(1).tolist()) == ("weak", [[1, 0], [1, 1]])
    none, _ = pack_clips(clip_options(tmp_path, "none", classes=("a", "b")))
    assert (none.known, none.steps.max()) == ("unlabelled", 0)
    assert open_scene_set(tmp_path / "none").known == "unlabelled"
    assert sorted(path.name for path in (tmp_path / "none").iterdir()) == [
        "events.tsv",
        "mel.npy",
        "set.json",
        "steps.npy",
    ]
    with pytest.raises(ConfigError, match="the labels, where no TSV names them"):
        pack_clips(clip_options(tmp_path, "nothing"))


def test_table_3_from_videos_to_a_live_network(tmp_path: Path) -> None:
    """All seven rows train; the one that fuses an embedding runs live, with the output that it has on the set."""
    write_clips(tmp_path)
    given = ["--embedding", f"bands={embedding_file()}", "--visual", f"colours={colour_file(tmp_path)}"]
    made = ["desed", str(tmp_path / "audio"), "-o", str(tmp_path / "set"), "--labels", str(tmp_path / "strong.tsv")]
    assert main(["data", *made, "--seconds", str(SECONDS), *given]) == 0
    scenes = open_scene_set(tmp_path / "set")
    assert {name: of.shape[2] for name, of in scenes.embeddings.items()} == {"bands": SIZE, "colours": 3}
    config = DetectionTable(
        sets=(tmp_path / "set",),
        validation=tmp_path / "set",
        test=tmp_path / "set",
        output=tmp_path / "runs",
        network=CrnnOptions(filters=7 * (4,), causal=True, look_ahead=1),
        auditory="bands",
        visual="colours",
        batch=2,
        device="cpu",
        loop=LoopConfig(steps=0),
    )
    rows = detection_table(config).splitlines()
    assert [row[:32].strip() for row in rows[1:]] == [str(row) for row in INPUTS]
    model = load_crnn(tmp_path / "runs" / "log-mel-auditory-0" / "checkpoint.pt")
    assert model.recurrent.input_size == 4 + 16
    assert load_crnn(tmp_path / "runs" / "auditory-visual-0" / "checkpoint.pt").recurrent.input_size == 64 + 16
    export_crnn(model, tmp_path / "fused.onnx", licence="-", training="-")
    config = SoundConfig(model=tmp_path / "fused.onnx", embeddings={"bands": embedding()})
    node = SoundDetector(config, AudioFormat(sample_rate=SOUND_RATE, n_channels=1)).probabilities
    sound = read_soundtrack(tmp_path / "audio" / "0.mp4", SOUND_RATE)[: scenes.steps.shape[1] * STEP]
    live = node.process(sound[:, None])
    assert np.abs(live - scene_probabilities(model, scenes)[0, : len(live)]).max() < 2e-3  # the set's half precision
    with pytest.raises(ConfigError, match="embedding bands of the set"):
        scene_probabilities(model, open_set_without(tmp_path))


def open_set_without(folder: Path):
    made = ["desed", str(folder / "audio"), "-o", str(folder / "bare"), "--labels", str(folder / "strong.tsv")]
    assert main(["data", *made, "--seconds", "2"]) == 0
    return open_scene_set(folder / "bare")
