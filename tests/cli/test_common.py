"""Options made of settings classes, and settings made of what was typed."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest

from cli.common import SettingsCommand, argument, network_file, option, settings_from, spread
from engine.core.config import Settings, choice, plain, ranged
from engine.core.errors import ConfigError


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner(Settings):
    """Nested settings."""

    rate: float = ranged(0.5, 0, 1, "how fast", unit="Hz")
    hops: int = ranged(2, 1, 8, "how many")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer(Settings):
    """One field of every kind."""

    source: Path = argument("SOURCE", "where from")
    output: Path = plain(MISSING, "where to")
    window: int = ranged(5, 1, 9, "frames", odd=True)
    kind: str = choice("one", ("one", "two"), "which")
    way: Literal["up", "down"] = plain("up", "where to")
    colour: Colour = plain(Colour.RED, "what colour")
    fast: bool = plain(False, "at once")
    careful: bool = plain(True, "with care")
    names: tuple[str, ...] = option(plain((), "several"), several=True)
    pair: tuple[int, int] = plain((1, 2), "two numbers")
    seconds: float | None = plain(None, "how long")
    detect: str | None = option(plain(None, "a name or nothing"), bare="own")
    inner: Inner = plain(lambda: Inner(hops=4), "what is inside")
    hidden: int = 3  # not declared: no option


def read(*words: str) -> Outer:
    command = SettingsCommand(Outer, lambda options: 0, "")
    with command.make_context("test", list(words)) as context:
        return settings_from(Outer, context.params)


NEEDED = ("in.wav", "-o", "out.wav")


def test_what_is_not_typed_keeps_its_default() -> None:
    assert read(*NEEDED) == Outer(source=Path("in.wav"), output=Path("out.wav"))
    assert read(*NEEDED).inner == Inner(hops=4)


def test_every_kind_of_field_is_read() -> None:
    words = "--window 7 --kind two --way down --colour blue --fast --no-careful --names a b --pair 3 4 --seconds 2.5"
    options = read(*words.split(), "--rate", "0.25", *NEEDED)
    assert options == Outer(
        source=Path("in.wav"),
        output=Path("out.wav"),
        window=7,
        kind="two",
        way="down",
        colour=Colour.BLUE,
        fast=True,
        careful=False,
        names=("a", "b"),
        pair=(3, 4),
        seconds=2.5,
        inner=Inner(rate=0.25, hops=4),
    )


@pytest.mark.parametrize(
    ("words", "value"), [((), None), (("--detect",), "own"), (("--detect", "x.onnx"), "x.onnx")], ids=str
)
def test_a_value_may_be_left_out(words: tuple[str, ...], value: str | None) -> None:
    assert read(*NEEDED, *words).detect == value
    assert read(*NEEDED, *words, "--fast").detect == value


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--window", "11"), "--window: expected a number from 1 to 9, got 11"),
        (("--window", "4"), "--window: expected an odd number from 1 to 9, got 4; try 5"),
        (("--window", "x"), "--window: expected a whole number, got 'x'"),
        (("--rate", "2"), "--rate: expected a number from 0 to 1, got 2.0"),
        (("--seconds", "long"), "--seconds: expected a number, got 'long'"),
        (("--kind", "tow"), "--kind: expected one of one, two, got 'tow'; did you mean two?"),
        (("--colour", "bleu"), "--colour: expected one of red, blue, got 'bleu'; did you mean blue?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_value_names_its_option(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(*NEEDED, *words)
    assert str(error.value) == said


def test_help_shows_text_range_default_and_unit(capsys: pytest.CaptureFixture[str]) -> None:
    SettingsCommand(Outer, lambda options: 0, "examples:\n  a   b").main(["--help"], standalone_mode=False)
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--rate HZ how fast (0 to 1, default 0.5)" in text
    assert "--hops N how many (1 to 8, default 4)" in text
    assert "--kind one|two which (default one)" in text
    assert "--output -o PATH where to [required]" in text
    assert "What is inside" in text and "hidden" not in text
    assert text.endswith("examples: a b")


def test_several_values_follow_one_name_up_to_the_next() -> None:
    assert spread(["--names", "a", "b", "--fast", "c", "--names", "d"], {"--names"}) == [
        *("--names", "a", "--names", "b", "--fast", "c", "--names", "d")
    ]
    assert spread(["x", "--names=a", "y"], {"--names"}) == ["x", "--names=a", "y"]


def test_a_network_is_a_name_or_a_file(tmp_path: Path) -> None:
    assert network_file("--model", "unmix", ["hpss", "unmix"]) == "unmix"
    assert network_file("--model", "mine.onnx", ["unmix"]) == Path("mine.onnx")
    (tmp_path / "weights").write_bytes(b"")
    assert network_file("--model", str(tmp_path / "weights"), ["unmix"]) == tmp_path / "weights"
    with pytest.raises(ConfigError, match=r"--model: expected FILE.onnx or one of .*; did you mean unmix\?"):
        network_file("--model", "unmx", ["hpss", "unmix"])
