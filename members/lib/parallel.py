"""Working parts side by side, each over a database connection of its own."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Part = TypeVar("Part")
Done = TypeVar("Done")


def work_parts(
    work: Callable[[Part], Done], parts: Sequence[Part], *, workers: int | None = None
) -> list[Done]:
    """`work` done to every part, as many at once as there are processors; results in the order of the parts.

    Each part must open its own transaction and be disjoint from the others. One part is worked here and now, so that a
    small job stays on the caller's connection. The first failure is raised when all that had begun has ended.
    """
    if len(parts) < 2:
        return [work(part) for part in parts]

    def one(part: Part) -> Done:
        try:
            return contexts[id(part)].run(work, part)
        finally:
            connections.close_all()

    contexts = {id(part): contextvars.copy_context() for part in parts}
    with ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1) as pool:
        return list(pool.map(one, parts))
