"""Entering a draw: one member, one entry, its points spent with it (domain 8).

A request has a key: the same member, draw and key is answered with the entry that it brought before. One transaction,
with locks in the order program, points, coverage, benefit, as claims have; who draws takes the same ones.
"""

from __future__ import annotations

import datetime as dt
import hashlib

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib import draws as rule
from benefits.models import Draw, DrawEntry, DrawState
from benefits.services import asking, issuing
from benefits.services.issuing import Counter, LimitReached, NotInForce
from members.lib.refusals import Conflict, NotFound, Refusal
from members.models import Member
from members.services import audit, points
from members.services.audit import Actor

PAID_FOR = "draw"


class EntriesClosed(Refusal):
    """Nobody enters any more: the time is over, or the draw was held or withdrawn."""

    slug = "entries-closed"


@transaction.atomic
def enter(
    *, merchant_id: int, at: dt.datetime, actor: Actor, member_id: int, benefit_id: int, key: str
) -> tuple[DrawEntry, bool]:
    """Enter a member in the draw behind a benefit, and whether the entry is new. What it costs is spent with it.

    Raises NotFound, Invalid (a key out of shape), NotInForce (not begun, paused), EntriesClosed, NotInAudience,
    LimitReached, OutOfStock, InsufficientPoints, ProgramNotOpen, ProgramCleared; nothing happens then.
    """
    asking.keyed(PAID_FOR, key)
    member = asking.member_of(merchant_id, member_id)
    draw = _draw(merchant_id, benefit_id)
    if known := _known(draw, member_id, key):
        return known, False
    _require_open(draw, at)
    price = _pay(draw, member, key, at, actor)
    counter = issuing.reopen_counter(merchant_id=merchant_id, benefit_id=benefit_id, at=at, actor=actor)
    draw = _draw(merchant_id, benefit_id)  # as it is while nobody else enters, changes or draws it
    if known := _known(draw, member_id, key):
        return known, False
    _require_open(draw, at)
    issuing.require_in_force(counter.benefit, at)
    if draw.rules["points"] != price:
        raise Conflict(_("The price in points was changed at this very moment. Look at it again."))
    entry = _entered(counter, draw, member, key)
    if actor.kind == "user":
        _audit(entry, member, counter)
    return entry, True


def _draw(merchant_id: int, benefit_id: int) -> Draw:
    draw = Draw.objects.of(merchant_id).select_related("benefit").filter(benefit_id=benefit_id).first()
    if draw is None:
        raise NotFound(_("There is no such draw."))
    return draw


def _known(draw: Draw, member_id: int, key: str) -> DrawEntry | None:
    rows = DrawEntry.objects.of(draw.merchant_id).select_related("draw", "member")
    return rows.filter(draw_id=draw.pk, member_id=member_id, key=key).first()


def _require_open(draw: Draw, at: dt.datetime) -> None:
    """Raises EntriesClosed, NotInForce."""
    if draw.state == DrawState.WITHDRAWN:
        raise EntriesClosed(_("This draw was withdrawn before it began."))
    if draw.state != DrawState.OPEN or at >= draw.closes_at:
        raise EntriesClosed(_("Entries to this draw are closed."))
    if at < draw.opens_at:
        raise NotInForce(_("Entries to this draw are not open yet."))


def _pay(draw: Draw, member: Member, key: str, at: dt.datetime, actor: Actor) -> int:
    """Spend what an entry costs. Raises InsufficientPoints."""
    price = int(draw.rules["points"])
    if price:
        about = f"{member.pk}:{draw.pk}:{key}"
        points.redeem(
            merchant_id=draw.merchant_id,
            at=at,
            actor=actor,
            member_id=member.pk,
            points=price,
            key=f"draw:{hashlib.sha256(about.encode()).hexdigest()[:48]}",
            reason=str(draw.benefit)[:200],
            paid_for=PAID_FOR,
        )
    return price


def _entered(counter: Counter, draw: Draw, member: Member, key: str) -> DrawEntry:
    """Check audience and limits, take a place, write. Raises NotInAudience, LimitReached, OutOfStock."""
    asking.check_audience(counter, member)
    entered = DrawEntry.objects.of(draw.merchant_id).filter(draw_id=draw.pk, member_id=member.pk).count()
    if entered >= draw.rules["entries"]:
        raise LimitReached(
            _("The member has entered this draw %(most)s times, the most for one member.")
            % {"most": draw.rules["entries"]}
        )
    issuing.take_stock(counter, 1)
    return DrawEntry.objects.create(
        merchant_id=draw.merchant_id,
        draw=draw,
        member=member,
        number=entered + 1,
        entrant=rule.entrant_of(draw.rules["salt"], member.public_id, entered + 1),
        key=key,
        points=draw.rules["points"],
        at=counter.at,
        actor_kind=counter.actor.kind,
        actor_label=counter.actor.label[:120],
    )


def _audit(entry: DrawEntry, member: Member, counter: Counter) -> None:
    audit.record(
        merchant_id=entry.merchant_id,
        at=entry.at,
        actor=counter.actor,
        action="draw.entered",
        subject=("member", member.public_id),
        label=str(counter.benefit),
        after={"benefit": counter.benefit.public_id, "entrant": entry.entrant},
    )
