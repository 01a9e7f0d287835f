"""What the user of a live session sees: ports, latency and its parts, controllers, then a line that moves."""

from __future__ import annotations

import sys
from pathlib import Path

from cli.terminal.live_line import LiveLine
from engine.audio.devices import Device
from engine.midi.gains import FIRST_CONTROLLER, VIRTUAL, GainKnobs
from engine.realtime.messages import Latency
from engine.realtime.session import SessionConfig, SessionStatus
from engine.separation.config import MaskNetworkConfig

__all__ = ["SessionScreen"]

FALLBACK_HZ = 48000  # of a JACK server without any ports


class SessionScreen:
    """Turns the status of a session into text.

    gain_midi: the MIDI port of the gains, as it was asked for
    """

    def __init__(self, config: SessionConfig, *, gain_midi: str | None = None) -> None:
        silent = config.events_to == "-" and sys.stdout.isatty()  # JSON and a line that moves would mix
        follows = config.pipeline.score is not None
        self.line = LiveLine(config.sample_rate or FALLBACK_HZ, follows=follows, silent=silent)
        self.knobs: GainKnobs | None = None
        self._config, self._gain_midi = config, gain_midi
        self._latency: Latency | None = None
        self._named = False
        for text in describe_ports(config):
            self.line.say(text)

    def show(self, status: SessionStatus, targets: tuple[str, ...]) -> None:
        """Say what is new, and redraw."""
        if status.latency is not None and status.latency != self._latency:
            self._latency = status.latency
            self.line.say(describe_parts(status.latency, self._config))
        elif status.message:
            self.line.say(status.message)
        if targets and not self._named:
            self._named = True
            self._say_controllers(targets)
        while self.knobs is not None and self.knobs.news:
            self.line.say(self.knobs.news.popleft())
        self.line.set_live(status.state, status.level)
        self.line.on_progress(status.now)

    def _say_controllers(self, targets: tuple[str, ...]) -> None:
        if self._gain_midi is None:
            return
        port = "a virtual port, collaparte-gains" if self._gain_midi == VIRTUAL else self._gain_midi
        knobs = ", ".join(f"{FIRST_CONTROLLER + i} {name}" for i, name in enumerate(targets))
        self.line.say(f"gains by MIDI controllers of {port}: {knobs}")


def describe_ports(config: SessionConfig) -> list[str]:
    """Where sound comes from and goes to, and what is written."""
    parts = [f"input {_name(config.source)}"]
    parts += [f"output {_name(config.sink)}"] if config.sink is not None else []
    parts += [f"recording to {config.record_to}"] if config.record_to is not None else []
    parts += [f"events to {config.events_to}"] if config.events_to not in (None, "-") else []
    return [", ".join(parts) + "; ctrl-C ends"]


def _name(end: Device | Path) -> str:
    if isinstance(end, Path):
        return str(end)
    name = f"{end.backend} {end.name}".strip()
    return f"{name} ({end.n_channels} channel{'s' if end.n_channels > 1 else ''})"


def describe_parts(latency: Latency, config: SessionConfig) -> str:
    """What the latency is made of, in milliseconds, and what makes it less."""
    ms = 1000 / latency.sample_rate
    parts = {
        "device": latency.device,
        "rings": latency.rings,
        "resampling": latency.resampling,
        "pipeline": latency.pipeline,
    }
    text = " + ".join(f"{name} {n * ms:.1f}" for name, n in parts.items() if n)
    advice = ", ".join(_advice(latency, config))
    if not latency.total:
        return "no latency: nothing is played"
    return f"latency {latency.total_ms:.1f} ms = {text}" + (f"; lower it by {advice}" if advice else "")


def _advice(latency: Latency, config: SessionConfig) -> list[str]:
    """The options that would lower the latency most, the largest part first."""
    separate, found = config.pipeline.separate, []
    if latency.pipeline and isinstance(separate, MaskNetworkConfig) and "low-latency" not in separate.model.name:
        found.append("--separate unmix-low-latency")
    elif latency.pipeline and getattr(separate, "look_ahead", 0):
        found.append("--look-ahead 0")
    source = config.sink or config.source
    if isinstance(source, Device):
        jack = "a shorter period of the JACK server (jackd -p 128)"
        found.append(jack if source.backend == "jack" else "a shorter block (--block 128)")
    return found if latency.device + latency.rings < latency.pipeline else found[::-1]
