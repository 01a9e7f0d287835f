"""A killed process is noticed before it has gone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.core.dying import is_dying


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_killed_process_is_dying_and_a_living_one_is_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not is_dying(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dying(child.pid)
    child.communicate()


def test_no_process_is_not_dying() -> None:
    assert not is_dying(1 << 30)
