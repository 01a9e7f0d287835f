"""Serve the page to browsers: HTTP, a websocket, and who may do what."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.stage.server.review import StageReview, read_review
    from engine.stage.server.shelf import StageShelf
    from engine.stage.server.stage_server import ServerConfig, StageServer
else:
    __getattr__ = lazy(__name__)

__all__ = ["ServerConfig", "StageReview", "StageServer", "StageShelf", "read_review"]
