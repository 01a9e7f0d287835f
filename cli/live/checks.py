"""What this machine has for live sound, what is missing, and how to get it."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cli.live.engine_start import KernelStart, is_writable, start_engine
from engine.audio.devices import list_devices
from engine.audio.soundfont import find_soundfont
from engine.core.errors import DeviceError
from engine.core.thread_priority import raise_priority
from engine.midi.port import RTMIDI_REMEDY

__all__ = ["Check", "checks", "examine"]

READY_S = 2.0  # CPU seconds above which a start with all kernels in the cache is called slow
KERNELS = "kernels"
OTHER_FOLDER = "set NUMBA_CACHE_DIR to a folder that can be written"


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
    detail = "devices for input and output" if either else "no device on PortAudio or JACK: files only"
    yield Check(name="live sound", ok=either, detail=detail, remedy="" if either else "see above")
    yield check_midi()
    yield check_fluidsynth()
    yield check_scheduling()
    yield check_kernels()


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
        remedy = RTMIDI_REMEDY
        if "sequencer" in detail or "ALSA" in detail:
            remedy = "load the kernel's sequencer (sudo modprobe snd-seq), or use MIDI through JACK"
        return Check(name="MIDI", ok=False, detail=detail, remedy=remedy)
    inputs, outputs = json.loads(done.stdout.splitlines()[-1])
    detail = f"in: {', '.join(inputs) or 'no port'}; out: {', '.join(outputs) or 'no port'}"
    return Check(name="MIDI", ok=True, detail=detail)


def check_fluidsynth() -> Check:
    """FluidSynth and a soundfont, which play notes with the sounds of instruments."""
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


def check_kernels(start: Callable[[], KernelStart] = start_engine) -> Check:
    """Start the engine twice: the first start compiles what is missing, the second has to load it from the cache."""
    try:
        first, second = start(), start()
    except subprocess.CalledProcessError as error:
        return _not_compiled((error.stderr.strip().splitlines() or ["no answer"])[-1])
    except subprocess.TimeoutExpired as error:
        return _not_compiled(f"no engine is ready after {error.timeout:g} s")
    if second.n_compiled:
        return _compiled_again(second)
    slow = f": slow, for more than {READY_S:g} s," if second.seconds > READY_S else ","
    detail = f"engine ready in {second.seconds:.1f} s CPU{slow} all kernels loaded from {second.used}"
    if first.n_compiled:
        detail += f"; {first.n_compiled} compiled before, in {first.seconds:.0f} s"
    if second.used != second.wanted and second.wanted and not is_writable(second.wanted):
        return Check(name=KERNELS, ok=False, detail=f"{detail}; {second.wanted} cannot be written", remedy=OTHER_FOLDER)
    return Check(name=KERNELS, ok=True, detail=detail)


def _not_compiled(reason: str) -> Check:
    """The result where an engine process does not start."""
    if "no locator available" in reason:  # numba found no folder for its cache
        detail = "no folder for compiled kernels can be written"
        return Check(name=KERNELS, ok=False, detail=detail, remedy=OTHER_FOLDER, needed=True)
    remedy = "try again when the machine is less busy; if it stays, pip install -U numba"
    return Check(name=KERNELS, ok=False, detail=f"cannot be compiled: {reason}", remedy=remedy, needed=True)


def _compiled_again(start: KernelStart) -> Check:
    """The result where kernels are compiled at every start."""
    detail = f"{start.n_compiled} kernels are compiled at every start, which takes {start.seconds:.0f} s CPU"
    if is_writable(start.used):
        remedy = f"delete {start.used}, then: collaparte doctor"
        return Check(name=KERNELS, ok=False, detail=f"{detail}, though {start.used} can be written", remedy=remedy)
    return Check(name=KERNELS, ok=False, detail=f"{detail}: {start.used} cannot be written", remedy=OTHER_FOLDER)
