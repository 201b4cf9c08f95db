"""The team of a shop and the invitations that are out."""

from __future__ import annotations

import datetime as dt
import hashlib

from django.db.models import Case, IntegerField, Value, When

from members.models import Invitation, Role, Staff

IN_ORDER = (Role.OWNER, Role.MANAGER, Role.OPERATOR, Role.CASHIER, Role.ANALYST)
LISTED_FOR = dt.timedelta(days=30)  # how long a spent invitation stays in the list


def team(*, merchant_id: int) -> list[Staff]:
    """Who works for a merchant now, owners first. One query."""
    rank = Case(
        *(When(role=role, then=Value(place)) for place, role in enumerate(IN_ORDER)),
        output_field=IntegerField(),
    )
    rows = Staff.objects.filter(merchant_id=merchant_id, left_at=None).select_related("user")
    return list(rows.annotate(rank=rank).order_by("rank", "joined_at", "id"))


def member_of_team(*, merchant_id: int, staff_id: str) -> Staff | None:
    """One present person of a merchant's team by public id. One query."""
    rows = Staff.objects.filter(merchant_id=merchant_id, public_id=staff_id, left_at=None)
    return rows.select_related("user").first()


def invitations(*, merchant_id: int, at: dt.datetime) -> list[Invitation]:
    """Invitations that are open or expired lately; accepted and revoked ones are in the audit log. One query."""
    rows = Invitation.objects.filter(merchant_id=merchant_id, accepted_at=None, revoked_at=None)
    rows = rows.filter(expires_at__gt=at - LISTED_FOR).select_related("invited_by")
    return list(rows.order_by("-invited_at", "-id"))


def invitation_of(*, token: str) -> Invitation | None:
    """The invitation of a link, whatever became of it; needs no tenant. One query."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    rows = Invitation.objects.select_related("merchant", "invited_by")
    return rows.filter(token_hash=digest).first()
