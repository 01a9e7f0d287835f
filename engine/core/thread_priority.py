"""Raise the priority of real-time threads, where the user is permitted to."""

from __future__ import annotations

import os
import sys
import threading

__all__ = ["raise_priority"]


def raise_priority(priority: int, *, inherited: bool = True) -> str:
    """Give the calling thread a real-time priority (SCHED_FIFO); return `granted`, or why not.

    inherited: whether threads and processes that it starts get it as well
    """
    if priority <= 0:
        return "not asked for"
    if not hasattr(os, "sched_setscheduler"):
        return f"refused: {sys.platform} has no SCHED_FIFO"
    try:
        policy = os.SCHED_FIFO if inherited else os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(threading.get_native_id(), policy, os.sched_param(priority))
    except PermissionError:
        return f"refused: no right to SCHED_FIFO {priority}; add '@audio - rtprio 95' to /etc/security/limits.d"
    except OSError as error:
        return f"refused: {error.strerror}"
    return "granted"
