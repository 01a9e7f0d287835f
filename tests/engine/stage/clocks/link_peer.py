"""A second member of an Ableton Link session, by another library than ours, in a process of its own.

`python -m tests.engine.stage.clocks.link_peer SECONDS [BPM]` prints "ready", then JSON lines [monotonic seconds, beat,
tempo, peers, playing] every 10 ms. With a tempo it begins with that.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import warnings

from aalink import Link

EVERY_S = 0.01


async def main(seconds: float, bpm: float) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # of the loop, which versions before want
    link = Link(bpm, asyncio.get_running_loop())
    link.start_stop_sync_enabled = True
    link.quantum = 4
    link.enabled = True
    print("ready", flush=True)
    end_s = time.monotonic() + seconds
    while (begun_s := time.monotonic()) < end_s:
        beat = link.beat
        now_s = (begun_s + time.monotonic()) / 2
        print(json.dumps([now_s, beat, link.tempo, link.num_peers, link.playing]), flush=True)
        await asyncio.sleep(EVERY_S)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 120.0))
