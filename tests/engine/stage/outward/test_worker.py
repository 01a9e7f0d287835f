"""Slow jobs wait in a bounded queue, are tried again, and are given up in one line."""

from __future__ import annotations

import threading

from engine.stage.outward.worker import Patience, Worker
from tests.engine.stage.outward.servers import until

QUICK = Patience(tries=3, first_s=0.001, longest_s=0.002, room=4, close_s=5.0)
HASTY = Patience(tries=1, room=4, close_s=0.0)


def test_jobs_are_done_in_order_and_what_fails_is_tried_again() -> None:
    said: list[str] = []
    done: list[int] = []
    worker = Worker("test", QUICK, said.append)
    fails = iter([OSError("no route\nto host"), OSError("no route\nto host")])

    def second() -> None:
        if (error := next(fails, None)) is not None:
            raise error
        done.append(2)

    worker.put("job", lambda: done.append(1))
    worker.put("job", second)
    worker.put("job", lambda: done.append(3))
    until(lambda: worker.n_done == 3, "all are done")
    worker.close()
    assert done == [1, 2, 3] and said == ["job: no route to host; trying again", "job: works again"]


def test_what_never_works_is_given_up_once_told() -> None:
    said: list[str] = []

    def fail() -> None:
        raise OSError("refused")

    worker = Worker("test", QUICK, said.append)
    worker.put("job", fail)
    until(lambda: worker.n_given_up == 1, "it is given up")
    worker.close()
    assert said == ["job: refused; trying again", "job: refused; given up"]


def test_what_does_not_fit_is_lost_and_told_once_and_nobody_waits() -> None:
    said: list[str] = []
    gate, begun = threading.Event(), threading.Event()
    worker = Worker("test", HASTY, said.append)
    worker.put("first", lambda: (begun.set(), gate.wait())[0])
    assert begun.wait()
    for _ in range(10):
        worker.put("more", lambda: None)
    assert worker.n_lost == 6 and said == ["more: 4 wait already; more are lost"]
    threading.Timer(0.05, gate.set).start()
    worker.close()
    assert said[-1] == "more: 5 not sent at the end"
