"""The colours of every theme, from the style sheet: what is read has its contrast (WCAG 2)."""

from __future__ import annotations

import re

import pytest

from engine.stage.page.files import PAGE_FOLDER, page_files

TEXT, OUTLINE = 4.5, 3.0
SHEET = (PAGE_FOLDER / "style" / "tokens.css").read_text()
THEMES = {
    name: dict(re.findall(r"--([a-z0-9-]+): ([^;]+);", body))
    for name, body in re.findall(r'\[data-theme="(\w+)"\] \{(.*?)\}', SHEET, re.DOTALL)
}
ON_BOTH = [("ink", TEXT), ("muted", TEXT), ("edge", OUTLINE), ("accent", TEXT), ("wait", TEXT), ("lost", TEXT)]
ON_BOTH += [("alert", TEXT), ("meter", OUTLINE)]
ON_PAPER = [("music", TEXT), ("slower", TEXT), *((f"voice-{k}", TEXT) for k in range(1, 5))]
PAIRS = [(name, ground, least) for name, least in ON_BOTH for ground in ("paper", "panel")]
PAIRS += [(name, "paper", least) for name, least in ON_PAPER]
PAIRS += [("on-accent", "accent", TEXT), ("on-mark", "mark", TEXT), ("paper", "wait", TEXT)]


def rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))


def luminance(channels: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_21() -> None:
    assert contrast(rgb("#000000"), rgb("#FFFFFF")) == pytest.approx(21)


def test_there_are_three_themes_of_the_same_tokens() -> None:
    assert list(THEMES) == ["light", "dark", "pit"]
    assert len({tuple(tokens) for tokens in THEMES.values()}) == 1


@pytest.mark.parametrize("theme", ["light", "dark", "pit"])
@pytest.mark.parametrize(("name", "ground", "least"), PAIRS)
def test_what_is_read_has_its_contrast(theme: str, name: str, ground: str, least: float) -> None:
    tokens = THEMES[theme]
    assert contrast(rgb(tokens[name]), rgb(tokens[ground])) >= least


@pytest.mark.parametrize("theme", ["light", "dark", "pit"])
@pytest.mark.parametrize("name", ["music", "accent"])
def test_music_is_read_through_the_cursor(theme: str, name: str) -> None:
    tokens = THEMES[theme]
    part = int(tokens["band"].rstrip("%")) / 100
    band = tuple(part * a + (1 - part) * p for a, p in zip(rgb(tokens["accent"]), rgb(tokens["paper"]), strict=True))
    assert contrast(rgb(tokens[name]), band) >= TEXT


def test_the_colours_before_the_first_paint_are_those_of_the_themes() -> None:
    for script in ("js/theme.js", "js/settings.js"):
        text = (PAGE_FOLDER / script).read_text()
        assert dict(re.findall(r'(light|dark|pit): "(#\w+)"', text)) == {t: v["paper"] for t, v in THEMES.items()}


def test_no_file_names_another_host_or_holds_what_the_policy_forbids() -> None:
    for name, (path, kind) in page_files().items():
        text = path.read_text()
        assert not re.search(r"(?:https?:)?//(?!www\.w3\.org)[a-z0-9-]+\.[a-z]", text), name
        if kind == "text/html":
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)
