"""Orders that a person placed before joining become the member's (domain.md 1): one joining or a list, one rule.

What a linked order counts for:
- It is the member's from then on (domain.md 1): on the member's page, in the member's daily totals on the order's own
  merchant day, and so in tier metrics, which always equal the member's orders (domain.md 4, 5). The orders land
  together at the joining: who qualifies by them rises at once, with validity from the day of joining.
- It earns no points if it was paid before; `members.lib.posting.fold` says why, and how that stays so.
- It is no sale to a member: the share of members' sales takes the status at payment (domain.md 4), which the reader
  of that figure tells by `joined_at`.
- An order of another member's that names this buyer stays theirs: an order's member never changes once set.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from django.db import connection

from members.lib.posting import Changes, OrderKey, OrdersLinked, fold
from members.models import Merchant, Program
from members.selectors import rules as rules_selector
from members.services import posting, tier_welcomes, webhook_events

ORDERS_AT_ONCE = 10_000


def link(*, merchant: Merchant, program: Program, at: dt.datetime, joined: Mapping[int, int]) -> int:
    """Give customers' orders to the members they became; `joined` is member id by identity id. How many orders.

    In the caller's transaction, which holds the merchant alone (`posting.lock_merchant`), so that no order of these
    people arrives or changes meanwhile, and the open program. One query when there are none.
    """
    if not joined:
        return 0
    keys: dict[int, list[OrderKey]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "select identity_id, channel, external_id from members_order "
            "where merchant_id = %s and identity_id = any(%s) and member_id is null order by id",
            [merchant.pk, list(joined)],
        )
        for identity_id, channel, external_id in cursor.fetchall():
            keys.setdefault(joined[identity_id], []).append((channel, external_id))
    for part in _parts(keys):
        _link(merchant, program, at, part)
    return sum(map(len, keys.values()))


def _parts(keys: Mapping[int, list[OrderKey]]) -> Iterator[dict[int, list[OrderKey]]]:
    """Members with their orders, so many at once; a member's orders stay together, since they land together."""
    part: dict[int, list[OrderKey]] = {}
    count = 0
    for member_id, own in keys.items():
        part[member_id] = own
        count += len(own)
        if count >= ORDERS_AT_ONCE:
            yield part
            part, count = {}, 0
    if part:
        yield part


def _link(merchant: Merchant, program: Program, at: dt.datetime, keys: Mapping[int, list[OrderKey]]) -> None:
    posting.lock_members(merchant_id=merchant.pk, member_ids=keys.keys())
    at, version = rules_selector.after_edits(merchant_id=merchant.pk, at=at)
    rules = rules_selector.rules_at(merchant_id=merchant.pk, at=at, program=program, version=version)
    states = posting.load(
        merchant=merchant,
        rules=rules,
        member_ids=keys.keys(),
        at=at,
        order_keys=[key for own in keys.values() for key in own],
        spending=(),
    )
    customers, changes = states[None], Changes()
    for member_id, own in keys.items():
        state = states[member_id]
        for key in own:
            state.orders[key] = customers.orders.pop(key)
        fold(state, [OrdersLinked(at, own)], rules, changes=changes)
    posting.write(merchant_id=merchant.pk, changes=changes)
    webhook_events.told(changes, program=program, at=at)
    tier_welcomes.give(merchant=merchant, program=program, rules=rules, at=at, moves=changes.moves)
