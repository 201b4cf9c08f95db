"""Working parts side by side, each over a database connection of its own."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TypeVar

from django.db import connections

Part = TypeVar("Part")
Done = TypeVar("Done")


def work_parts(
    work: Callable[[Part], Done], parts: Sequence[Part], *, workers: int | None = None
) -> list[Done]:
    """`work` done to every part, as many at once as there are processors; results in the order of the parts.

    Each part must open its own transaction and be disjoint from the others. One part is worked here and now, so that a
    small job stays on the caller's connection; of many, each worker takes the next over one connection, since opening
    one costs as much as a thousand rows. After a failure no part is begun; the first is raised when all that had begun
    has ended.
    """
    if len(parts) < 2:
        return [work(part) for part in parts]
    done: dict[int, Done] = {}
    places = count()  # `next` is one step of the interpreter: no two workers get the same
    failures: list[BaseException] = []

    def take_turns() -> None:
        try:
            while not failures and (place := next(places)) < len(parts):
                done[place] = work(parts[place])
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    at_once = min(workers or os.cpu_count() or 1, len(parts))
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        for _worker in range(at_once):
            pool.submit(contextvars.copy_context().run, take_turns)
    if failures:
        raise failures[0]
    return [done[place] for place in range(len(parts))]
