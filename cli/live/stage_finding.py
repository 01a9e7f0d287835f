"""On the stage with a folder: which of its scores is played is found, and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cli.commands.find import read_index
from cli.commands.stage import StageOptions
from cli.terminal.report import note
from engine.core.events import PieceFound
from engine.following.config import FollowConfig
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.session import SessionConfig
from engine.stage.finding.config import FinderConfig
from engine.stage.finding.piece_follower import PieceFollowerConfig
from engine.stage.finding.score_cache import content_id
from engine.stage.server.outbox import StageMessage
from engine.stage.server.shelf import StageShelf
from offline.following.presets import shipped_features

__all__ = ["StageFinding", "stage_finding"]

SURE = FinderConfig().sure


def stage_finding(options: StageOptions, scores: Sequence[Path], shelf: StageShelf) -> StageFinding | None:
    """What finds the score that is played; None where there is nothing to choose from, or it is not asked for.

    An accompaniment, cues and single parts belong to one score: with them it is chosen by hand.
    """
    if not options.find or len(scores) < 2 or options.input is None:
        return None
    if options.solo or options.reading.part:
        note("with parts the score is not found by listening: choose it on the page")
        return None
    if options.outward.beyond.cues is not None:
        note("with cues, which belong to one score, it is not found by listening: choose it on the page")
        return None
    return StageFinding(options.score, scores, shelf)


class StageFinding:
    """Find the score that is played, in the engine, and know it on the shelf.

    known: the score of the shelf that is played as far as is known, None before one is found or chosen
    """

    def __init__(self, folder: Path, scores: Sequence[Path], shelf: StageShelf) -> None:
        self._index = read_index(folder)
        kept = {piece.id for piece in self._index.pieces}
        names = {content_id(path): shelf.id_of(path) for path in scores}
        self._shelved = {piece: name for piece, name in names.items() if name is not None and piece in kept}
        self.known: str | None = None
        self._heard: list[PieceFound] = []  # the likeliest pieces, of one instant

    @property
    def piece_ids(self) -> dict[str, str]:
        """The scores of the shelf that can be found, and their ids in the index."""
        return {name: piece for piece, name in self._shelved.items()}

    def applied(self, config: SessionConfig) -> SessionConfig:
        """Return the session with a node that finds and follows, in the place of the follower of one score."""
        pipeline = config.pipeline
        if pipeline.accompany is not None or pipeline.attendants:
            return config
        first = next((piece for piece, name in self._shelved.items() if name == self.known), "")
        if self.known is not None and not first:  # a score that was sent by a page
            return config
        follow = pipeline.follow
        if follow.input_features is not None:  # else a score would have to be played before it can be followed
            follow = FollowConfig(method=follow.method)
        node = PieceFollowerConfig(index=self._index, salience=shipped_features("salience"), first=first, follow=follow)
        changed: PipelineConfig = replace(pipeline, score=None, listeners=(*pipeline.listeners, node))
        return replace(config, pipeline=changed)

    def score_of(self, event: PieceFound) -> str | None:
        """Return the score of the shelf that has been found, None for a guess."""
        return self._shelved.get(event.id) if event.sure else None

    def card(self, event: PieceFound, seconds: float) -> StageMessage:
        """Return what the page's chooser shows: the likeliest scores; nothing once one is known.

        seconds: for how long has been listened
        """
        if event.rank == 0:
            self._heard = []
        self._heard.append(event)
        pieces = [
            {"id": self._shelved[each.id], "bars": [each.bar], "p": round(each.confidence, 3)}
            for each in self._heard
            if each.id in self._shelved
        ]
        on = self.known is None and not event.sure
        return StageMessage("finding", {"on": on, "seconds": round(seconds, 1), "line": SURE, "pieces": pieces})
