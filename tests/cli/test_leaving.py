"""A process leaves as soon as its command has done everything."""

from __future__ import annotations

import subprocess
import sys

from tests.places import ROOT

CODE = """
import atexit, sys, threading, time
from cli.__main__ import leave
atexit.register(lambda: print("registered"))
threading.Thread(target=lambda: (time.sleep(0.05), print("thread"))).start()
class Slow:
    def __del__(self):
        print("torn down")
kept = Slow()
sys.stdout.write("begun ")
leave(3)
"""


def test_threads_and_what_is_registered_end_and_nothing_is_torn_down() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "begun thread\nregistered\n", "")
