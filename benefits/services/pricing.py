"""Setting the shop's prices: how they meet, and the catalogue with member and fan prices (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib.quotes import Cut, PriceRules, SkuPrices
from benefits.models import PriceVersion, SkuPrice
from members.lib.refusals import Invalid
from members.services import audit, programs
from members.services.audit import Actor

LONGEST_SKU = 64
BATCH = 5_000


@transaction.atomic
def configure(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    rules: PriceRules,
    catalogue: Sequence[SkuPrices],
) -> PriceVersion:
    """Replace how prices meet and the whole catalogue from `at` on. What was quoted before stays what it was.

    Raises Invalid for a SKU named twice, or one that has not 1 to 64 characters.
    """
    twice = [sku for sku, count in Counter(each.sku for each in catalogue).items() if count > 1]
    if twice:
        raise Invalid(_("The SKU “%(sku)s” is named twice.") % {"sku": twice[0]})
    for each in catalogue:
        if not 1 <= len(each.sku) <= LONGEST_SKU:
            raise Invalid(_("A SKU has 1 to %(most)s characters.") % {"most": LONGEST_SKU})
    program = programs.lock_for_write(merchant_id=merchant_id)
    before = PriceVersion.objects.of(merchant_id).order_by("-number").first()
    version = PriceVersion.objects.create(
        merchant_id=merchant_id,
        number=1 if before is None else before.number + 1,
        at=at,
        stack=rules.stack,
        rewards=[[each.at_least_minor, each.off_minor] for each in rules.rewards],
        by_id=actor.user_id,
    )
    SkuPrice.objects.of(merchant_id).filter(to_at=None).update(to_at=at)
    SkuPrice.objects.bulk_create((_row(merchant_id, each, at) for each in catalogue), batch_size=BATCH)
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="prices.changed",
        subject=("program", program.merchant.slug),
        after={"version": version.number, "skus": len(catalogue)},
    )
    return version


def _row(merchant_id: int, prices: SkuPrices, at: dt.datetime) -> SkuPrice:
    return SkuPrice(
        merchant_id=merchant_id,
        sku=prices.sku,
        list_minor=prices.list_minor,
        sale_minor=prices.sale_minor,
        floor_minor=prices.floor_minor,
        members={tier: _said(cut) for tier, cut in prices.members.items()},
        fans=None if prices.fans is None else _said(prices.fans),
        from_at=at,
    )


def _said(cut: Cut) -> dict[str, str]:
    return {cut.way: f"{cut.value:f}"}
