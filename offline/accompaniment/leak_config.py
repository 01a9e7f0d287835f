"""Settings of a loudspeaker that the microphone picks up; light to import, since `--help` reads them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import Settings, ranged

__all__ = ["LeakConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakConfig(Settings):
    """A loudspeaker that the soloist's microphone picks up."""

    leak: float | None = ranged(
        None, -100, 40, "let the accompaniment come back into the microphone, so loud against the solo", unit="dB"
    )
    room_s: float = ranged(0.4, 0.05, 5, "reverberation time of the room that it comes back through", unit="s")
