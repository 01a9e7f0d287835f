"""Post events to a web server as JSON, one object each: sounds, states of the follower, and cues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.core.errors import ConfigError
from engine.core.events import Cue, Event, Sound, State, to_line
from engine.realtime.device_clock import DeviceClock
from engine.realtime.session_types import SessionStatus
from engine.stage.outward.http_request import send_request
from engine.stage.outward.worker import Patience, Worker

__all__ = ["POSTED", "PostOutlet"]

POSTED = (Sound, State, Cue)
HEADERS = {"Content-Type": "application/json"}


class PostOutlet:
    """An outlet that posts each event as its JSON line; see `Worker` for how patiently.

    sample_rate: of the session, Hz
    """

    def __init__(
        self, url: str, sample_rate: int, say: Callable[[str], None], patience: Patience | None = None
    ) -> None:
        if not url.startswith(("http://", "https://")) or not all(32 < ord(each) < 127 for each in url):
            raise ConfigError("--post", expected="a URL of http:// or https://", got=repr(url))
        self.url, self._rate = url, sample_rate
        self._said: State | None = None  # the last state
        self._worker = Worker("post", patience or Patience(), say)

    @property
    def trouble(self) -> str:
        """Return whether the server does not answer, and how much waits."""
        return self._worker.trouble

    def take(self, event: Event, clock: DeviceClock | None) -> None:
        """Take an event; what is posted waits in a bounded queue."""
        if isinstance(event, POSTED) and self._is_news(event):
            data = to_line(event, self._rate).encode()
            self._worker.put(f"--post {self.url}", lambda: send_request(self.url, "POST", data, HEADERS))

    def _is_news(self, event: Event) -> bool:
        """Return whether an event says more than other places where the music may be."""
        if not isinstance(event, State):
            return True
        said, before = replace(event, at=0, emitted_at=0, perhaps=()), self._said
        self._said = said
        return said != before

    def look(self, status: SessionStatus) -> None:
        """Ignore it."""

    def close(self) -> None:
        """Send what waits, as far as that is quick."""
        self._worker.close()
