"""Ids shown outside to rows and back, many at once: for answers and requests that name many members."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from members.models import Identity, Member


def member_ids(*, merchant_id: int, public_ids: Collection[str]) -> dict[str, int]:
    """The merchant's members by the ids shown outside; ids of nobody are left out. One query, none for none."""
    if not public_ids:
        return {}
    rows = Member.objects.of(merchant_id).filter(public_id__in=public_ids)
    return dict(rows.values_list("public_id", "id"))


def public_ids(*, merchant_id: int, member_ids: Collection[int]) -> dict[int, str]:
    """The ids shown outside of some members. One query, none for none."""
    if not member_ids:
        return {}
    return dict(Member.objects.of(merchant_id).filter(id__in=member_ids).values_list("id", "public_id"))


def identities(*, merchant_id: int, members: Sequence[Member]) -> dict[int, list[Identity]]:
    """How the channels know some members, by member, in the order they came. One query, none for none."""
    found: dict[int, list[Identity]] = {}
    if members:
        ids = [member.pk for member in members]
        for row in Identity.objects.of(merchant_id).filter(member_id__in=ids).order_by("id"):
            found.setdefault(row.member_id or 0, []).append(row)
    return found
