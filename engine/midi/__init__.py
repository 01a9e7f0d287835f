"""Send and receive MIDI through JACK and ALSA, with notes that always end, a clock and controllers."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.midi.clock import ClockSender
    from engine.midi.clock_follower import ClockFollower
    from engine.midi.gains import GainKnobs
    from engine.midi.guarded import GuardedPort
    from engine.midi.port import MidiConfig, MidiPort, open_port
    from engine.midi.process import MidiProcess, panic
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "ClockFollower",
    "ClockSender",
    "GainKnobs",
    "GuardedPort",
    "MidiConfig",
    "MidiPort",
    "MidiProcess",
    "open_port",
    "panic",
]
