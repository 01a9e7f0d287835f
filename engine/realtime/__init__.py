"""Run the pipeline live in an engine process: callback rings, a processing thread and a pipe to the main process."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.realtime.messages import Latency
    from engine.realtime.session import Session
    from engine.realtime.session_types import Counts, SessionConfig, SessionReport, SessionStatus
    from engine.realtime.states import SessionEnd, SessionState
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "Counts",
    "Latency",
    "Session",
    "SessionConfig",
    "SessionEnd",
    "SessionReport",
    "SessionState",
    "SessionStatus",
]
