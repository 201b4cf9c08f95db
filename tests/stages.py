"""Where plays of the suite stand: in its own database, which is empty before and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from compliance.play.stage import stage as database_of_its_own
from tests import emptying


@contextmanager
def stage() -> Iterator[None]:
    """An empty database for a play: the suite's, emptied afterwards; a clone where no superuser can empty it."""
    if not emptying.superuser():
        with database_of_its_own():
            yield
        return
    try:
        yield
    finally:
        connections.close_all()
        emptying.empty()
