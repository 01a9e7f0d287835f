"""What this machine has for live sound, what is missing, and how to get it; warms the cache of compiled kernels."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from engine.audio.callback import context
from engine.audio.devices import list_devices
from engine.audio.soundfont import find_soundfont
from engine.core.errors import DeviceError
from engine.core.format import AudioFormat, FrameFormat
from engine.core.ring import private_ring
from engine.core.thread_priority import raise_priority
from engine.dsp.resample import ResampleConfig, Resampler
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.realtime.processing_thread import Rings
from engine.realtime.warm import rehearse, warm
from engine.score.score import make_score
from engine.separation.hpss import TUNED
from engine.separation.mask_network import apply_masks, magnitudes
from engine.separation.wiener import Wiener, WienerConfig

__all__ = ["Check", "checks", "examine", "warm_cache"]

READY_S = 2.0  # CPU seconds in which an engine process with a warm cache has to be ready
CHILD_TIMEOUT_S = 600  # a slow machine compiles for minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at; needed: whether nothing works without it; remedy: empty if ok."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = False


def examine(say: Callable[[str], object]) -> bool:
    """Say the result of every check, a line each; return whether all that is needed is there."""
    good = True
    for check in checks():
        mark = "ok     " if check.ok else "missing" if check.needed else "-      "
        say(f"{mark} {check.name}: {check.detail}" + (f"\n        {check.remedy}" if check.remedy else ""))
        good &= check.ok or not check.needed
    return good


def checks() -> Iterator[Check]:
    """All checks in turn; each takes up to seconds, the last one minutes where nothing has been compiled yet."""
    portaudio, jack = check_portaudio(), check_jack()
    yield portaudio
    yield jack
    either = portaudio.ok or jack.ok
    detail = "a way to hear and be heard" if either else "no device on PortAudio or JACK: files only"
    yield Check(name="live sound", ok=either, detail=detail, remedy="" if either else "see above")
    yield check_midi()
    yield check_fluidsynth()
    yield check_scheduling()
    yield check_cache()


def _install(debian: str, macos: str) -> str:
    """The command that installs it here."""
    return f"brew install {macos}" if platform.system() == "Darwin" else f"sudo apt install {debian}"


def check_portaudio() -> Check:
    """PortAudio, its library and devices."""
    try:
        devices = list_devices("portaudio")
    except DeviceError as error:
        remedy = f"{_install('libportaudio2', 'portaudio')}; pip install 'collaparte[live]'"
        return Check(name="PortAudio", ok=False, detail=str(error), remedy=remedy)
    names = ", ".join(f"{device.name} ({device.n_inputs} in, {device.n_outputs} out)" for device in devices)
    remedy = "" if devices else "plug in a sound card, or start a sound server: PipeWire, PulseAudio or JACK"
    return Check(
        name="PortAudio", ok=bool(devices), detail=names or "its library is here, but no device", remedy=remedy
    )


def check_jack() -> Check:
    """JACK, its library and server."""
    try:
        devices = list_devices("jack")
    except DeviceError as error:
        start = "start a server, for example: jackd -d alsa"
        library = f"{_install('jackd2', 'jack')}; pip install 'collaparte[live]'"
        no_server = "server" in error.expected
        detail = "its library is here, but no server runs" if no_server else str(error)
        return Check(name="JACK", ok=False, detail=detail, remedy=start if no_server else library)
    rate = devices[0].sample_rate if devices else 0
    return Check(name="JACK", ok=True, detail=f"a server at {rate} Hz with {', '.join(d.name for d in devices)}")


MIDI = """
import json, rtmidi
print(json.dumps([rtmidi.MidiIn().get_ports(), rtmidi.MidiOut().get_ports()]))
"""


def check_midi() -> Check:
    """rtmidi, which MIDI goes through without JACK."""
    done = subprocess.run([sys.executable, "-c", MIDI], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        detail = (done.stderr.strip().splitlines() or [f"aborted ({done.returncode})"])[-1]
        remedy = "pip install 'collaparte[live]'"
        if "sequencer" in detail or "ALSA" in detail:
            remedy = "load the kernel's sequencer (sudo modprobe snd-seq), or use MIDI through JACK"
        return Check(name="MIDI", ok=False, detail=detail, remedy=remedy)
    inputs, outputs = json.loads(done.stdout.splitlines()[-1])
    detail = f"in: {', '.join(inputs) or 'no port'}; out: {', '.join(outputs) or 'no port'}"
    return Check(name="MIDI", ok=True, detail=detail)


def check_fluidsynth() -> Check:
    """FluidSynth and a soundfont, to hear notes as instruments."""
    program, soundfont = shutil.which("fluidsynth"), find_soundfont()
    lacks = [name for name, there in (("the program", program), ("a soundfont", soundfont)) if not there]
    if lacks:
        remedy = _install("fluidsynth fluid-soundfont-gm", "fluid-synth")
        return Check(name="FluidSynth", ok=False, detail=f"lacks {' and '.join(lacks)}", remedy=remedy)
    return Check(name="FluidSynth", ok=True, detail=f"{program}, {soundfont}")


def check_scheduling(priority: int = 50) -> Check:
    """The right to a real-time priority (SCHED_FIFO); tried in a thread of its own, which ends."""
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(raise_priority(priority)))
    thread.start()
    thread.join()
    ok = answers[0] == "granted"
    remedy = "" if ok else "works without, with more drop-outs on a busy machine"
    return Check(name="real-time priority", ok=ok, detail=f"SCHED_FIFO {priority} {answers[0]}", remedy=remedy)


WARM = "import sys; sys.path[:] = {path!r}; from cli.live.checks import warm_cache; print(warm_cache())"


def check_cache() -> Check:
    """The cache of compiled kernels: fills it, then measures how soon an engine process is ready."""
    try:
        first, second = _warm_child(), _warm_child()
    except subprocess.CalledProcessError as error:
        detail = f"cannot be compiled: {(error.stderr.strip().splitlines() or ['no answer'])[-1]}"
        return Check(name="kernels", ok=False, detail=detail, remedy="pip install -U numba", needed=True)
    ok = second <= READY_S
    detail = f"engine ready in {second:.1f} s CPU" + (
        f", after {first:.0f} s of compiling" if first > 2 * second else ""
    )
    remedy = "" if ok else "the cache beside the program cannot be written: set NUMBA_CACHE_DIR to a folder that can"
    return Check(name="kernels", ok=ok, detail=detail, remedy=remedy)


def _warm_child() -> float:
    """CPU seconds that a fresh process needs for `warm_cache`, from its start."""
    code = WARM.format(path=sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=CHILD_TIMEOUT_S, check=True
    )
    return float(done.stdout.splitlines()[-1])


def warm_cache() -> float:
    """Build and rehearse a pipeline with everything in it; return the CPU seconds of this process until then."""
    audio = AudioFormat(sample_rate=44100, n_channels=2)
    score = make_score("warm", [(quarter, 1, 60 + quarter, 80) for quarter in range(8)])
    pipeline = Pipeline(audio, PipelineConfig(separate=TUNED, score=score))
    into, out_of = (
        Resampler(ResampleConfig(source_rate=a, target_rate=b, n_channels=2))
        for a, b in ((48000, 44100), (44100, 48000))
    )
    rings = Rings(private_ring(1 << 16, 2), private_ring(1 << 16, 2), into, out_of)
    context(np.zeros(64, np.int64), rings.inputs, rings.outputs)
    rehearse(pipeline, rings, warm(pipeline))
    _warm_networks(audio)
    return time.process_time()


def _warm_networks(audio: AudioFormat) -> None:
    """The kernels around networks that separate; the networks themselves are files, and need no compiling."""
    frames = FrameFormat(audio=audio, n_fft=64, hop=16)
    shape = audio.n_channels, frames.n_bins
    spectrum, stems = np.zeros(shape, np.complex64), np.zeros((1, 2, *shape), np.complex64)
    magnitude, masks = np.zeros(shape, np.float32), np.zeros((2, *shape), np.float32)
    scratch = np.zeros((2, frames.n_bins), np.float32)
    magnitudes(spectrum, np.float32(1), spectrum, magnitude)
    apply_masks(spectrum, masks, False, np.float32(1), scratch[0], scratch[1], stems[0])
    Wiener(frames, WienerConfig(), n_targets=2).process(stems)
