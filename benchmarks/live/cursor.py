"""How far the cursor of the real page is behind the sound, with the real command over the demo's performance."""

from __future__ import annotations

import asyncio
import csv
import json
import threading
import time
from pathlib import Path
from typing import NamedTuple

import aiohttp
import numpy as np

from tests.cli.live.staged import staged
from tests.engine.stage.page.browser import chromium

__all__ = ["CursorLag", "cursor_lag"]

SAMPLE = """(async () => {
  const {score} = await import('/static/js/score/score.js');
  const seen = window.seen = [];
  const look = () => {
    seen.push([performance.timeOrigin + performance.now(), score.quarter]);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()"""
FIRST_START_S = 1200.0  # which compiles kernels for the processor
STEP = 0.5  # quarters that the cursor may go back in one frame: more is a jump


class CursorLag(NamedTuple):
    """What was measured.

    lag_s: (onset) from its sound to the cursor on it, seconds
    heard_s: the same until the follower's own position is told
    frames_per_s: frames a second
    back: how often the cursor went back without a jump
    """

    lag_s: np.ndarray
    heard_s: np.ndarray
    frames_per_s: float
    back: int


def cursor_lag(folder: Path, seconds: float) -> CursorLag:
    """Measure for so many seconds; folder: of a demo."""
    with staged(folder / "score.musicxml", "--input", folder / "performance.wav") as stage, chromium() as browser:
        told: list[tuple[float, dict[str, float]]] = []
        ending = threading.Event()
        listener = threading.Thread(target=lambda: asyncio.run(_listen(stage.base, told, ending)))
        browser.open(stage.base)
        browser.ready()
        listener.start()
        browser.js(f"{SAMPLE} && true")
        browser.until("document.body.innerText.includes('Following')", patience_s=FIRST_START_S)
        time.sleep(seconds)
        seen = np.array([row for row in browser.js("window.seen") if row[1] is not None], dtype=float)
        ending.set()
        listener.join()
    return _measured(seen, told, _truth(folder))


async def _listen(base: str, told: list[tuple[float, dict[str, float]]], ending: threading.Event) -> None:
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{base}/ws", headers={"Origin": base}) as page:
        async for message in page:
            told.append((time.time(), json.loads(message.data)))
            if ending.is_set():
                return


def _truth(folder: Path) -> np.ndarray:
    """Rows (quarter, second) of the onsets."""
    with open(folder / "truth.csv", newline="") as file:
        return np.array([(float(row["quarter"]), float(row["audio_s"])) for row in csv.DictReader(file)])


def _measured(seen: np.ndarray, told: list[tuple[float, dict[str, float]]], truth: np.ndarray) -> CursorLag:
    begun_s = min(at_s - body["seconds"] for at_s, body in told if body["t"] == "status" and body["state"] == "running")
    at_s, quarter = seen[:, 0] / 1000, seen[:, 1]
    positions = np.array([(at_s, body["q"]) for at_s, body in told if body["t"] == "pos"])
    last = min(quarter.max(), positions[:, 1].max())
    onsets = truth[(truth[:, 0] > 2) & (truth[:, 0] < last - 1)]
    crossing = np.array([at_s[np.argmax(quarter >= place - 1e-3)] for place, _ in onsets])
    heard = np.array([positions[np.argmax(positions[:, 1] >= place - 1e-3), 0] for place, _ in onsets])
    steps = np.diff(quarter)
    playing = at_s[-1] - at_s[0]
    return CursorLag(
        lag_s=crossing - begun_s - onsets[:, 1],
        heard_s=heard - begun_s - onsets[:, 1],
        frames_per_s=len(seen) / playing,
        back=int(((steps < -1e-6) & (steps > -STEP)).sum()),
    )
