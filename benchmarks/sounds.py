"""Sound events, live: what the node costs beside torch, how soon it tells, and what it invents in an hour.

python -m benchmarks.sounds [MODEL.onnx] [--told] [--curve]

With --told only what is told, how soon, and what is invented: of sources that nothing was trained or tuned on. With
--curve the same scenes with all limits stricter and laxer, to see what telling more costs; nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch

from benchmarks.rows import Row
from engine.core.events import Sound
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig, SoundProbabilities
from engine.detection.detector import SoundDetector
from engine.detection.frame_clock import MEL_BANDS, SOUND_FRAMES, SOUND_RATE, STEP, STEP_FRAMES
from engine.detection.sound_files import class_names, decisions_of
from engine.dsp.logmel import LogMelConfig, mel_weights
from engine.inference.network import Network
from models.detection.network import Crnn
from models.detection.reimport import crnn_from_onnx
from offline.datasets.make_scenes import alarm_families
from offline.datasets.scenes import log_mel
from offline.datasets.soundscapes import Scene, SceneMixConfig, SceneMixer
from offline.detection.clip_decisions import detect, tag
from offline.detection.presets import SHIPPED, SHIPPED_FOR_FILES
from offline.evaluation.detection.live_sound_events import (
    KindOfSound,
    LiveListener,
    TellingOfClips,
    detect_streaming,
    false_alarms_per_hour,
)
from offline.evaluation.detection.sound_event_report import mel_probabilities
from offline.evaluation.detection.sound_events import evaluate_sound_events
from offline.evaluation.detection.trade_off import moved_limits
from offline.synthesis.sound_bank import SoundBank, load_bank
from offline.synthesis.surroundings.kinds import SURROUNDINGS, surroundings

SHARED = Path(__file__).parents[2] / "shared" / "data"
MONO = AudioFormat(sample_rate=SOUND_RATE, n_channels=1)
STEREO_48K = AudioFormat(sample_rate=48000, n_channels=2)
BLOCK = 1024
SECONDS = 30
AT_ONCE = (4, 15)  # steps; 15 are a second, in which nothing is told
N_SCENES, HOUR_S, SCENE_S = 80, 3600, 60.0
N_SURROUNDINGS = 30  # of each kind, half an hour
MOVES = (-2.0, -1.0, 0.0, 1.0, 2.0)  # nats, of a curve
UNUSED_SONG = "rubidium"  # `load_bank` keeps it for tests; sodium, potassium and caesium lie under training scenes


def rows(model: Path = SHIPPED) -> Iterator[Row]:
    """All rows of this page; those that need recordings only where they are."""
    yield _cost(model)
    yield _resampled(model)
    yield _whole(model)
    if (SHARED / "sound_events").is_dir():
        yield from told(model)


def told(model: Path = SHIPPED) -> Iterator[Row]:
    """Rows of what is told, how soon, and what is invented."""
    yield from _telling(model)
    yield _distractors(model)
    yield from _inventions(model)
    yield from _surroundings(model)
    yield _performances(model)


def curve(model: Path = SHIPPED) -> Iterator[Row]:
    """Rows of what is told and invented where all limits are moved."""
    scenes = _unheard()
    tuned = decisions_of(Network(model, "crnn")).live
    for nats in MOVES:
        node = SoundDetector(SoundConfig(model=model, decision=moved_limits(tuned, nats)), MONO)
        clips, others = _told(node, scenes), _labelled(node)
        waits = [wait for of in clips.waits_s.values() for wait in of]
        yield Row(
            what=f"limits moved by {nats:+.0f} nats: sounds told",
            ours=f"{len(waits)}, median {1000 * np.median(waits) if waits else np.nan:.0f} ms",
            peer="",
            ratio="",
            agreement=f"an hour {clips.wrong_per_hour:.0f} told wrongly and {clips.retracted_per_hour:.0f} taken back; "
            f"{others.labelled} of {others.files} recordings without a class get a label",
        )


def _noise(audio: AudioFormat) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal((SECONDS * audio.sample_rate, audio.n_channels))).astype(np.float32)


def _streamed(node: SoundDetector, audio: np.ndarray) -> float:
    """CPU seconds of the second time through."""
    for _ in range(2):
        node.reset()
        begin = time.process_time()
        for start in range(0, len(audio), BLOCK):
            node.process(audio[start : start + BLOCK])
    return time.process_time() - begin


class _Eager:
    """The same network in torch, a step at a time, behind torch's own spectra."""

    def __init__(self, model: Crnn) -> None:
        self.model, self.state = model, model.initial_state()
        self.window = torch.hann_window(SOUND_FRAMES.n_fft)
        self.mel = torch.from_numpy(mel_weights(SOUND_FRAMES, LogMelConfig(n_mels=MEL_BANDS)).T.copy())

    def stream(self, audio: np.ndarray) -> np.ndarray:
        """Probabilities (step, class)."""
        padded = torch.from_numpy(np.pad(audio[:, 0], (SOUND_FRAMES.latency, 0)))
        out = []
        for start in range(0, len(audio) - STEP + 1, STEP):
            part = padded[start : start + SOUND_FRAMES.latency + STEP]
            frames = part.unfold(0, SOUND_FRAMES.n_fft, SOUND_FRAMES.hop) * self.window
            mel = torch.log(1e-5 + torch.fft.rfft(frames).abs() @ self.mel)
            logits, self.state = self.model.stream(mel[None], self.state)
            out.append(torch.sigmoid(logits[0]).numpy())
        return np.concatenate(out)


def _cost(model: Path) -> Row:
    audio = _noise(MONO)
    node = SoundDetector(SoundConfig(model=model), MONO)
    ours_s = _streamed(node, audio)
    torch.set_num_threads(1)
    with torch.inference_mode():
        eager = _Eager(crnn_from_onnx(model))
        eager.stream(audio[: 2 * SOUND_RATE])
        eager.state = eager.model.initial_state()
        begin = time.process_time()
        theirs = eager.stream(audio)
        peer_s = time.process_time() - begin
    node.reset()
    rows = SoundProbabilities(node.config, MONO).process(audio)
    ahead = node.probabilities.network.value("look_ahead", int)
    error = np.abs(rows - theirs[ahead : ahead + len(rows)]).max()
    return Row(
        what="sound events, causal, mono 22.05 kHz, each step of 66 ms as it comes",
        ours=f"{1000 * ours_s / SECONDS:.2f} ms CPU a second of audio",
        peer=f"{1000 * peer_s / SECONDS:.2f} ms, torch eager, the same steps",
        ratio=f"{peer_s / ours_s:.1f}",
        agreement=f"probabilities differ by {error:.1g} at most",
    )


def _resampled(model: Path) -> Row:
    seconds = _streamed(SoundDetector(SoundConfig(model=model), STEREO_48K), _noise(STEREO_48K))
    at_once = (_streamed(SoundDetector(SoundConfig(model=model, block=n), MONO), _noise(MONO)) for n in AT_ONCE)
    costs = " and ".join(f"{1000 * cost / SECONDS:.2f}" for cost in at_once)
    return Row(
        what="the same from stereo at 48 kHz",
        ours=f"{1000 * seconds / SECONDS:.2f} ms CPU a second of audio",
        peer="",
        ratio="",
        agreement=f"mono 22.05 kHz by {' and '.join(map(str, AT_ONCE))} steps at once: {costs} ms",
    )


def _whole(model: Path) -> Row:
    mel = log_mel(_noise(MONO)[:, 0])
    network = Network(model, "crnn")
    whole = network.run({"mel": mel})["probability"].copy()
    errors = {}
    for steps in (1, 2, 4, 15, 151):
        network.reset()
        parts = [
            network.run({"mel": mel[i : i + STEP_FRAMES * steps]})["probability"].copy()
            for i in range(0, len(mel), STEP_FRAMES * steps)
        ]
        errors[steps] = np.abs(np.concatenate(parts) - whole).max()
    return Row(
        what="blocks of 1, 2, 4, 15, 151 steps against the whole at once",
        ours=f"differ by {max(errors.values()):.1g} at most",
        peer="",
        ratio="",
        agreement="",
    )


def _unheard() -> dict[str, Scene]:
    """Scenes of sources that nothing was trained on."""
    bank = load_bank(SHARED / "sound_events", SOUND_RATE, "test")
    mixer = SceneMixer(bank, alarm_families("test"), SceneMixConfig())
    return {str(index): mixer.scene(17, index) for index in range(N_SCENES)}


def _telling(model: Path) -> Iterator[Row]:
    """What is told of the sounds in scenes, how soon, and how near that is to what is found in files."""
    node, scenes = SoundDetector(SoundConfig(model=model), MONO), _unheard()
    clips = _told(node, scenes)
    yield _share(clips)
    yield _wait(clips, node)
    yield Row(
        what="told while it does not sound, in an hour of those scenes",
        ours=f"{clips.wrong_per_hour:.0f}",
        peer="",
        ratio="",
        agreement=f"{clips.retracted_per_hour:.0f} more told and taken back",
    )
    yield _files_and_live(scenes, clips, node.classes)


def _told(node: SoundDetector, scenes: dict[str, Scene]) -> TellingOfClips:
    clips = TellingOfClips()
    for name, scene in scenes.items():
        clips.add(name, scene.events, detect_streaming(node, scene.audio[:, None]), SOUND_RATE, len(scene.audio))
    return clips


def _share(clips: TellingOfClips) -> Row:
    number = Counter(event.label for events in clips.reference.values() for event in events)
    n_told = {label: len(clips.waits_s.get(label, ())) for label in number}
    return Row(
        what=f"sounds told live, {number.total()} sounds in {N_SCENES} scenes of unheard sources",
        ours=f"{sum(n_told.values())}, {100 * sum(n_told.values()) / number.total():.0f} %",
        peer="",
        ratio="",
        agreement=", ".join(f"{label} {n_told[label]} of {n}" for label, n in sorted(number.items())),
    )


def _wait(clips: TellingOfClips, node: SoundDetector) -> Row:
    waits = [wait for of in clips.waits_s.values() for wait in of]
    low, median, high = np.percentile(waits, [25, 50, 75]) * 1000 if waits else [np.nan] * 3
    return Row(
        what="from the start of such a sound to its event",
        ours=f"median {median:.0f} ms",
        peer="",
        ratio="",
        agreement=f"quartiles {low:.0f} and {high:.0f} ms; "
        f"declared at most {1000 * node.latency / SOUND_RATE:.0f} ms from the step that is told",
    )


def _files_and_live(scenes: dict[str, Scene], clips: TellingOfClips, classes: tuple[str, ...]) -> Row:
    live = evaluate_sound_events(clips.reference, clips.estimate, classes)
    files = _found_in_files(scenes)
    return Row(
        what="the same scenes as files, and live: clip, segment and event F1",
        ours=f"{_f1(files)} as files; {_f1(live)} live",
        peer="",
        ratio="",
        agreement="live clips by the events that stood",
    )


def _found_in_files(scenes: dict[str, Scene]) -> dict[str, float]:
    network = Network(SHIPPED_FOR_FILES, "crnn")
    classes, decisions = class_names(network), decisions_of(network)
    steps = np.stack([mel_probabilities(network, log_mel(scene.audio)) for scene in scenes.values()])
    found = detect(list(scenes), steps, classes, decisions.whole)
    tags = tag(list(scenes), steps, classes, decisions.tags)
    return evaluate_sound_events({name: scene.events for name, scene in scenes.items()}, found, classes, tags)


def _f1(metrics: dict[str, float]) -> str:
    return " ".join(f"{metrics[name]:.2f}" for name in ("clip_f1", "segment_f1", "event_f1"))


def _inventions(model: Path) -> Iterator[Row]:
    """An hour each of what lies in the background, at random levels, in which none of the classes sounds."""
    bank = load_bank(SHARED / "sound_events", SOUND_RATE, "test")
    grounds = bank.parts["_background"]
    kinds = {
        "rain and sea": {name: of for name, of in grounds.items() if name.removeprefix("freesound-").isdecimal()},
        "fridge": {name: of for name, of in grounds.items() if "frigo" in name},
        "music without its voice": {UNUSED_SONG: [_song(UNUSED_SONG, voice=False)]},
        "music": {UNUSED_SONG: [_song(UNUSED_SONG, voice=True)]},
    }
    node = SoundDetector(SoundConfig(model=model), MONO)
    for kind, parts in kinds.items():
        if not parts:
            continue
        mixer = SceneMixer(
            SoundBank(SOUND_RATE, {"_background": parts}),
            (),
            SceneMixConfig(n_events=(0, 0), seconds=SCENE_S, p_band=0.0, labels=("none",)),
        )
        found: list[Sound] = []
        for index in range(int(HOUR_S / SCENE_S)):
            found += detect_streaming(node, mixer.scene(5, index).audio[:, None])
        labels = sorted({e.label for e in found}, key=lambda label: -sum(e.label == label for e in found))
        yield Row(
            what=f"events invented in an hour of {kind}",
            ours=f"{false_alarms_per_hour(found, HOUR_S):.0f}",
            peer="",
            ratio="",
            agreement=f"{len(parts)} recordings; mostly {', '.join(labels[:3]) or 'nothing'}",
        )


def _surroundings(model: Path) -> Iterator[Row]:
    """What `collaparte data surroundings --which test` writes, which nobody tuned on."""
    node = SoundDetector(SoundConfig(model=model), MONO)
    for kind in SURROUNDINGS:
        counted = KindOfSound()
        for number in range(N_SURROUNDINGS):
            rng = np.random.default_rng([23, list(SURROUNDINGS).index(kind), number])
            audio = surroundings(kind, "test", SCENE_S, SOUND_RATE, rng) * 10 ** (rng.uniform(-30, -1) / 20)
            found = detect_streaming(node, audio[:, None].astype(np.float32))
            counted.add(found, {"speech"} if kind == "talk" else set(), SOUND_RATE, len(audio))
        yield _invented(f"an hour of synthesised {kind}", counted)


def _distractors(model: Path) -> Row:
    """Recordings that hold no class, of sources that nothing was trained or tuned on."""
    counted = _labelled(SoundDetector(SoundConfig(model=model), MONO))
    return Row(
        what="recordings that hold no class, and get a label",
        ours=f"{counted.labelled} of {counted.files}",
        peer="",
        ratio="",
        agreement=f"{counted.retracted.total()} labels taken back; mostly {_mostly(counted)}",
    )


def _labelled(node: SoundDetector) -> KindOfSound:
    parts, counted = load_bank(SHARED / "sound_events", SOUND_RATE, "test").parts["_distractor"], KindOfSound()
    for sounds in parts.values():
        audio = np.pad(0.3 * np.concatenate(sounds), SOUND_RATE // 2)[:, None].astype(np.float32)
        counted.add(detect_streaming(node, audio), set(), SOUND_RATE, len(audio))
    return counted


def _performances(model: Path) -> Row:
    listener, counted = LiveListener(SoundConfig(model=model)), KindOfSound()
    for path in sorted((SHARED / "alignment").glob("*/performance.*")):
        events, form, n_samples = listener.listen(path)
        counted.add(events, set(), form.sample_rate, n_samples)
    return _invented("an hour of piano and violin, played by people", counted)


def _invented(what: str, counted: KindOfSound) -> Row:
    return Row(
        what=f"events invented in {what}",
        ours=f"{counted.an_hour(counted.invented):.0f}",
        peer="",
        ratio="",
        agreement=f"{counted.seconds / 3600:.2f} h; {counted.an_hour(counted.retracted):.0f} more told and taken back; "
        f"mostly {_mostly(counted)}",
    )


def _mostly(counted: KindOfSound) -> str:
    return ", ".join(label for label, _ in counted.invented.most_common(3)) or "nothing"


def _song(name: str, *, voice: bool) -> np.ndarray:
    total = sum(
        soundfile.read(path, dtype="float32", always_2d=True)[0].mean(1)
        for path in sorted((SHARED / "stems" / name).glob("*.ogg"))
        if voice or path.stem != "vocals"
    )
    return np.asarray(total[: len(total) // 2 * 2].reshape(-1, 2).mean(1), np.float32)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", default=SHIPPED)
    parser.add_argument("--told", action="store_true", help="only what is told and what is invented")
    parser.add_argument("--curve", action="store_true", help="only what moving all limits would do")
    options = parser.parse_args()
    for row in (curve if options.curve else told if options.told else rows)(options.model):
        print(row, flush=True)


if __name__ == "__main__":
    _main()
