"""A picture of the page at work: the real command over the demo's performance, in a real browser without a screen."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engine.core.errors import ConfigError

__all__ = ["picture_page"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SIZE = {"width": 820, "height": 1180, "deviceScaleFactor": 1, "mobile": False}
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
FOLLOWING = "document.querySelectorAll('.page.shown .note').length > 0 && document.body.innerText.includes('Following')"
START_S, FOLLOW_S, END_S = 60.0, 180.0, 5.0  # seconds that each may take on a busy machine
LOOK_S = 0.1
PLAYED_S = 6.0  # of following, before the picture is taken


def picture_page(score: Path, take: Path, picture: Path) -> str:
    """Show a take of a score on the page, and keep a picture; return what is missing here for that, if anything is."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    lacks = ["'collaparte[stage]'"] * any(find_spec(name) is None for name in ("aiohttp", "verovio", "segno"))
    lacks += ["chromium"] * (browser is None)
    if lacks or browser is None:
        return f"no picture of the page, which needs {' and '.join(lacks)}"
    with _stage(score, take) as address, _opened(browser) as port:
        picture.write_bytes(asyncio.run(_seen(address, port)))
    return ""


@contextmanager
def _stage(score: Path, take: Path) -> Iterator[str]:
    """Run the command in a process of its own; yield the address of its page."""
    words = ["stage", str(score), "--input", str(take), "--port", "0", "--no-browser"]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=paths
    ) as process:
        try:
            assert process.stdout is not None
            found = next((found for line in process.stdout if (found := re.search(r"https?://\S+", line))), None)
            if found is None:
                raise ConfigError("collaparte stage", expected="an address", got="none")
            yield found[0]
        finally:
            _end(process, signal.SIGINT)


@contextmanager
def _opened(browser: str) -> Iterator[int]:
    """Run a browser; yield the port at which it is told what to do."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = [browser, *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                yield _port_of(Path(profile, "DevToolsActivePort"))
            finally:
                _end(process, signal.SIGTERM)


def _port_of(file: Path) -> int:
    limit = time.monotonic() + START_S
    while not (file.exists() and (lines := file.read_text().splitlines())):
        if time.monotonic() > limit:
            raise ConfigError("browser", expected=f"a start within {START_S:g} s", got="none")
        time.sleep(LOOK_S)
    return int(lines[0])


def _end(process: subprocess.Popen[Any], by: signal.Signals) -> None:
    process.send_signal(by)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()


async def _seen(address: str, port: int) -> bytes:
    """Return what the browser shows a few seconds after the performance is followed, PNG."""
    import aiohttp  # the extra stage

    async with aiohttp.ClientSession() as client:
        async with client.put(f"http://127.0.0.1:{port}/json/new?{address}") as answer:
            target = json.loads(await answer.text())["webSocketDebuggerUrl"]
        async with client.ws_connect(target, max_msg_size=0) as tab:
            ask = _Tab(tab)
            await ask("Emulation.setDeviceMetricsOverride", **SIZE)
            limit = time.monotonic() + FOLLOW_S
            while not (await ask("Runtime.evaluate", expression=FOLLOWING))["result"].get("value"):
                if time.monotonic() > limit:
                    raise ConfigError("page", expected=f"to follow within {FOLLOW_S:g} s", got="nothing")
                await asyncio.sleep(LOOK_S)
            await asyncio.sleep(PLAYED_S)
            return base64.b64decode((await ask("Page.captureScreenshot", format="png"))["data"])


class _Tab:
    """Ask a tab of the browser by its debugging protocol."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._n = socket, 0

    async def __call__(self, method: str, **parameters: Any) -> Any:
        self._n += 1
        await self._socket.send_json({"id": self._n, "method": method, "params": parameters})
        while (answer := await self._socket.receive_json(timeout=START_S)).get("id") != self._n:
            pass  # what the tab tells unasked
        return answer["result"]
