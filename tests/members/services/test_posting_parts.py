"""A large batch is folded part by part while the database writes: the rows are those of one piece."""

from __future__ import annotations

import pytest

from members.lib import tenant as tenancy
from members.services import orders
from tests.members.services.test_posting_bulk import JOB, facts, history, open_shop


@pytest.mark.parametrize("seed", range(8))
def test_parts_make_the_same_rows_as_one_piece(db, monkeypatch, seed):
    whole, its_people = open_shop("whole")
    parted, other_people = open_shop("parted")
    with tenancy.tenant(whole):
        wanted = orders.put_many(merchant_id=whole, actor=JOB, items=history(seed, its_people))

    monkeypatch.setattr(orders, "PART", 7)
    with tenancy.tenant(parted):
        found = orders.put_many(merchant_id=parted, actor=JOB, items=history(seed, other_people))

    assert [each.outcome for each in found.outcomes] == [each.outcome for each in wanted.outcomes]
    assert facts(parted) == facts(whole)
