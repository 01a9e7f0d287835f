"""`collaparte midi panic`: end every note."""

from __future__ import annotations

from dataclasses import dataclass

from cli.command_list import Entry, LazyGroup
from cli.common import OUTPUT, command, option
from engine.core.config import Settings, choice, plain

__all__ = ["MIDI_BACKENDS", "PanicOptions", "midi_command", "panic_command"]

EXAMPLES = """\
examples:
  collaparte midi panic --to "Synth input"    end every note on every channel of a synthesiser
  collaparte midi panic                       the same for every synthesiser that is there
"""
MIDI_BACKENDS = ("auto", "jack", "rtmidi")
PORT = "name of the virtual MIDI port to open"
TO = "existing MIDI port to send to, instead of a virtual one"
BACKEND = "MIDI system to use; JACK is accurate to the sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class PanicOptions(Settings):
    """Options of `collaparte midi panic`."""

    port: str | None = option(plain(None, "name of our own MIDI port"), metavar="NAME", group=OUTPUT)
    to: str | None = option(
        plain(None, "existing MIDI port to silence (default: all that are there)"), metavar="NAME", group=OUTPUT
    )
    backend: str = option(choice("auto", MIDI_BACKENDS, BACKEND), group=OUTPUT)


@command(PanicOptions, EXAMPLES)
def panic_command(options: PanicOptions) -> int:
    """All notes off, all sound off, sustain off."""
    from engine.midi.port import MidiConfig
    from engine.midi.process import panic

    name = options.port or "collaparte"
    reached = panic(MidiConfig(name=name, to=options.to, backend=options.backend, listen=False))
    print(f"ended every note on 16 channels of {', '.join(reached)}")
    return 0


midi_command = LazyGroup(
    {"panic": Entry("All notes off, all sound off, sustain off, on 16 channels.", lambda: panic_command)},
    name="midi",
    epilog=EXAMPLES,
)
