"""`collaparte stage`: the server of the page, and one session after another behind it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from queue import Empty

from cli.commands.stage import StageOptions
from cli.live.accompaniment import accompaniment_port
from cli.live.accompaniment_port import PortOutlet
from cli.live.session import run_session
from cli.live.stage_changes import StageChanges
from cli.live.stage_finding import StageFinding, stage_finding
from cli.live.stage_sessions import StageScoreAtHand, abilities, session_config, starting_gains
from cli.outward_options import StageHands
from cli.practice_options import loop_of, plays_alone
from cli.stage_outputs import open_osc_in, open_outlets
from cli.terminal.report import complain, note
from cli.terminal.stopping import USER_ERROR, unhurried
from engine.audio.devices import is_device
from engine.core.compiling import compiling_told
from engine.core.errors import ConfigError, EngineError, ScoreError
from engine.core.events import Event, PieceFound, Position
from engine.core.kernel_cache import COMPILING
from engine.detection.detector import sound_thresholds
from engine.realtime.session import Session, SessionConfig, SessionStatus
from engine.score.readers import SUFFIXES
from engine.stage.controls.desk import StageWish
from engine.stage.controls.stage_controls import StageControls
from engine.stage.engraving.engraver import Engraver
from engine.stage.engraving.font import music_font
from engine.stage.outlet import NamedOutlet, fan_out
from engine.stage.server.access import StageRole
from engine.stage.server.addresses import address_code, reachable_hosts
from engine.stage.server.certificate import stage_certificate
from engine.stage.server.engraved import ServerEngraving
from engine.stage.server.review import StageReview, read_review
from engine.stage.server.routes import static_files
from engine.stage.server.shelf import StagedScore, StageShelf
from engine.stage.server.stage_server import LOOPBACK, ServerConfig, StageServer

__all__ = ["run_stage"]

MAX_SCORES = 2000  # of a folder
LOOK_S = 0.1  # between two looks for a first page
NEEDED = ("aiohttp", "segno", "cryptography", "verovio")


def run_stage(options: StageOptions) -> int:
    """Show the page, and run sessions, until ctrl-C; the exit status."""
    _check(options)
    scores = _scores(options.score)
    with ExitStack() as stack:
        review = None if options.review is None else _review(options, options.review)
        uploads = Path(stack.enter_context(_own_folder()))
        parts = () if plays_alone(options.solo) else options.solo or options.reading.part
        shelf = StageShelf(scores, uploads, parts, repeats_after_jump=options.reading.repeats_after_jump)
        ratio, loop = options.practice.tempo_ratio, loop_of(options.practice)
        controls = StageControls([] if review else abilities(options), ratio=ratio, loop=loop)
        engraver = stack.enter_context(Engraver())
        server = _server(options, controls, shelf, ServerEngraving(engraver), review)
        server.start()
        stack.callback(server.close)
        open_osc_in(options.outward, controls, stack)
        stage = StageRun(options, server, controls, shelf)
        stage.put(shelf.ids[0])
        stage.finding = stage_finding(options, scores, shelf)
        controls.piece_ids = {} if stage.finding is None else stage.finding.piece_ids
        _announce(options, server)
        with contextlib.suppress(KeyboardInterrupt):  # which is how it ends
            return stage.run()
        return stage.status


def _check(options: StageOptions) -> None:
    """Say at once what is missing, before anything is opened."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        got = "no " + ", ".join(missing)
        raise ConfigError("stage", expected="the page's packages", got=got, remedy="pip install 'collaparte[stage]'")
    if options.host is not None and not options.host.strip():
        raise ConfigError("--host", expected="an address of this machine", got="nothing", remedy="--host 0.0.0.0")
    if options.review is None and options.input is None:
        raise ConfigError("--input", expected="a recording or a device", got="none", remedy="--input mic, or a file")
    if options.review is not None and (options.events is None or options.input is not None):
        got = "also --input" if options.input is not None else "no --events"
        raise ConfigError("--review", expected="a recording and its --events", got=got)
    if options.practice.report is not None:
        raise ConfigError("--report", expected="collaparte accompany", got="collaparte stage", remedy="leave it out")


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


@contextmanager
def _own_folder() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="collaparte-stage-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _server(
    options: StageOptions,
    controls: StageControls,
    shelf: StageShelf,
    engraving: ServerEngraving,
    review: StageReview | None,
) -> StageServer:
    host = options.host or LOOPBACK
    tls = None
    if options.tls:
        certificate = stage_certificate(reachable_hosts(host))
        note(f"certificate {certificate.certificate}, SHA-256 {certificate.fingerprint}")
        note("a browser warns of it once; to have none, and to keep a tablet awake, install this file there as trusted")
        tls = certificate.context()
    is_live = options.input is not None and is_device(options.input)
    mode = "review" if review is not None else "live" if is_live else "file"
    static = static_files()
    with contextlib.suppress(EngineError):
        static["leipzig.woff2"] = (music_font(), "font/woff2")
    config = ServerConfig(host=host, port=options.port, tls=tls, mode=mode)
    return StageServer(config, controls, shelf, engraving=engraving, review=review, static=static)


def _announce(options: StageOptions, server: StageServer) -> None:
    """Say where the page is, and open it here."""
    if options.host is None:
        here = server.address(LOOPBACK)
        print(f"page: {here}", flush=True)
    else:
        hosts = reachable_hosts(options.host)
        here = server.address(hosts[0], StageRole.CONTROLLER)
        print(address_code(here), end="")
        for host in hosts:
            print(f"page, to control: {server.address(host, StageRole.CONTROLLER)}")
        print(f"page, to look on: {server.address(hosts[0], StageRole.VIEWER)}", flush=True)
        if not options.tls:
            note("over http a tablet may fall asleep at the stand: --tls helps")
    if options.browser and _has_screen():
        threading.Thread(target=webbrowser.open, args=(here,), daemon=True, name="browser").start()


def _has_screen() -> bool:
    return os.name == "nt" or os.uname().sysname == "Darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())


class StageRun:
    """Run one session after another, as the page and the options ask."""

    def __init__(self, options: StageOptions, server: StageServer, controls: StageControls, shelf: StageShelf) -> None:
        self._options, self._server, self._controls, self._shelf = options, server, controls, shelf
        self._score = shelf.ids[0]
        self._staged: StagedScore | None = None
        self._n_sessions = self.status = 0
        self.finding: StageFinding | None = None
        self._found: str | None = None  # the score that was found last
        self._begun_s = 0.0  # of the session
        self._quarter = 0.0  # that is played now
        self._changes = StageChanges(options, controls, server.say)
        controls.scores = shelf
        controls.bars = self._bars
        controls.here = lambda: self._quarter
        controls.change = self._changes.ask

    def _bars(self) -> list[tuple[float, int]]:
        return [] if self._staged is None else self._staged.bars

    def run(self) -> int:
        """Do what is wished for until the end is; the exit status."""
        if self._options.review is not None:
            return self._wait_for_the_end()
        if not self._wait_to_begin():
            return 0
        wish: StageWish | None = StageWish("start")
        while wish is not None and wish.name != "quit":
            wish = self._do(wish)
        return self.status

    def _wait_for_the_end(self) -> int:
        while self._controls.wishes.get().name != "quit":
            pass
        return 0

    def _wait_to_begin(self) -> bool:
        """Wait until the first session is to begin; return whether it is."""
        options = self._options
        live = options.input is not None and is_device(options.input)
        begin = options.begin or ("now" if live else "open")
        while begin != "now":
            try:
                wish = self._controls.wishes.get(timeout=LOOK_S)
            except Empty:
                if begin == "open" and self._server.n_clients:
                    return True
                continue
            if wish.name in ("start", "quit"):
                return wish.name == "start"
            self._prepare(wish)
        return True

    def _prepare(self, wish: StageWish) -> None:
        """Take what is wished for while nothing runs."""
        if wish.name == "choose":
            self.put(wish.score)
            if self.finding is not None:
                self.finding.known = self._found = wish.score

    def _do(self, wish: StageWish) -> StageWish | None:
        """Run a session if that is wished for, and return the next wish; None if there will be none."""
        if wish.name == "start":
            if not self._session() or self._options.once:
                return None
        else:
            self._prepare(wish)
        return self._controls.wishes.get()

    def put(self, score: str) -> None:
        """Put a score on the stage; an error is told, and the score that was there stays."""
        try:
            staged = self._shelf.read(score)
        except EngineError as error:
            if self._staged is None:
                raise
            self._server.say(str(error))
            return
        self._controls.equip(self._parts(staged), other=score != self._score)
        self._score, self._staged = score, staged
        self._server.stage(score)

    def _parts(self, staged: StagedScore) -> tuple[str, ...]:
        """The parts that are played."""
        if not self._options.solo:
            return ()
        alone = plays_alone(self._options.solo)
        return tuple(name for name, n_notes, followed in staged.sheet.parts if n_notes and (alone or not followed))

    def _session(self) -> bool:
        """Run a session; return False when it was ended from the keyboard."""
        self._n_sessions += 1
        self._controls.prepare()
        line = ""
        try:
            self._run_session()
        except EngineError as error:
            if self._n_sessions == 1:
                raise
            line = str(error)
            complain(line)
            self._server.say(line)
        finally:
            self._controls.detach()
            self._changes.detach()
        self._server.end(line)
        return self._controls.ended_by_hand or not self._controls.halt.is_set()

    def _at_hand(self) -> StageScoreAtHand:
        return StageScoreAtHand(
            path=self._shelf[self._score].path,
            desk=self._controls.desk,
            number=self._n_sessions,
            count_in=self._controls.count_in_bars,
        )

    def _config(self, at_hand: StageScoreAtHand) -> SessionConfig:
        config = session_config(self._options, at_hand)
        return config if self.finding is None or at_hand.desk.loop is not None else self.finding.applied(config)

    def _look_for(self, event: Event) -> None:
        """Show what may be played, and the score that has been found; reading it takes longer than this thread may."""
        if self.finding is None or not isinstance(event, PieceFound):
            return
        score = self.finding.score_of(event)
        if score is not None and score != self._found:
            self.finding.known = self._found = score
            threading.Thread(target=self._show_found, args=(score,), daemon=True, name="found").start()
        self._server.tell(self.finding.card(event, time.monotonic() - self._begun_s), lasting=True)

    def _show_found(self, score: str) -> None:
        if score != self._score:
            self.put(score)
        if self._staged is not None:
            self._server.count_beats(self._staged.beats)

    def _run_session(self) -> None:
        controls, server, at_hand = self._controls, self._server, self._at_hand()
        assert self._staged is not None
        server.begin(self._score, self._staged.beats)
        with compiling_told(lambda: server.prepare(COMPILING)):
            config = self._config(at_hand)
        server.count_samples(config.sample_rate or 0)
        session, self._quarter, self._begun_s = Session(config), 0.0, time.monotonic()
        controls.attach(session)
        self._changes.attach(session, at_hand)
        if config.pipeline.detect is not None:
            controls.show_thresholds(sound_thresholds(config.pipeline.detect))
        with ExitStack() as stack:
            stack.enter_context(unhurried())  # every note is ended, and every file whole
            ports = self._ports(config, stack)
            take, watch = fan_out(session, [server, *(each.outlet for each in ports)])
            show_outlets = partial(self._show_outlets, ports)
            hands = StageHands(controls=controls, turn=server.show, opened=show_outlets)
            tell, show = open_outlets(self._options.outward, session, stack, hands)

            def give(event: Event) -> None:
                self._look_for(event)
                if isinstance(event, Position):
                    self._quarter = event.quarter
                take(event)
                tell(event)

            def look(status: SessionStatus) -> None:
                watch(status)
                show(status)
                if session.targets and not controls.desk.gains.keys() >= set(session.targets):
                    controls.show_gains(starting_gains(config, session.targets))

            report = run_session(session, gain_midi=self._options.gain_midi, take=give, watch=look, stop=controls.halt)
        if report.shortfall:
            complain(report.shortfall)
            self.status = USER_ERROR

    def _show_outlets(self, ports: Sequence[NamedOutlet], others: Sequence[NamedOutlet]) -> None:
        self._server.show_outlets([*ports, *others])

    def _ports(self, config: SessionConfig, stack: ExitStack) -> list[NamedOutlet]:
        """The MIDI port of an accompaniment."""
        if self._options.midi_port is None:
            return []
        port = accompaniment_port(self._options.midi_port, config, programs=self._options.port_programs)
        return [NamedOutlet("MIDI port", PortOutlet(stack.enter_context(port)))]
