"""Accompaniment of recorded soloists."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.accompaniment.accompany import AccompanyJob, AccompanyReport, accompany_file, write_scheduled
else:
    __getattr__ = lazy(__name__)

__all__ = ["AccompanyJob", "AccompanyReport", "accompany_file", "write_scheduled"]
