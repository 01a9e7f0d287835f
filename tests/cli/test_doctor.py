"""The doctor tells what is there and what is missing, with a remedy for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cli.live import checks as doctor_checks
from cli.live import engine_start
from cli.live.checks import Check
from cli.live.engine_start import KernelStart, is_writable, start_engine
from tests.jack_server import JackServer

NOWHERE = "/proc/nowhere"  # where nobody may write
FEW_KERNELS = """
import sys
sys.path[:] = {path!r}
from types import SimpleNamespace
import numpy as np

def warm_kernels():
    from engine.core.ring import n_readable
    n_readable(np.zeros(64, np.int64))
    return n_readable.stats.cache_path

sys.modules["cli.live.warm"] = SimpleNamespace(warm_kernels=warm_kernels)
from cli.live.engine_start import main
main()
"""


@pytest.mark.jack
def test_a_running_server_is_found(server: JackServer) -> None:
    jack, portaudio = doctor_checks.check_jack(), doctor_checks.check_portaudio()
    assert jack.ok and "48000 Hz" in jack.detail and "system" in jack.detail
    assert portaudio.ok and "system (2 in, 2 out)" in portaudio.detail


def test_no_server_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "no-such-server")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    jack = doctor_checks.check_jack()
    assert not jack.ok and jack.remedy


def test_a_missing_program_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    fluidsynth = doctor_checks.check_fluidsynth()
    assert not fluidsynth.ok and "fluidsynth" in fluidsynth.detail + fluidsynth.remedy


def test_scheduling_tells_the_truth() -> None:
    assert doctor_checks.check_scheduling(0).detail.endswith("not asked for")
    granted = subprocess.run(["chrt", "-f", "50", "true"], capture_output=True, check=False).returncode == 0
    assert doctor_checks.check_scheduling().ok == granted


def start(**values: object) -> KernelStart:
    kept = {"seconds": 1.0, "n_compiled": 0, "wanted": "/a/cache", "used": "/a/cache", **values}
    return KernelStart(**kept)  # type: ignore[arg-type]


def check(*starts: KernelStart) -> Check:
    given = iter(starts)
    return doctor_checks.check_kernels(lambda: next(given))


def test_kernels_that_are_loaded_are_fine_however_slow_the_processor() -> None:
    quick, slow = check(start(seconds=70.0, n_compiled=80), start()), check(start(), start(seconds=3.4))
    assert quick.ok and "70 s" in quick.detail and "80 compiled" in quick.detail and "slow" not in quick.detail
    assert slow.ok and "3.4 s CPU: slow" in slow.detail and "loaded from /a/cache" in slow.detail
    assert not quick.remedy and not slow.remedy


def test_kernels_compiled_again_where_the_folder_can_be_written(tmp_path: Path) -> None:
    again = start(seconds=70.0, n_compiled=80, wanted=str(tmp_path), used=str(tmp_path))
    found = check(again, again)
    assert not found.ok and "can be written" in found.detail and f"delete {tmp_path}" in found.remedy


def test_kernels_compiled_again_where_the_folder_cannot_be_written() -> None:
    again = start(n_compiled=80, used=NOWHERE)
    found = check(again, again)
    assert not found.ok and f"{NOWHERE} cannot be written" in found.detail and "NUMBA_CACHE_DIR" in found.remedy


def test_a_folder_that_was_wanted_but_cannot_be_written() -> None:
    found = check(start(wanted=NOWHERE), start(wanted=NOWHERE))
    assert not found.ok and f"{NOWHERE} cannot be written" in found.detail and "NUMBA_CACHE_DIR" in found.remedy
    assert is_writable("/tmp") and not is_writable(NOWHERE)


def test_compiled_kernels_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By numba's events, in processes of their own with an empty folder; few kernels, since all take minutes."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(engine_start, "CHILD", FEW_KERNELS)
    first, second = start_engine(), start_engine()
    assert first.n_compiled > 0 and second.n_compiled == 0
    assert second.used == second.wanted == str(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(2 * engine_start.CHILD_TIMEOUT_S)
def test_the_second_start_loads_all_that_the_first_compiled() -> None:
    first, second = start_engine(), start_engine()
    assert second.n_compiled == 0
    assert first.used == second.used == second.wanted


def test_without_any_folder_for_kernels_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", NOWHERE)
    monkeypatch.setenv("NUMBA_CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    cache = doctor_checks.check_kernels()
    assert not cache.ok and cache.needed and "no folder" in cache.detail and "NUMBA_CACHE_DIR" in cache.remedy


def test_an_engine_that_never_gets_ready_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_start, "CHILD", "import time; time.sleep(60)")
    monkeypatch.setattr(engine_start, "CHILD_TIMEOUT_S", 0.5)
    cache = doctor_checks.check_kernels()
    assert not cache.ok and cache.needed and "no engine is ready after 0.5 s" in cache.detail and cache.remedy


def test_broken_kernels_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_start, "CHILD", "raise SystemExit('no compiler here')")
    cache = doctor_checks.check_kernels()
    assert not cache.ok and cache.needed and "no compiler here" in cache.detail and cache.remedy


def test_examine_says_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Check(name="a", ok=True, detail="here"), Check(name="b", ok=False, detail="gone", remedy="get it")]
    monkeypatch.setattr(doctor_checks, "checks", lambda: iter(found))
    lines: list[str] = []
    assert doctor_checks.examine(lines.append)
    assert lines == ["ok      a: here", "-       b: gone\n        get it"]
    found.append(Check(name="c", ok=False, detail="broken", needed=True))
    assert not doctor_checks.examine(lines.append)
