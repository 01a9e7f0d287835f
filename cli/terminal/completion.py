"""Completion of commands, options and names of models by the shell."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from engine.core.config import require_one_of

__all__ = [
    "SHELLS",
    "file_separator_names",
    "generator_names",
    "install_completion",
    "live_separator_names",
    "separator_names",
    "sound_detector_names",
]

SHELLS = ("bash", "zsh", "fish")


def separator_names() -> Collection[str]:
    """The networks that separate."""
    from offline.separation.presets import SEPARATORS

    return SEPARATORS


def live_separator_names() -> Collection[str]:
    """What separates live."""
    return ("hpss", *separator_names())


def file_separator_names() -> Collection[str]:
    """What separates files."""
    return ("hpss", "kam", *separator_names())


def sound_detector_names() -> Collection[str]:
    """The networks that detect sounds."""
    from offline.detection.presets import DETECTORS

    return DETECTORS


def generator_names() -> Collection[str]:
    """The systems that write music."""
    from offline.generation.systems import SYSTEMS

    return SYSTEMS


def install_completion(shell: str, program: str) -> str:
    """Write the shell's completion script where the shell looks for it; return what to tell the user.

    shell: one of SHELLS; empty: the user's own
    """
    shell = shell or Path(os.environ.get("SHELL", "bash")).name
    require_one_of("--install-completion", shell, SHELLS)
    path = _script_path(shell, program)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_script(shell, program), encoding="utf-8")
    return f"{path} written. {_next_step(shell, path)}"


def _script_path(shell: str, program: str) -> Path:
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return {
        "bash": data / "bash-completion/completions" / program,
        "zsh": data / program / f"_{program}",
        "fish": config / "fish/completions" / f"{program}.fish",
    }[shell]


def _script(shell: str, program: str) -> str:
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    variable = f"_{program.upper()}_COMPLETE"
    return str(kind(None, {}, program, variable).source())  # type: ignore[arg-type]


def _next_step(shell: str, path: Path) -> str:
    if shell == "zsh":
        return f"Add this line to ~/.zshrc: source {path}"
    return f"Open a new {shell}" + (", or: source " + str(path) if shell == "bash" else "")
