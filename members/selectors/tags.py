"""Tags of members: those of one, and all that a merchant uses (domain.md 10)."""

from __future__ import annotations

from collections.abc import Collection

from members.models import MemberTag

MOST_NAMES = 50


def names(*, merchant_id: int) -> list[str]:
    """The tags a merchant uses, by name; the first of them where there are very many. One query."""
    rows = MemberTag.objects.of(merchant_id).order_by("name").values_list("name", flat=True).distinct()
    return list(rows[:MOST_NAMES])


def of_member(*, merchant_id: int, member_id: int) -> list[str]:
    """The tags of one member, by name. One query."""
    rows = MemberTag.objects.of(merchant_id).filter(member_id=member_id).order_by("name")
    return list(rows.values_list("name", flat=True))


def of_nobody(*, merchant_id: int, names: Collection[str]) -> set[str]:
    """Those of these tags that no member has. At most one query."""
    if not names:
        return set()
    rows = MemberTag.objects.of(merchant_id).filter(name__in=sorted(names)).order_by("name")
    return set(names) - set(rows.values_list("name", flat=True).distinct())
