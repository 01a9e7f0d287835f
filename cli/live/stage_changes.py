"""Let the session on the stage go on in other bars of its score while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from cli.commands.stage import StageOptions
from cli.live.stage_sessions import StageScoreAtHand, changed_pipeline, with_reference
from engine.core.errors import EngineError
from engine.pipeline.pipeline import PipelineConfig, exchangeable
from engine.realtime.session import Session
from engine.stage.controls.stage_controls import StageControls

__all__ = ["StageChanges"]


class StageChanges:
    """Build what is to be followed in a thread of its own; the session goes on in it, and nothing else changes.

    say: tells everybody of an error, in one line
    finds: returns whether a session of the whole score finds what is played: such a one begins anew
    """

    def __init__(
        self, options: StageOptions, controls: StageControls, say: Callable[[str], None], finds: Callable[[], bool]
    ) -> None:
        self._options, self._controls, self._say, self._finds = options, controls, say, finds
        self._session: Session | None = None
        self._at_hand: StageScoreAtHand | None = None
        self._whole: PipelineConfig | None = None  # that of the whole score, if it has been made
        self._n_asked = 0
        self._lock = threading.Lock()  # of those that build: one after another

    def attach(self, session: Session, at_hand: StageScoreAtHand) -> None:
        """Take the session that begins, and what it was made of."""
        self._session, self._at_hand = session, at_hand
        self._whole = session.config.pipeline if at_hand.desk.loop is None else None

    def detach(self) -> None:
        """Say that no session is running."""
        self._session = None

    def ask(self) -> bool:
        """Have the bars of the desk followed, soon; return whether the session can go on in others."""
        session = self._session
        if session is None or session.engine is None:
            return False
        pipeline = session.config.pipeline
        if not exchangeable(pipeline, pipeline) or (self._controls.desk.loop is None and self._finds()):
            return False
        self._n_asked += 1
        threading.Thread(target=self._change, args=(session, self._n_asked), daemon=True, name="bars").start()
        return True

    def _change(self, session: Session, number: int) -> None:
        with self._lock:
            if number != self._n_asked or self._at_hand is None:  # something newer has been asked for
                return
            try:
                changed = self._make(session, self._at_hand)
            except EngineError as error:
                return self._say(str(error))
            if not changed and session is self._session:
                self._controls.begin_again()

    def _make(self, session: Session, at_hand: StageScoreAtHand) -> bool:
        desk, config = self._controls.desk, session.config
        rate = config.sample_rate or 0
        if desk.loop is None and self._whole is not None:
            pipeline = self._whole
        else:
            pipeline = changed_pipeline(self._options, replace(at_hand, desk=desk), rate, config.pipeline)
        return session.change_score(with_reference(pipeline, rate), max(self._controls.here(), 0.0))
