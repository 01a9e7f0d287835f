"""Put a session on stage: outlets to other programs, controls from them, and the page."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.stage.outlet import Outlet, fan_out
else:
    __getattr__ = lazy(__name__)

__all__ = ["Outlet", "fan_out"]
