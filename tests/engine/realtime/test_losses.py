"""Every loss is told once, where it happened."""

from __future__ import annotations

from engine.core.events import Dropout
from engine.core.shared_memory import Counter, Layout, SharedMemory, anonymous_file
from engine.realtime.losses import LossAccount, LossWatch
from engine.realtime.session_types import Counts

RATE = 1000
LATENCY = 300


class Ring:
    """Takes events while it has room."""

    def __init__(self) -> None:
        self.room, self.told = True, list[Dropout]()

    def __call__(self, event: Dropout) -> bool:
        if self.room:
            self.told.append(event)
        return self.room

    @property
    def spans(self) -> list[tuple[str, int, int]]:
        return [(event.where, event.at, event.samples) for event in self.told]


def watched() -> tuple[SharedMemory, Ring, LossWatch]:
    memory = SharedMemory(anonymous_file(), Layout(record_rows=8, record_width=1, event_bytes=4096), create=True)
    ring = Ring()
    return memory, ring, LossWatch(memory, ring, RATE)


def test_each_kind_of_loss_is_told_once() -> None:
    memory, ring, watch = watched()
    memory[Counter.MISSING], memory[Counter.NON_FINITE] = 64, 3
    watch.look(500)
    watch.look(600)
    memory[Counter.LEFT_OUT] = 128
    watch.look(700)
    assert sorted(ring.spans) == [("invalid input", 500, 3), ("output", 500, 64), ("server", 700, 128)]


def test_what_finds_no_room_is_told_later_with_its_own_date() -> None:
    memory, ring, watch = watched()
    memory[Counter.MISSING], ring.room = 64, False
    watch.look(500)
    memory[Counter.MISSING] = 100
    watch.look(600)
    ring.room = True
    watch.look(700)
    assert ring.spans == [("output", 500, 100)]
    assert ring.told[0].emitted_at == 700


def test_a_hole_in_the_recording_is_told_where_it_is_when_it_has_ended() -> None:
    _, ring, watch = watched()
    for row in range(1000, 1500, 100):
        watch.unrecorded(range(row, row + 100), LATENCY)
        watch.look(row + 100)
    assert not ring.told
    watch.recorded()
    watch.look(1600)
    assert ring.spans == [("recording", 700, 500)]


def test_a_long_hole_is_told_while_it_grows() -> None:
    _, ring, watch = watched()
    for row in range(1000, 3500, 100):
        watch.unrecorded(range(row, row + 100), LATENCY)
        watch.look(row + 100)
    assert ring.spans == [("recording", 700, 1000), ("recording", 1700, 1000)]


def test_two_holes_are_two_losses() -> None:
    _, ring, watch = watched()
    watch.unrecorded(range(1000, 1100), LATENCY)
    watch.recorded()
    watch.unrecorded(range(1150, 1200), LATENCY)
    watch.recorded()
    watch.look(1300)
    assert ring.spans == [("recording", 700, 100), ("recording", 850, 50)]


def test_what_a_killed_process_counted_and_did_not_tell_is_told() -> None:
    account = LossAccount()
    account.take(Dropout(at=10, emitted_at=20, samples=64, where="output"))
    account.take(Dropout(at=0, emitted_at=100, samples=200, where="recording"))
    counts = Counts(n_samples=1000, missing=64, unrecorded=250, non_finite=2, unsent=1)
    assert [event.where for event in account.unsent(counts)] == ["events"]
    assert not list(account.unsent(counts))
    told = [(event.where, event.at, event.samples) for event in account.untold(counts)]
    assert told == [("invalid input", 1000, 2), ("recording", 950, 50)]
    assert not list(account.untold(counts))
