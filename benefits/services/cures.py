"""Ready choices for a program at risk: what can be published with one confirmation (ux.md, cure in two clicks).

Which date each choice makes safe is for compliance to compute; here is what it is, for whom, and what it can cost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from benefits.lib.audience import plans_of, segments_of
from benefits.lib.coverage import EVERYONE
from benefits.lib.kinds import KINDS, label_of
from benefits.lib.prices import PriceRow
from benefits.lib.usefulness import refused_part
from benefits.models import Benefit, BenefitRevision, BenefitStatus
from benefits.selectors import prices
from benefits.selectors import usefulness as usefulness_selector
from benefits.services import usefulness
from benefits.services.arguments import Arguments, check
from benefits.services.benefits import publish_benefit
from members.lib.refusals import Invalid
from members.services.audit import Actor

DRAWS = frozenset(code for code, kind in KINDS.items() if kind.is_draw)
RUN_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyChoice:
    """One choice. key: what a form sends back. cost_cap_minor: the most it can cost in minor units, None when it
    cannot be said. title, audience_text: translated when read. arguments: those of `publish_benefit`, without
    merchant, instant and actor. renews: the benefit that it publishes anew."""

    key: str
    title: Promise | str
    audience_text: Promise | str
    cost_cap_minor: int | None
    arguments: dict[str, Any] = field(default_factory=dict)
    renews: Benefit | None = None

    @property
    def kind(self) -> str:
        return str(self.arguments["kind"])


def ready_choices(
    *,
    merchant_id: int,
    at: dt.datetime,
    uncounted_kinds: Collection[str] = DRAWS,
    refused_doubts: int = 0,
) -> list[ReadyChoice]:
    """Up to three choices that count at once, the most familiar first: the last benefit that ended, a member
    coupon, a share off. `uncounted_kinds` and `refused_doubts` are those of the policy in force."""
    found = [
        choice
        for choice in (_renewal(merchant_id, at, uncounted_kinds), *_coupons(at))
        if choice is not None
        and choice.kind not in uncounted_kinds
        and not (refused_doubts and refused_part(_doubts(merchant_id, choice, at), refused_doubts))
    ]
    return found[:3]


def publish_choice(
    *,
    merchant_id: int,
    key: str,
    at: dt.datetime,
    actor: Actor,
    public_id: str = "",
    uncounted_kinds: Collection[str] = DRAWS,
    refused_doubts: int = 0,
) -> Benefit:
    """Publish the choice of that key as it stands now. `public_id` makes a second press harmless.

    Raises Invalid when the choice is gone, and what `publish_benefit` raises.
    """
    choices = ready_choices(
        merchant_id=merchant_id, at=at, uncounted_kinds=uncounted_kinds, refused_doubts=refused_doubts
    )
    choice = next((each for each in choices if each.key == key), None)
    if choice is None:
        raise Invalid(_("This choice is no longer there. Look at the choices again."))
    listed = None if choice.renews is None else _list_of(choice.renews)
    return publish_benefit(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        public_id=public_id,
        prices=listed or None,
        **choice.arguments,
    )


def _doubts(merchant_id: int, choice: ReadyChoice, at: dt.datetime) -> int:
    """What would speak against a choice that is published now."""
    arguments, listed, sellable = choice.arguments, None, None
    if choice.renews is not None and "list" in arguments["settings"]:
        listed = usefulness_selector.best_listed(merchant_id=merchant_id, benefit_id=choice.renews.pk)
        sellable = usefulness.sellable_of(choice.renews, at)
    found, _facts = usefulness.of(
        merchant_id=merchant_id,
        kind=choice.kind,
        settings=arguments["settings"],
        audience=arguments["audience"],
        scope=arguments.get("scope") or {},
        at=at,
        listed=listed,
        sellable=sellable,
    )
    return found


def _renewal(merchant_id: int, at: dt.datetime, uncounted: Collection[str]) -> ReadyChoice | None:
    """The counted benefit that ended last and that members could use, for as long as it ran (30 days if open)."""
    over = Q(status=BenefitStatus.ENDED) | Q(status=BenefitStatus.PUBLISHED, to_at__lte=at)
    rows = (
        Benefit.objects.of(merchant_id)
        .filter(over, worthless=False)
        .exclude(kind__in=uncounted)
        .order_by("-revision_at", "-id")
    )
    for row in rows[:5]:
        first = BenefitRevision.objects.of(merchant_id).filter(benefit_id=row.pk).order_by("number").first()
        stock = first.stock if first and not row.stock else row.stock
        if stock == 0:
            continue
        length = row.to_at - row.from_at if row.to_at and row.from_at else dt.timedelta(days=RUN_DAYS)
        arguments = {
            "kind": row.kind,
            "name": row.name,
            "from_at": at,
            "to_at": at + max(length, dt.timedelta(days=RUN_DAYS)),
            "settings": row.settings,
            "audience": row.audience,
            "stock": stock,
            "scope": row.scope,
        }
        listed = _list_of(row) if row.kind == "member_price" else None
        if not _can_be_used(merchant_id, arguments, at, listed):
            continue
        return ReadyChoice(
            key=f"renew-{row.public_id}",
            title=_("Renew “%(name)s”") % {"name": row.name or label_of(row.kind)},
            audience_text=_audience_text(row.audience),
            cost_cap_minor=cost_cap(row.settings, stock),
            arguments=arguments,
            renews=row,
        )
    return None


def _can_be_used(
    merchant_id: int, arguments: dict[str, Any], at: dt.datetime, listed: list[PriceRow] | None
) -> bool:
    """Whether it could be published today (its tiers are there, its settings are known) and somebody could use it."""
    try:
        checked = check(merchant_id, Arguments(**arguments), at, listed or None, complete=True)
        return not checked.audience_empty
    except Invalid:
        return False


def _coupons(at: dt.datetime) -> Iterable[ReadyChoice]:
    """Coupons that any shop can give. Amounts are minor units, so in any currency a tenth of the threshold."""
    offers: tuple[tuple[str, Promise | str, dict[str, Any], int], ...] = (
        ("coupon", _("Member coupon"), {"off_minor": 1_000, "at_least_minor": 10_000}, 200),
        (
            "share",
            _("Member coupon, a share off"),
            {"off_percent": 10, "at_least_minor": 5_000, "max_off_minor": 2_000},
            100,
        ),
        ("small", _("Small coupon without a threshold"), {"off_minor": 300}, 300),
    )
    for key, title, settings, stock in offers:
        yield ReadyChoice(
            key=key,
            title=title,
            audience_text=_audience_text(EVERYONE),
            cost_cap_minor=cost_cap(settings, stock),
            arguments={
                "kind": "coupon",
                "name": str(title),
                "from_at": at,
                "to_at": at + dt.timedelta(days=RUN_DAYS),
                "settings": settings,
                "audience": EVERYONE,
                "stock": stock,
            },
        )


def cost_cap(settings: dict[str, Any], stock: int | None) -> int | None:
    """The most that a benefit of these settings can cost in minor units; None when nothing limits it."""
    each = settings.get("off_minor")
    if each is None:
        each = settings.get("max_off_minor")
    if each is None or stock is None:
        return None
    return int(each) * stock


def _audience_text(audience: Any) -> Promise | str:
    if audience == EVERYONE:
        return _("All members")
    if segments_of(audience):
        return _("Members of certain segments")
    if plans_of(audience):
        return _("Members with certain plans")
    return _("Members of tier %(tiers)s") % {"tiers": ", ".join(audience.get("tiers", []))}


def _list_of(benefit: Benefit) -> list[PriceRow]:
    """The price list that a benefit has now."""
    return [
        PriceRow(
            sku=row.sku,
            name=row.item_name,
            list_minor=row.list_minor,
            price_minor=row.price_minor,
            tier_code=row.tier_code,
        )
        for row in prices.present(merchant_id=benefit.merchant_id, benefit_id=benefit.pk)
    ]
