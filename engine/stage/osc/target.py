"""Read where OSC messages go to, and of which kind they are: `HOST:PORT` or `PRESET:HOST:PORT`."""

from __future__ import annotations

import socket
from typing import Any, NamedTuple

from engine.core.errors import ConfigError

__all__ = ["OSC_PRESETS", "OscTarget", "udp_address"]

# Addresses and arguments by the program that listens; each with the port that it listens on by itself, if it has one.
OSC_PRESETS: dict[str, int | None] = {"collaparte": None, "qlab": 53_000, "touchosc": None, "antescofo": 5678}
LAST_PORT = 65_535
LOOPBACK = "127.0.0.1"


class OscTarget(NamedTuple):
    """A program that listens.

    preset: one of OSC_PRESETS
    family: of the socket
    address: as the socket wants it
    """

    preset: str
    family: int
    address: Any

    @classmethod
    def read(cls, text: str) -> OscTarget:
        """Return what a text names; ConfigError for what cannot be read, and for a host that is not known."""
        head, _, rest = text.partition(":")
        preset, place = (head, rest) if head in OSC_PRESETS else ("collaparte", text)
        host, port = _host_and_port(text, place, OSC_PRESETS[preset])
        family, address = _resolved(f"--osc {text}", host, port)
        return cls(preset, family, address)


def udp_address(place: str) -> tuple[int, Any]:
    """Return family and address to listen on for [HOST:]PORT; without a host this machine alone is heard."""
    host, colon, port = place.rpartition(":")
    number = 0 if port == "0" else _port_number("--osc-in", port, place)
    return _resolved(f"--osc-in {place}", host.strip("[]") if colon else LOOPBACK, number)


def _resolved(where: str, host: str, port: int) -> tuple[int, Any]:
    """Return family and address of a host; ConfigError if it is not known."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise ConfigError(where, expected="a host that can be found", got=f"{host!r}: {error}") from None
    return found[0][0], found[0][4]


def _host_and_port(text: str, place: str, usual: int | None) -> tuple[str, int]:
    host, colon, port = place.rpartition(":")
    if usual is not None and (not colon or place.endswith("]")):
        host, port = place, str(usual)
    if not host.strip("[]") or (":" in host and not host.startswith("[")):
        presets = ", ".join(OSC_PRESETS)
        expected = "HOST:PORT or PRESET:HOST:PORT"
        raise ConfigError("--osc", expected=expected, got=repr(text), remedy=f"PRESET is one of {presets}")
    return host.strip("[]"), _port_number("--osc", port, text)


def _port_number(where: str, port: str, text: str) -> int:
    """Return the number of a port, 1 to 65535; ConfigError for anything else in the text."""
    if not port.isdecimal() or not 1 <= int(port) <= LAST_PORT:
        raise ConfigError(where, expected=f"a port from 1 to {LAST_PORT}", got=repr(text))
    return int(port)
