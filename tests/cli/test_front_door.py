"""The list of commands: help, version, completion, what is said to a wrong name, and what a start may cost."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import rich_click as click

from cli.app import COMMANDS, FRONT_DOOR, main
from cli.command_list import LazyGroup

HEAVY = ("numpy", "numba", "torch", "scipy", "matplotlib", "onnxruntime", "soundfile")


def words_of_commands(group: LazyGroup = FRONT_DOOR, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command with the words that lead to it."""
    found = []
    for name in group.entries:
        _, command, _ = group.resolve_command(click.Context(group, info_name="collaparte"), [name])
        words = (*before, name)
        found += [words, *(words_of_commands(command, words) if isinstance(command, LazyGroup) else [])]
    return found


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of a user's mistake."""
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("collaparte: "), lines
    return lines[0]


@pytest.mark.parametrize("words", words_of_commands(), ids=" ".join)
def test_every_command_has_help_with_examples(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Usage: collaparte {' '.join(words)}" in text
    assert re.search(r"^examples:\n  collaparte ", text, re.MULTILINE)


def test_the_list_shows_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"│ {name} ", text) for name in COMMANDS)


def test_no_words_give_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Usage: collaparte" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"collaparte {version('collaparte')}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run --inptu x", "collaparte: No such option --inptu. Did you mean --input?"),
        ("run --xyzzy x", "collaparte: No such option --xyzzy. collaparte run --help explains"),
        ("rnu --input x", "did you mean run?"),
        ("evaluate folow x", "evaluate: expected one of follow, jumps"),
        ("evaluate folow x", "did you mean follow?"),
        ("data mutopai x", "did you mean mutopia?"),
        ("run --input x.wav --features bnads", "did you mean bands?"),
        ("run", "--input: expected FILE|mic|device:NAME|jack, got nothing; collaparte run --help explains"),
        ("run --input", "--input: expected a value, got nothing"),
        ("align score.mid", "AUDIO: expected the recording, got nothing"),
        ("align a b c -o x", "align: Got unexpected extra argument"),
        ("generate", "--model: expected a model, got none; --list shows what there is"),
        ("generate --model Frmes -o x.mid", "did you mean Frames?"),
        ("evaluate generators --data nowhere", "expected a folder with Jsb16thSeparated.json, got no such folder"),
        ("evaluate listening page --data . --models Frames", "a folder without Jsb16thSeparated.json"),
    ],
)
def test_a_mistake_is_answered_by_one_line(words: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert expected in said(capsys, *words.split())


def complete(*words: str) -> list[str]:
    """What bash is offered for the last word, besides file names."""
    command = [sys.executable, "-m", "cli"]
    env: dict[str, Any] = {
        "PATH": "/usr/bin:/bin",
        "_COLLAPARTE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("collaparte", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return [line.removeprefix("plain,") for line in done.stdout.splitlines() if line.startswith("plain,")]


def test_bash_completes_commands_options_and_values() -> None:
    assert complete("sep") == ["separate"]
    assert complete("evaluate", "fo") == ["follow"]
    assert complete("run", "--inp") == ["--input"]
    assert complete("run", "--features", "se") == ["semigram"]


def test_bash_completes_names_of_models() -> None:
    assert complete("separate", "x.wav", "--model", "unmix-l") == ["unmix-low-latency"]
    assert complete("separate", "x.wav", "--model", "k") == ["kam"]
    assert complete("run", "--separate", "hp") == ["hpss"]
    assert complete("tag", "x.wav", "--model", "crnn") == ["crnn", "crnn-files"]
    assert complete("generate", "--model", "Deep") == ["DeepBach", "DeepHear_M", "DeepHear_C"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["--install-completion", shell]) == 0
    path = Path(capsys.readouterr().out.split(" written.")[0])
    assert path.is_relative_to(tmp_path) and "_COLLAPARTE_COMPLETE" in path.read_text()
    if shell == "bash" and shutil.which("bash"):
        assert subprocess.run(["bash", "-n", path], check=False).returncode == 0


def test_an_unknown_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert "expected one of bash, zsh, fish, got 'tcsh'" in said(capsys, "--install-completion", "tcsh")


def test_help_imports_nothing_heavy() -> None:
    words = [list(words) for words in words_of_commands()]
    code = f"import sys; from cli.app import main; [main([*w, '--help']) for w in {[[], *words]!r}]; "
    code += f"sys.exit(', '.join(set({HEAVY!r}) & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
