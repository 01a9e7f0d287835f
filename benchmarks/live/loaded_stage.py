"""`collaparte stage` in a process whose Python is busy: `python -m benchmarks.live.loaded_stage ARGUMENT...`.

The load is that of `benchmarks.live.load`: a thread that never rests and makes garbage amid 300,000 live objects.
"""

from __future__ import annotations

import sys

from benchmarks.live.load import Hog
from cli.__main__ import leave
from cli.app import main

if __name__ == "__main__":
    hog = Hog()
    hog.start()
    status = main(["stage", *sys.argv[1:]])
    hog.running = False
    leave(status)
