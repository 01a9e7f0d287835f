"""Let clocks of other programs follow the performer: MIDI clock, MIDI time code, Ableton Link."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.stage.clocks.tick_outlet import TickOutlet, TickPort
    from engine.stage.clocks.ticks import TickScale, clock_ticks, timecode_ticks
else:
    __getattr__ = lazy(__name__)

__all__ = ["TickOutlet", "TickPort", "TickScale", "clock_ticks", "timecode_ticks"]
