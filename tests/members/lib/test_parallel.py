"""Parts worked side by side."""

from __future__ import annotations

import contextvars
import threading

import pytest

from members.lib.parallel import work_parts


def test_what_came_of_parts_stands_in_their_order():
    met = threading.Barrier(2, timeout=30)

    def work(part: int) -> int:
        if part < 2:  # the first two are under way at once
            met.wait()
        return part * part

    assert work_parts(work, range(50), workers=2) == [part * part for part in range(50)]


def test_one_part_is_worked_by_the_caller():
    assert work_parts(lambda _part: threading.get_ident(), ["only"], workers=2) == [threading.get_ident()]


def test_of_many_parts_a_worker_takes_one_after_another():
    workers = work_parts(lambda _part: threading.get_ident(), range(40), workers=2)
    assert len(set(workers)) <= 2 and threading.get_ident() not in workers


def test_parts_see_the_context_of_the_caller():
    word = contextvars.ContextVar("word", default="none")
    word.set("the caller's")
    assert work_parts(lambda _part: word.get(), range(4), workers=2) == ["the caller's"] * 4


def test_a_failure_is_raised_and_no_part_begins_after_it():
    begun = []

    def work(part: int) -> None:
        begun.append(part)
        if part == 3:
            raise LookupError("the third")

    with pytest.raises(LookupError, match="the third"):
        work_parts(work, range(1000), workers=1)
    assert begun == [0, 1, 2, 3]
