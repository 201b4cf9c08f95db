"""Tiers given by the staff until a date, to many members at once (domain.md 5): an import's, so far."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from members.lib.periods import add_months, merchant_day
from members.lib.posting import Changes, Rules, TierMove
from members.lib.posting.windows import metrics_on
from members.models import Merchant, Program
from members.services import posting, webhook_events


class Given(NamedTuple):
    """A tier by hand; its last valid day, None for the program's usual validity from today."""

    tier_id: int
    until: dt.date | None


def give(
    *, merchant: Merchant, program: Program, rules: Rules, at: dt.datetime, tiers: Mapping[int, Given]
) -> dict[int, int]:
    """Give each member (id) a tier, unless theirs is as high already; the tier ids of those whose tier stays.

    In the caller's transaction, which holds the merchant alone (`posting.lock_merchant`) and the open program.
    """
    if not tiers:
        return {}
    states = posting.load(merchant=merchant, rules=rules, member_ids=tiers.keys(), at=at, spending=())
    ladder, today, changes = rules.tiers, merchant_day(at, merchant.zone), Changes()
    kept: dict[int, int] = {}
    for member_id, (tier_id, until) in tiers.items():
        state = states[member_id]
        held = state.standing.tier_id
        if ladder.rank[held] >= ladder.rank[tier_id]:
            kept[member_id] = held
            continue
        last = until or add_months(today, ladder.validity_months)
        state.standing.tier_id, state.standing.since = tier_id, at
        state.standing.validity[tier_id] = last
        changes.standings[member_id] = state
        changes.validities[member_id, tier_id] = last
        metrics = metrics_on(state, ladder, today)
        changes.moves.append(TierMove(member_id, at, held, tier_id, "staff", rules.version, metrics))
    if changes:
        posting.write(merchant_id=merchant.pk, changes=changes)
        webhook_events.told(changes, program=program, at=at)
    return kept
