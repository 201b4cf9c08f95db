"""Campaigns and caps in the fold: stamped with an order's terms, priced with it, counted against their limits.

What an order takes of a limit counts while the order counts (paid, not refunded whole), so that a cancelled order
leaves the room to the next one; a refund in part does not. An order without any of this passes by on one look.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from members.lib import bonus
from members.lib.bonus import BonusTerms
from members.lib.posting.changes import Changes
from members.lib.posting.rules import Rules
from members.lib.posting.state import MemberState, OrderBonus, OrderState


def stamp(state: MemberState, order: OrderState, rules: Rules, at: datetime) -> None:
    """Give an order that gets its terms now the campaigns and caps in force."""
    assert order.terms is not None
    terms = bonus.terms_for(
        rules.points.earning,
        tier_id=order.terms.tier_id,
        channel=order.key[0],
        scene=order.scene,
        paid=order.paid_at or at,
        zone=rules.zone,
    )
    if terms is not None:
        order.bonus = OrderBonus(terms)


def price(state: MemberState, order: OrderState, changes: Changes) -> None:
    """Each line's points under the order's own terms; what they take of limits moves with them."""
    kept = order.bonus
    assert kept is not None and order.terms is not None
    priced = bonus.price(order.lines, order.terms, kept.terms, state.uses, kept.claims)
    order.points = priced.lines
    kept.priced[order.revision] = priced.stored()
    _claim(state, kept, priced.claims if order.counts else {}, changes)
    changes.bonuses[order.key] = order


def release_if_void(state: MemberState, order: OrderState, changes: Changes) -> None:
    """After a refund: an order that no longer counts takes nothing of limits."""
    kept = order.bonus
    if kept is not None and kept.claims and not order.counts:
        _claim(state, kept, {}, changes)
        changes.bonuses[order.key] = order


def _claim(state: MemberState, kept: OrderBonus, claims: dict[str, int], changes: Changes) -> None:
    day = kept.terms.day
    for code in sorted({*kept.claims, *claims}):
        more = claims.get(code, 0) - kept.claims.get(code, 0)
        if more and state.member_id is not None:
            state.uses[code, day] = state.uses.get((code, day), 0) + more
            key = (state.member_id, code, day)
            changes.uses[key] = changes.uses.get(key, 0) + more
    kept.claims = {code: points for code, points in claims.items() if points}


def read(spec: dict[str, Any]) -> OrderBonus | None:
    """What was stored with an order; None when it has only a scene."""
    if not spec:
        return None
    priced = {int(revision): each for revision, each in spec["priced"].items()}
    return OrderBonus(BonusTerms.read(spec["terms"]), dict(spec["claims"]), priced)
