"""Running nodes around exported networks."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.inference.network import Network, open_session
else:
    __getattr__ = lazy(__name__)

__all__ = ["Network", "open_session"]
