"""Send one HTTP request; whatever goes wrong is an OSError in one line."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping

__all__ = ["REQUEST_S", "send_request"]

REQUEST_S = 5.0  # until a server counts as silent


def send_request(url: str, method: str, data: bytes | None, headers: Mapping[str, str]) -> None:
    """Send a request and read its answer; OSError if none comes, or one that is no success (2xx)."""
    request = urllib.request.Request(url, data=data, headers=dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_S) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise OSError(_reason(error.reason)) from error
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def _reason(reason: object) -> str:
    return str(getattr(reason, "strerror", "") or reason)
