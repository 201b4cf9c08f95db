"""Who is in the audience of a benefit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db.models import BooleanField, Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from benefits.lib.audience import Audience, plans_of, segments_of, tiers_of
from benefits.lib.coverage import EVERYONE
from benefits.lib.holdouts import is_held
from benefits.lib.plans import frozen
from benefits.models import Benefit, BenefitStatus, Subscription
from benefits.selectors.subscriptions import closed_since
from members.lib import set_based
from members.models import Member, MemberStatus, Merchant, Segment, Tier, TierMove, TierStanding
from members.selectors import segments as segments_selector
from members.selectors.rules import version_at

ANY_OF = '"members_member"."id" = any(%s::bigint[])'


def is_empty(*, merchant_id: int, audience: Audience, at: dt.datetime) -> bool:
    """Whether an audience is named and nobody is in it now. "everyone" is never empty (domain.md 3).

    `at` says which ladder is in force: who never moved holds its lowest tier.
    """
    if audience == EVERYONE:
        return False
    if named := segments_of(audience):
        return not _any_in_segments(merchant_id, named, at)
    if (plans := plans_of(audience)) is not None:
        return not in_plans(merchant_id=merchant_id, codes=plans, at=at).exists()
    codes = tiers_of(audience)
    if not codes:
        return True
    ids = tier_ids(merchant_id=merchant_id, codes=codes)
    standings = TierStanding.objects.of(merchant_id)
    if standings.filter(tier_id__in=ids).exists():
        return False
    if base_tier_id(merchant_id=merchant_id, at=at) not in ids:
        return True
    holds_another = standings.filter(member_id=OuterRef("pk"))
    members = Member.objects.of(merchant_id).exclude(status=MemberStatus.ERASED)
    return not members.exclude(Exists(holds_another)).exists()


def size(*, merchant_id: int, audience: Audience, at: dt.datetime, most: int) -> int:
    """How many are in a named audience now, counted up to `most`."""
    if named := segments_of(audience):
        shop = segments_selector.shop(merchant=Merchant.objects.get(pk=merchant_id), at=at)
        rule = {"any": [{"fact": "segment", "op": "is_in", "value": named}]}
        return len(segments_selector.member_ids(shop=shop, rule=rule, limit=most))
    if (plans := plans_of(audience)) is not None:
        terms = in_plans(merchant_id=merchant_id, codes=plans, at=at)
        return terms.values("member_id").distinct()[:most].count()
    ids = tier_ids(merchant_id=merchant_id, codes=tiers_of(audience) or [])
    standings = TierStanding.objects.of(merchant_id)
    found = standings.filter(tier_id__in=ids)[:most].count()
    if found >= most or base_tier_id(merchant_id=merchant_id, at=at) not in ids:
        return found
    holds_another = standings.filter(member_id=OuterRef("pk"))
    members = Member.objects.of(merchant_id).exclude(status=MemberStatus.ERASED)
    return min(most, found + members.exclude(Exists(holds_another))[:most].count())


def in_plans(*, merchant_id: int, codes: list[str], at: dt.datetime) -> QuerySet[Subscription]:
    """The terms in some plans that run at an instant; while the program is closed, those of its closing. One query."""
    now = frozen(at, closed_since(merchant_id=merchant_id))
    rows: QuerySet[Subscription] = Subscription.objects.of(merchant_id)
    return rows.filter(plan__code__in=codes, from_at__lte=now, ends_at__gt=now)


def _any_in_segments(merchant_id: int, public_ids: list[str], at: dt.datetime) -> bool:
    """Whether anybody is in one of these segments now; a segment that is gone has nobody."""
    shop = segments_selector.shop(merchant=Merchant.objects.get(pk=merchant_id), at=at)
    rule = {"any": [{"fact": "segment", "op": "is_in", "value": public_ids}]}
    return segments_selector.has_any(shop=shop, rule=rule)


def among(*, merchant_id: int, audience: Audience, member_ids: Sequence[int], at: dt.datetime) -> list[int]:
    """Those of some members who are in an audience now, in order of their ids. At most four queries."""
    active: QuerySet[Member] = Member.objects.of(merchant_id).filter(status=MemberStatus.ACTIVE)
    # One array: a parameter for each of thousands costs more than the query.
    active = active.filter(RawSQL(ANY_OF, [set_based.bigints(member_ids)], output_field=BooleanField()))
    if audience == EVERYONE:
        return list(active.order_by("pk").values_list("pk", flat=True))
    if named := segments_of(audience):
        shop = segments_selector.shop(merchant=Merchant.objects.get(pk=merchant_id), at=at)
        rule = {"any": [{"fact": "segment", "op": "is_in", "value": named}]}
        return segments_selector.among(shop=shop, rule=rule, member_ids=member_ids)
    if (plans := plans_of(audience)) is not None:
        terms = in_plans(merchant_id=merchant_id, codes=plans, at=at).filter(member_id=OuterRef("pk"))
        return list(active.filter(Exists(terms)).order_by("pk").values_list("pk", flat=True))
    ids = tier_ids(merchant_id=merchant_id, codes=tiers_of(audience) or [])
    held = TierStanding.objects.of(merchant_id).filter(member_id=OuterRef("pk"))
    fits = Exists(held.filter(tier_id__in=ids))
    if base_tier_id(merchant_id=merchant_id, at=at) in ids:
        active = active.filter(Q(fits) | ~Exists(held))
    else:
        active = active.filter(fits)
    return list(active.order_by("pk").values_list("pk", flat=True))


def fitting(*, benefit: Benefit, member_ids: Sequence[int], at: dt.datetime) -> list[int]:
    """Those of some members who may have a benefit: in its audience, and not held out. In order of their ids."""
    found = among(merchant_id=benefit.merchant_id, audience=benefit.audience, member_ids=member_ids, at=at)
    return [each for each in found if not is_held(benefit.public_id, benefit.holdout_percent, each)]


def segment_names(*, merchant_id: int) -> list[tuple[str, str]]:
    """(public id, name) of a merchant's segments, by name. One query."""
    return list(Segment.objects.of(merchant_id).order_by("name").values_list("public_id", "name"))


def tier_ids(*, merchant_id: int, codes: list[str]) -> list[int]:
    """The ids of tiers by code; codes of no tier are left out."""
    return list(Tier.objects.of(merchant_id).filter(code__in=codes).values_list("id", flat=True))


def base_tier_id(*, merchant_id: int, at: dt.datetime) -> int | None:
    """The lowest tier of the ladder in force."""
    version = version_at(merchant_id=merchant_id, at=at)
    return version.ladder[0]["tier"] if version and version.ladder else None


def base_tier_code(*, merchant_id: int, at: dt.datetime) -> str | None:
    """The code of the lowest tier of the ladder in force; None before there is one."""
    names = tier_names(merchant_id=merchant_id, at=at)
    return names[0][0] if names else None


def tier_names(*, merchant_id: int, at: dt.datetime) -> list[tuple[str, str]]:
    """(code, name) of the tiers of the ladder in force, lowest first."""
    version = version_at(merchant_id=merchant_id, at=at)
    rows = {row.pk: row for row in Tier.objects.of(merchant_id)}
    found = [rows[rung["tier"]] for rung in version.ladder if rung["tier"] in rows] if version else []
    return [(row.code, row.name or row.code) for row in found]


LIVE = (BenefitStatus.PUBLISHED, BenefitStatus.PAUSED)


def merchants_with_named() -> list[int]:
    """The merchants with a running or paused benefit that names an audience; read as platform."""
    rows = Benefit.objects.filter(status__in=LIVE).exclude(audience=EVERYONE)
    return sorted(set(rows.values_list("merchant_id", flat=True)))


def named(*, merchant_id: int) -> list[Benefit]:
    """The running and paused benefits of a merchant that name an audience."""
    rows = Benefit.objects.of(merchant_id).filter(status__in=LIVE).exclude(audience=EVERYONE)
    return list(rows.order_by("id"))


def by_tier(merchant_id: int, at: dt.datetime) -> list[tuple[str, str, list[str]]]:
    """(name, public id, tier codes) of the benefits of certain tiers that are published and not over. One query."""
    rows = Benefit.objects.of(merchant_id).filter(status=BenefitStatus.PUBLISHED).exclude(audience=EVERYONE)
    return [
        (row.name, row.public_id, tiers_of(row.audience) or [])
        for row in rows.order_by("id")
        if row.to_at is None or row.to_at > at
    ]


def turned_at(
    *, merchant_id: int, audience: Audience, since: dt.datetime, at: dt.datetime, became_empty: bool
) -> dt.datetime | None:
    """When an audience of tiers or plans turned after `since`: the first that came into it, or the last out of it. None
    when no move did it (a first member, who holds the lowest tier by joining)."""
    if (plans := plans_of(audience)) is not None:
        when = "ends_at" if became_empty else "from_at"
        terms = Subscription.objects.of(merchant_id).filter(
            plan__code__in=plans, **{f"{when}__gt": since, f"{when}__lte": at}
        )
        terms = terms.filter(ends_at__gt=F("from_at"))  # refunded before it began: nobody came in by it
        return terms.order_by(f"-{when}" if became_empty else when).values_list(when, flat=True).first()
    codes = tiers_of(audience) or []
    ids = tier_ids(merchant_id=merchant_id, codes=codes)
    moves = TierMove.objects.of(merchant_id).filter(at__gt=since)
    if became_empty:
        return moves.filter(from_tier_id__in=ids).order_by("-at").values_list("at", flat=True).first()
    return moves.filter(to_tier_id__in=ids).order_by("at").values_list("at", flat=True).first()
