"""Load and run exported networks."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.inference.network import Network, open_session
    from engine.inference.network_file import NetworkFile, read_network_file
else:
    __getattr__ = lazy(__name__)

__all__ = ["Network", "NetworkFile", "open_session", "read_network_file"]
