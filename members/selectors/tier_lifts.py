"""Edits of the rules that members still wait for, and who holds a tier that is gone (domain.md 5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from members.lib.tiers import TierRules
from members.models import RulesVersion, TierLift, TierStanding, WorkState
from members.models.worked import WORKED

OPEN = (*WORKED, WorkState.FAILED)  # of one that broke off, too, members still wait


def losing(*, merchant_id: int, rules: TierRules, member_ids: Collection[int]) -> list[int]:
    """Those of some members who hold a tier that the rules do not have, by id. Who is a member no more has a standing
    all the same, which must not name a tier that is gone. One query."""
    if not member_ids:
        return []
    held = TierStanding.objects.of(merchant_id).exclude(tier_id__in=list(rules.rank))
    found = held.filter(member_id__gte=min(member_ids), member_id__lte=max(member_ids)).values_list(
        "member_id", flat=True
    )
    return sorted(set(found) & set(member_ids))


def still_open(*, merchant_id: int) -> list[TierLift]:
    """The lifts that some members still wait for, in the order in which they came into force."""
    return list(TierLift.objects.of(merchant_id).filter(state__in=OPEN).order_by("pk"))


def last(*, merchant_id: int, version: RulesVersion | None) -> TierLift | None:
    """What the last edit of the tiers up to a version did: an edit of the points alone moves nobody."""
    if version is None:
        return None
    found = TierLift.objects.of(merchant_id).filter(version__lte=version.number)
    return found.order_by("-version", "-pk").first()


def of_version(*, merchant_id: int, version: RulesVersion | None) -> TierLift | None:
    """What a version of the rules did, or does, to the members; None where nobody was there."""
    if version is None:
        return None
    return TierLift.objects.of(merchant_id).filter(version=version.number).order_by("pk").first()


def flows(lift: TierLift) -> Sequence[tuple[int, int, int]]:
    """(from tier id, to tier id, members), the largest first."""
    return sorted(((a, b, n) for a, b, n in lift.flows), key=lambda flow: (-flow[2], flow[0], flow[1]))
