"""Where the page is served, for every command that shows one: the address, https, the code for a tablet."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from cli.terminal.report import note
from engine.core.errors import ConfigError, EngineError
from engine.stage.engraving.font import music_font
from engine.stage.server.access import StageRole
from engine.stage.server.addresses import address_code, reachable_hosts
from engine.stage.server.certificate import stage_certificate
from engine.stage.server.routes import static_files
from engine.stage.server.stage_server import LOOPBACK, ServerConfig, StageServer

__all__ = ["PagePlace", "announce_page", "check_page", "page_config", "page_content", "uploads_folder"]

NEEDED = ("aiohttp", "segno", "cryptography", "verovio")


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePlace:
    """Where a page is to be.

    host: address to listen at, None for this machine alone
    port: 0 for any that is free
    tls: https
    browser: open it here
    """

    host: str | None
    port: int
    tls: bool = False
    browser: bool = True


def check_page(place: PagePlace) -> None:
    """Say at once what is missing, before anything is opened."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        got = "no " + ", ".join(missing)
        raise ConfigError("stage", expected="the page's packages", got=got, remedy="pip install 'collaparte[stage]'")
    if place.host is not None and not place.host.strip():
        raise ConfigError("--host", expected="an address of this machine", got="nothing", remedy="--host 0.0.0.0")


def page_config(place: PagePlace, mode: str) -> ServerConfig:
    """The settings of the server, with its certificate where https is asked for."""
    host, tls = place.host or LOOPBACK, None
    if place.tls:
        certificate = stage_certificate(reachable_hosts(host))
        note(f"certificate {certificate.certificate}, SHA-256 {certificate.fingerprint}")
        note("a browser warns of it once; to have none, and to keep a tablet awake, install this file there as trusted")
        tls = certificate.context()
    return ServerConfig(host=host, port=place.port, tls=tls, mode=mode)


def page_content() -> dict[str, tuple[bytes, str]]:
    """The files of the page, with the font of music where it is installed."""
    static = static_files()
    with contextlib.suppress(EngineError):
        static["leipzig.woff2"] = (music_font(), "font/woff2")
    return static


@contextmanager
def uploads_folder() -> Iterator[str]:
    """A folder for uploads that goes with the command."""
    folder = tempfile.mkdtemp(prefix="collaparte-stage-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def announce_page(place: PagePlace, server: StageServer) -> None:
    """Say where the page is, and open it here."""
    if place.host is None:
        here = server.address(LOOPBACK)
        print(f"page: {here}", flush=True)
    else:
        hosts = reachable_hosts(place.host)
        here = server.address(hosts[0], StageRole.CONTROLLER)
        print(address_code(here), end="")
        for host in hosts:
            print(f"page, to control: {server.address(host, StageRole.CONTROLLER)}")
        print(f"page, to look on: {server.address(hosts[0], StageRole.VIEWER)}", flush=True)
        if not place.tls:
            note("over http a tablet may fall asleep at the stand: --tls helps")
    if place.browser and _has_screen():
        threading.Thread(target=webbrowser.open, args=(here,), daemon=True, name="browser").start()


def _has_screen() -> bool:
    return os.name == "nt" or os.uname().sysname == "Darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
