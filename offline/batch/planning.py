"""Plan a batch: what is left to do, what was done before, what has changed since, and what each result is called."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from offline.batch.manifest import ManifestEntry
from offline.batch.output_folders import folded, folder_names
from offline.batch.task import BatchItem

__all__ = ["BatchPlan", "output_names", "plan_batch"]


@dataclass(slots=True)
class BatchPlan:
    """What is to be done.

    items: all of the batch, in the order in which they were named
    todo: indices of those that are to be done, in that order
    changed: how many of them were done before by other settings, or as other content
    lost: how many of them were done before, and their result is not there any more
    skipped: how many were done before and stay
    left: those that failed before and are left, with what the manifest says
    others: how many of an earlier run are not among the items
    """

    items: Sequence[BatchItem]
    todo: list[int] = field(default_factory=list)
    changed: int = 0
    lost: int = 0
    skipped: int = 0
    left: list[ManifestEntry] = field(default_factory=list)
    others: int = 0

    @property
    def first_largest(self) -> list[int]:
        """Return what is to be done, the largest first, so that no long one comes last."""
        return sorted(self.todo, key=lambda i: -self.items[i].size)


def plan_batch(
    items: Sequence[BatchItem],
    fingerprint: str,
    entries: Mapping[str, ManifestEntry],
    *,
    there: Collection[str] | None = None,
    again: bool = False,
) -> BatchPlan:
    """Compare the items with what the manifest says.

    there: names of the results that exist; None where there are none but rows
    again: whether what failed before is tried again
    """
    plan = BatchPlan(items)
    for i, item in enumerate(items):
        entry = entries.get(item.key)
        if entry is None:
            plan.todo.append(i)
        elif (entry.fingerprint, entry.size, entry.version) != (fingerprint, item.size, item.version):
            plan.changed += 1
            plan.todo.append(i)
        elif not entry.done:
            plan.todo.append(i) if again else plan.left.append(entry)
        elif there is not None and entry.output not in there:
            plan.lost += 1
            plan.todo.append(i)
        else:
            plan.skipped += 1
    plan.others = len(entries.keys() - {item.key for item in items})
    return plan


def output_names(items: Sequence[BatchItem], ending: str, entries: Mapping[str, ManifestEntry]) -> list[str]:
    """Return what each item's result is called: as before if it was there before; all different on every disk.

    What is new is called as if all were new, so that it makes no difference how often a batch was interrupted.
    """
    suffix = "" if ending == "/" else ending
    names = folder_names([Path(item.path or item.name) for item in items])
    taken = {folded(_stem(entry.output, suffix)): key for key, entry in entries.items() if entry.output}
    homeless = set()
    for i, item in enumerate(items):
        if item.key in entries and entries[item.key].output:
            names[i] = _stem(entries[item.key].output, suffix)
        elif taken.get(folded(names[i]), item.key) != item.key:
            homeless.add(i)
    if homeless:
        others = [*(name for i, name in enumerate(names) if i not in homeless), *taken]
        files = [Path(items[i].path or items[i].name) for i in sorted(homeless)]
        for i, name in zip(sorted(homeless), folder_names(files, others), strict=True):
            names[i] = name
    return [name + suffix for name in names]


def _stem(name: str, suffix: str) -> str:
    return name[: len(name) - len(suffix)] if suffix and name.endswith(suffix) else name
