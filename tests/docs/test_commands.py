"""README and docs keep their word: commands and programs run as printed, links lead somewhere."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import rich_click as click

from cli.app import FRONT_DOOR, main
from tests.docs.pages import Block, blocks, pages
from tests.places import ROOT

PROGRAM = "collaparte"
DEMO = [PROGRAM, "demo", "--output", "demo"]  # what `whole_demo` runs
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
COMMANDS = blocks("")
RUN = [block for block in COMMANDS if not block.needs]
PRINTED = [block for block in COMMANDS if block.needs]


def parse(words: list[str]) -> None:
    """Take a command line as the front door does, to the command's own options, without acting."""
    context = FRONT_DOOR.make_context(PROGRAM, list(words))
    while isinstance(context.command, click.Group):
        name, command, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize("block", RUN, ids=str)
def test_commands_run_as_printed(block: Block, demo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the page: later blocks use what earlier ones wrote; the fixture has run the demo."""
    monkeypatch.chdir(demo_folder)
    for words in block.commands():
        assert words[0] == PROGRAM, "mark the block with what it needs"
        assert words == DEMO or main(words[1:]) == 0, words


@pytest.mark.parametrize("block", PRINTED, ids=str)
def test_commands_that_need_more_are_commands(block: Block) -> None:
    for words in block.commands():
        if words[0] == PROGRAM:
            parse(words[1:])


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_programs_run_as_printed(block: Block, demo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo_folder)
    exec(compile(block.text, str(block), "exec"), {})


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert not [link for link in links if not Path(os.path.normpath(page.parent / link)).exists()]


def test_there_is_something_to_run() -> None:
    assert len(RUN) >= 8 and len(PRINTED) >= 8
