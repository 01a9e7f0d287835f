"""Other members of the Ableton Link session: `python -m tests.soak.band`.

One is there all the time. `guests N` on the input: N more come and go again after STAY_S. Prints JSON lines:
{"beat": t, "peers": n, "bpm": tempo} once a second, {"left": N} when guests have gone.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import warnings
from typing import Any

from aalink import Link

STAY_S, TELL_S = 3.0, 1.0
BPM = 120.0


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def member(loop: asyncio.AbstractEventLoop) -> Link:
    """Join."""
    link = Link(BPM, loop)
    link.start_stop_sync_enabled = True
    link.enabled = True
    return link


async def stay(loop: asyncio.AbstractEventLoop) -> None:
    """Be a member for ever, and tell what the session does."""
    link, beat = member(loop), 0.0
    while True:
        await asyncio.sleep(TELL_S)
        if link.num_peers and link.beat != beat:
            beat = link.beat
            say(beat=time.monotonic(), peers=link.num_peers, bpm=link.tempo)


async def visit(loop: asyncio.AbstractEventLoop, n: int) -> None:
    """Come, and go without asking anybody."""
    guests = [member(loop) for _ in range(n)]
    await asyncio.sleep(STAY_S)
    for guest in guests:
        guest.enabled = False
    say(left=n)


async def main() -> None:
    """Take orders until the input ends."""
    warnings.simplefilter("ignore", DeprecationWarning)  # of the loop, which versions before want
    loop = asyncio.get_running_loop()
    tasks = {asyncio.create_task(stay(loop))}
    while word := (await loop.run_in_executor(None, sys.stdin.readline)).split():
        tasks.add(asyncio.create_task(visit(loop, int(word[1]))))


if __name__ == "__main__":
    asyncio.run(main())
