"""The doctor tells what is there and what is missing, with a remedy for it."""

from __future__ import annotations

import subprocess

import pytest

from cli.live import checks as doctor_checks
from cli.live.checks import Check
from tests.jack_server import JackServer


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


def test_broken_kernels_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "WARM", "raise SystemExit('no compiler here')")
    cache = doctor_checks.check_cache()
    assert not cache.ok and cache.needed and "no compiler here" in cache.detail and cache.remedy


def test_examine_says_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Check(name="a", ok=True, detail="here"), Check(name="b", ok=False, detail="gone", remedy="get it")]
    monkeypatch.setattr(doctor_checks, "checks", lambda: iter(found))
    lines: list[str] = []
    assert doctor_checks.examine(lines.append)
    assert lines == ["ok      a: here", "-       b: gone\n        get it"]
    found.append(Check(name="c", ok=False, detail="broken", needed=True))
    assert not doctor_checks.examine(lines.append)
