"""Send where the music is as OSC messages, and take controls from them."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.stage.osc.packing import OscLayout, osc_message
    from engine.stage.osc.receiver import OscReceiver
    from engine.stage.osc.sender import OscSender
    from engine.stage.osc.target import OscTarget
else:
    __getattr__ = lazy(__name__)

__all__ = ["OscLayout", "OscReceiver", "OscSender", "OscTarget", "osc_message"]
