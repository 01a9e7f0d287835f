"""The sessions behind the page of `collaparte stage`, one after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from queue import Empty

from cli.commands.stage import StageOptions
from cli.live.accompaniment import accompaniment_port
from cli.live.accompaniment_port import PortOutlet
from cli.live.session import run_session
from cli.live.stage import LOOK_S, first_begin, mixer_parts
from cli.live.stage_changes import StageChanges
from cli.live.stage_finding import StageFinding, stage_finding
from cli.live.stage_sessions import StageScoreAtHand, session_config, starting_gains
from cli.outward_options import StageHands
from cli.stage_outputs import open_outlets
from cli.terminal.report import complain
from cli.terminal.stopping import USER_ERROR, unhurried
from engine.core.compiling import compiling_told
from engine.core.errors import EngineError
from engine.core.events import Event, PieceFound, Position
from engine.core.kernel_cache import COMPILING
from engine.detection.detector import sound_thresholds
from engine.realtime.session import Session, SessionConfig, SessionStatus
from engine.stage.controls.desk import StageWish
from engine.stage.controls.stage_controls import StageControls
from engine.stage.outlet import NamedOutlet, fan_out
from engine.stage.server.shelf import StagedScore, StageShelf
from engine.stage.server.stage_server import StageServer

__all__ = ["StageRun"]


class StageRun:
    """Run one session after another, as the page and the options ask."""

    def __init__(
        self,
        options: StageOptions,
        server: StageServer,
        controls: StageControls,
        shelf: StageShelf,
        first: StagedScore,
    ) -> None:
        self._options, self._server, self._controls, self._shelf = options, server, controls, shelf
        self._score = shelf.ids[0]
        self._staged = first
        self._n_sessions = self.status = 0
        self.finding: StageFinding | None = None
        self._found: str | None = None  # the score that was found last
        self._begun_s = 0.0  # of the session
        self._quarter = 0.0  # that is played now
        self._changes = StageChanges(options, controls, server.say, lambda: self.finding is not None)
        controls.bars = self._bars
        controls.here = lambda: self._quarter
        controls.change = self._changes.ask

    def find(self, scores: Sequence[Path]) -> None:
        """Listen for which of the scores is played, where that is asked for."""
        self.finding = stage_finding(self._options, scores, self._shelf)
        self._controls.piece_ids = {} if self.finding is None else self.finding.piece_ids

    def _bars(self) -> list[tuple[float, int]]:
        return self._staged.bars

    def run(self) -> int:
        """Do what is wished for until the end is; the exit status."""
        if not self._wait_to_begin():
            return 0
        wish: StageWish | None = StageWish("start")
        while wish is not None and wish.name != "quit":
            wish = self._do(wish)
        return self.status

    def _wait_to_begin(self) -> bool:
        """Wait until the first session is to begin; return whether it is."""
        begin = first_begin(self._options)
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
            self._server.say(str(error))
            return
        self._controls.equip(mixer_parts(self._options, staged), other=score != self._score)
        self._score, self._staged = score, staged
        self._server.stage(score)

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
        self._server.count_beats(self._staged.beats)

    def _run_session(self) -> None:
        controls, server, at_hand = self._controls, self._server, self._at_hand()
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
