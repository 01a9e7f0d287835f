"""`collaparte stage`: the server of the page; what runs behind it is loaded when it is up."""

from __future__ import annotations

import contextlib
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from cli.commands.stage import StageOptions
from cli.live.page_place import PagePlace, announce_page, check_page, page_config, page_content, uploads_folder
from cli.practice_options import loop_of, plays_alone
from cli.stage_outputs import open_osc_in
from cli.terminal.report import note
from engine.audio.devices import is_device
from engine.core.errors import ConfigError, ScoreError
from engine.score.readers import SUFFIXES
from engine.stage.controls.stage_controls import StageControls
from engine.stage.engraving.engraver import Engraver
from engine.stage.engraving.incipits import Incipits
from engine.stage.server.engraved import ServerEngraving
from engine.stage.server.review import StageReview, read_review
from engine.stage.server.shelf import StagedScore, StageShelf
from engine.stage.server.stage_server import StageServer

if TYPE_CHECKING:
    from cli.live.stage_run import StageRun

__all__ = ["LOOK_S", "first_begin", "mixer_parts", "run_stage", "stage_abilities"]

MAX_SCORES = 2000  # of a folder
LOOK_S = 0.1  # between two looks for a first page


def run_stage(options: StageOptions) -> int:
    """Show the page, and run sessions, until ctrl-C; the exit status."""
    _check(options)
    scores = _scores(options.score)
    _check_backing(options, len(scores))
    stage: StageRun | None = None
    with ExitStack() as stack:
        review = None if options.review is None else _review(options, options.review)
        uploads = Path(stack.enter_context(uploads_folder()))
        parts = () if plays_alone(options.solo) else options.solo or options.reading.part
        shelf = StageShelf(scores, uploads, parts, repeats_after_jump=options.reading.repeats_after_jump)
        ratio, loop = options.practice.tempo_ratio, loop_of(options.practice)
        controls = StageControls([] if review else stage_abilities(options), ratio=ratio, loop=loop)
        engraver = stack.enter_context(Engraver())
        incipits = Incipits()
        stack.callback(incipits.close)
        server = _server(options, controls, shelf, ServerEngraving(engraver, incipits), review)
        server.start()
        stack.callback(server.close)
        open_osc_in(options.outward, controls, stack)
        first = shelf.read(shelf.ids[0])
        controls.scores, controls.bars = shelf, lambda: first.bars
        controls.equip(mixer_parts(options, first), other=False)
        server.stage(shelf.ids[0])
        announce_page(_place(options), server)
        with contextlib.suppress(KeyboardInterrupt):  # which is how it ends
            if review is not None:
                return _wait_for_the_end(controls)
            if len(scores) == 1:  # of several, what is played is looked for, which takes its time to get ready
                _wait_for_somebody(options, server, controls)
            from cli.live import stage_run  # takes seconds, while the first page is engraved

            stage = stage_run.StageRun(options, server, controls, shelf, first)
            stage.find(scores)
            return stage.run()
        return 0 if stage is None else stage.status


def _wait_for_the_end(controls: StageControls) -> int:
    while controls.wishes.get().name != "quit":
        pass
    return 0


def _wait_for_somebody(options: StageOptions, server: StageServer, controls: StageControls) -> None:
    """Wait until there is something to do; what a session needs is loaded only then."""
    begin = first_begin(options)
    while begin != "now" and controls.wishes.empty() and not (begin == "open" and server.n_clients):
        time.sleep(LOOK_S)


def first_begin(options: StageOptions) -> str:
    """When the first session begins: now, open or button."""
    live = options.input is not None and is_device(options.input)
    return options.begin or ("now" if live else "open")


def mixer_parts(options: StageOptions, staged: StagedScore) -> tuple[str, ...]:
    """The parts of a score that are played."""
    if not options.solo:
        return ()
    alone = plays_alone(options.solo)
    return tuple(name for name, n_notes, followed in staged.sheet.parts if n_notes and (alone or not followed))


def _check(options: StageOptions) -> None:
    """Say at once what is missing, before anything is opened."""
    check_page(_place(options))
    if options.review is None and options.input is None:
        raise ConfigError("--input", expected="a recording or a device", got="none", remedy="--input mic, or a file")
    if options.review is not None and (options.events is None or options.input is not None):
        got = "also --input" if options.input is not None else "no --events"
        raise ConfigError("--review", expected="a recording and its --events", got=got)
    if options.practice.report is not None:
        raise ConfigError("--report", expected="collaparte accompany", got="collaparte stage", remedy="leave it out")


def _check_backing(options: StageOptions, n_scores: int) -> None:
    """Refuse a recording that would play beside another score than its own, or beside nobody."""
    if options.recorded.backing is None:
        return
    if not options.solo:
        raise ConfigError("--backing", expected="--solo, the part that is followed", got="none", remedy="add --solo")
    if n_scores > 1:
        expected, got = "the one score that the recording belongs to", f"a folder of {n_scores}"
        raise ConfigError("--backing", expected=expected, got=got, remedy="name the file of the score")


def _scores(path: Path) -> list[Path]:
    """The file, or all scores of the folder and the folders in it, by name."""
    if not path.is_dir():
        if path.suffix.lower() not in SUFFIXES:
            expected = "one of " + ", ".join(SUFFIXES) + ", or a folder of them"
            raise ScoreError(str(path), expected=expected, got=path.suffix or "no suffix")
        return [path]
    found = sorted(each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file())
    if not found:
        raise ScoreError(str(path), expected="scores in this folder", got="none", remedy="name another folder")
    if len(found) > MAX_SCORES:
        note(f"{path}: of {len(found)} scores the first {MAX_SCORES} can be chosen")
    return found[:MAX_SCORES]


def _review(options: StageOptions, take: Path) -> StageReview:
    return read_review(take, Path(options.events or ""))


def _place(options: StageOptions) -> PagePlace:
    return PagePlace(host=options.host, port=options.port, tls=options.tls, browser=options.browser)


def _server(
    options: StageOptions,
    controls: StageControls,
    shelf: StageShelf,
    engraving: ServerEngraving,
    review: StageReview | None,
) -> StageServer:
    is_live = options.input is not None and is_device(options.input)
    mode = "review" if review is not None else "live" if is_live else "file"
    config, static = page_config(_place(options), mode), page_content()
    return StageServer(config, controls, shelf, engraving=engraving, review=review, static=static)


def stage_abilities(options: StageOptions) -> list[str]:
    """What the sessions of these options do."""
    does = {
        "follow": True,
        "accompany": bool(options.solo),
        "separate": options.separate != "none",
        "detect": options.detect is not None,
    }
    return [name for name, is_done in does.items() if is_done]
