"""Refunds of membership terms: one, or all of a program that is not open any more (domain.md 2 and 9).

A refund ends the term and says how much is to be paid back; the money itself is paid outside, and said to be paid.
While a program is not open nothing runs out: what is owed is what was left when it closed. Refunds are always
reachable, also after a clearance.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib import plans as rule
from benefits.lib.plans import State
from benefits.models import Subscription
from benefits.selectors import subscriptions as selector
from benefits.services import subscription_floors, subscriptions
from members.lib.refusals import Conflict, Invalid
from members.models import Merchant, ProgramStatus
from members.services import audit, posting, programs
from members.services.audit import Actor

LONGEST_REASON = 200
CHUNK = 2_000


@transaction.atomic
def refund(
    *, merchant_id: int, at: dt.datetime, actor: Actor, subscription_id: str, reason: str
) -> Subscription:
    """End a term now, with its fee to be paid back by the days left, or whole while the buyer may withdraw. Refunding
    again changes nothing.

    The tier it granted is taken back: at once while the program is open, else by the first daily job after. Raises
    Invalid without a reason, NotFound, Conflict for a term that is over.
    """
    reason = _reason(reason)
    term = subscriptions.locked(merchant_id, subscription_id)
    if term.refunded_at is not None:
        return term
    zone = Merchant.objects.get(pk=merchant_id).zone
    closed_since = programs.closed_since(merchant_id=merchant_id)
    if rule.state_at(term.term(closed_since), at) is State.EXPIRED:
        raise Conflict(_("This term is over already: nothing is left to be paid back."))
    _end([term], at, actor, reason, zone, closed_since)
    if closed_since is None and term.floor_tier_id is not None:
        subscription_floors.take_back(term, at)
    return term


@transaction.atomic
def refund_all(*, merchant_id: int, at: dt.datetime, actor: Actor, reason: str, most: int = CHUNK) -> int:
    """Refund terms that were running or to come when the program closed, the first `most` of them; returns how many.
    Called again it goes on, until it returns 0.

    Raises Invalid without a reason, Conflict while the program is open, NotFound.
    """
    reason = _reason(reason)
    posting.lock_merchant(merchant_id=merchant_id, alone=False)
    program = programs.lock_for_write(merchant_id=merchant_id)
    closed_since = programs.closed_since(merchant_id=merchant_id)
    if program.status == ProgramStatus.OPEN or closed_since is None:
        raise Conflict(_("The program is open: refund members one by one."))
    rows = selector.refundable(merchant_id=merchant_id, at=at, closed_since=closed_since)
    members = sorted(set(rows.values_list("member_id", flat=True)[:most]))
    posting.lock_members(merchant_id=merchant_id, member_ids=members)
    locked = rows.filter(member_id__in=members).select_for_update(of=("self",)).select_related("plan")
    terms = list(locked[:most])
    zone = Merchant.objects.get(pk=merchant_id).zone
    _end(terms, at, actor, reason, zone, closed_since)
    return len(terms)


@transaction.atomic
def pay_back(*, merchant_id: int, at: dt.datetime, actor: Actor, subscription_id: str) -> Subscription:
    """Say that the money of a refund was paid back. Again it changes nothing. Raises NotFound, Conflict without a
    refund, or where nothing was to be paid."""
    term = subscriptions.locked(merchant_id, subscription_id)
    if term.paid_back_at is not None:
        return term
    if not term.refund_minor:
        raise Conflict(_("There is nothing to pay back for this term."))
    term.paid_back_at = at
    term.save(update_fields=["paid_back_at"])
    after = {"refund_minor": term.refund_minor}
    audit.record_many([subscriptions.record(term, at, actor, "subscription.paid_back", after=after)])
    return term


def _end(
    terms: Sequence[Subscription],
    at: dt.datetime,
    actor: Actor,
    reason: str,
    zone: ZoneInfo,
    closed_since: dt.datetime | None,
) -> None:
    """Write the refunds, in one statement however many, and who did them."""
    if not terms:
        return
    for term in terms:
        said = term.term(closed_since)
        term.refund_days = rule.days_left(said, at, zone)
        term.refund_minor = rule.owed_minor(said, at, zone)
        term.refunded_at, term.refund_reason = at, reason
        term.ends_at = min(max(at, term.from_at), term.to_at)
    fields = ["refunded_at", "refund_minor", "refund_days", "refund_reason", "ends_at"]
    Subscription.objects.of(terms[0].merchant_id).bulk_update(terms, fields, batch_size=500)
    audit.record_many(
        subscriptions.record(
            term,
            at,
            actor,
            "subscription.refunded",
            after={"refund_minor": term.refund_minor, "days_left": term.refund_days},
            reason=reason,
        )
        for term in terms
    )


def _reason(reason: str) -> str:
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON or "\x00" in reason:
        text = _("Say why it is refunded, in at most %(most)s characters; the reason stays with the refund.")
        raise Invalid.on("reason", text % {"most": LONGEST_REASON})
    return reason
