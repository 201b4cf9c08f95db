"""The next chunk of an import read while the present one is posted, over a connection of its own."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.models import ImportJob
from members.services.imports.orders import posting
from members.services.imports.orders.posting import Staged


class Ahead:
    """Chunks by position. What is staged is committed and does not change, so another connection sees it too;
    inside a caller's transaction nothing is read ahead."""

    def __init__(self, job: ImportJob, size: int) -> None:
        self.job, self.size = job, size
        self.pool = None if connection.in_atomic_block else ThreadPoolExecutor(max_workers=1)
        self.position = -1
        self.future: Future[list[Staged]] | None = None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self.pool is not None:
            self.pool.submit(connection.close)  # the thread's own
            self.pool.shutdown()

    def take(self, position: int) -> list[Staged]:
        """The chunk at a position, in the transaction at hand unless it was read ahead; begins to read the next."""
        chunk = None
        if self.future is not None and self.position == position:
            chunk = self.future.result()
        self.future = None
        chunk = chunk or posting.read_chunk(self.job, position, self.size)
        following = position + len(chunk)
        if self.pool is not None and chunk and following < self.job.total_orders:
            self.position, self.future = following, self.pool.submit(self._read, following)
        return chunk

    def _read(self, position: int) -> list[Staged]:
        with tenancy.tenant(self.job.merchant_id), transaction.atomic():
            return posting.read_chunk(self.job, position, self.size)
