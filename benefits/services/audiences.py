"""Noticing that a named audience got its first member or lost its last: a benefit turns on or off (domain.md 3)."""

from __future__ import annotations

import datetime as dt

import structlog
from django.db import transaction

from benefits.lib import coverage as rule
from benefits.lib.usefulness import AUDIENCE, AUDIENCE_STEPS, audience_doubts
from benefits.models import Benefit
from benefits.selectors import audiences
from benefits.services import coverage
from benefits.services.revisions import revise
from members.lib import tenant as tenancy
from members.services.audit import Actor

log = structlog.get_logger(__name__)

OBSERVER = Actor.job("audiences")


@transaction.atomic
def observe(*, merchant_id: int, at: dt.datetime) -> int:
    """Write a revision for each benefit whose named audience turned empty, came to have members, or grew or shrank over
    a size that a policy may ask for, since it was last looked at. It has the instant of the move that emptied or first
    filled it. Returns how many.

    One query for a merchant without such benefits; called before coverage is judged. What it writes configures
    nothing, and it works whatever the program's state: benefits keep their own periods.
    """
    if not audiences.named(merchant_id=merchant_id):
        return 0
    coverage.lock(merchant_id=merchant_id)
    turned = 0
    for benefit in audiences.named(merchant_id=merchant_id):
        empty = audiences.is_empty(merchant_id=merchant_id, audience=benefit.audience, at=at)
        doubts = _doubts(benefit, at)
        if empty != benefit.audience_empty or doubts != benefit.doubts:
            _turn(benefit, empty, doubts, at)
            turned += 1
    return turned


def observe_everywhere(*, at: dt.datetime) -> int:
    """`observe` for every merchant that has a benefit with a named audience, a transaction each; runs as platform,
    outside a transaction. Returns how many benefits turned.

    A merchant whose data cannot be looked at is logged and left as it was: what follows is for all of them.
    """
    turned = 0
    with tenancy.platform():
        with transaction.atomic():
            merchants = audiences.merchants_with_named()
        for merchant_id in merchants:
            try:
                turned += observe(merchant_id=merchant_id, at=at)
            except Exception:
                log.error("audience_not_observed", merchant_id=merchant_id, exc_info=True)
    return turned


def _doubts(benefit: Benefit, at: dt.datetime) -> int:
    """The benefit's doubts with those of its audience's size now; as they are where it was never measured."""
    if not benefit.measured:
        return benefit.doubts
    most = AUDIENCE_STEPS[-1]
    size = audiences.size(merchant_id=benefit.merchant_id, audience=benefit.audience, at=at, most=most)
    return benefit.doubts & ~AUDIENCE | audience_doubts(size)


def _turn(benefit: Benefit, empty: bool, doubts: int, at: dt.datetime) -> None:
    """Of when it turned: the move that emptied or first filled it; the present for one that only grew or shrank."""
    since = None
    if empty != benefit.audience_empty:
        since = audiences.turned_at(
            merchant_id=benefit.merchant_id,
            audience=benefit.audience,
            since=benefit.revision_at or at,
            at=at,
            became_empty=empty,
        )
    before = {"audience_empty": benefit.audience_empty}
    benefit.audience_empty, benefit.doubts = empty, doubts
    revise(
        benefit,
        at if since is None else min(since, at),
        OBSERVER,
        rule.Action.AUDIENCE,
        "benefit.audience_turned",
        before,
        {"audience_empty": empty},
    )
