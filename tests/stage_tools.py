"""Programs of others that the tests of the stage talk to."""

from __future__ import annotations

import os
import shutil
import socket

import pytest

__all__ = ["free_udp_port", "needs_tool"]


def needs_tool(name: str, package: str) -> str:
    """The path of a program; the test skips where it is missing, and fails where COLLAPARTE_REQUIRE_STAGE is set."""
    found = shutil.which(name)
    if found is None:
        text = f"{name} is not installed (Debian: apt install {package})"
        pytest.fail(text) if os.environ.get("COLLAPARTE_REQUIRE_STAGE") else pytest.skip(text)
    assert found is not None
    return found


def free_udp_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
