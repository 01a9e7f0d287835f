"""Where the page can be reached: addresses of this machine, and a code that a tablet reads."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import socket
from functools import cache

from engine.core.errors import ConfigError

try:
    import segno
except ImportError:  # the extra stage is not installed
    segno = None  # type: ignore[assignment]

__all__ = ["address_code", "reachable_hosts"]

ANYWHERE = ("10.255.255.255", "192.0.2.1")  # where nothing is sent: only the way there is looked up


def reachable_hosts(host: str) -> list[str]:
    """Return the addresses at which other devices reach a server that listens at `host`, the likeliest first."""
    try:
        given = ipaddress.ip_address(host)
    except ValueError:
        return [host]
    return _own_addresses() if given.is_unspecified else [host]


@cache
def _own_addresses() -> list[str]:
    found = [_way_out(there) for there in ANYWHERE]
    with contextlib.suppress(OSError):  # a machine need not know its own name
        found += [str(row[4][0]) for row in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    ordered = [each for each in dict.fromkeys(found) if each and not ipaddress.ip_address(each).is_loopback]
    return ordered or ["127.0.0.1"]


def _way_out(there: str) -> str:
    """Return the own address from which a packet there would leave; empty if there is no way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((there, 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def address_code(address: str) -> str:
    """Return an address as a QR code of text lines, for a terminal."""
    if segno is None:
        raise ConfigError("--host", expected="the package segno", got="none", remedy="pip install 'collaparte[stage]'")
    lines = io.StringIO()
    segno.make(address, micro=False).terminal(out=lines, compact=True)
    return lines.getvalue()
