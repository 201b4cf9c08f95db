"""Setting the shop's prices: how they meet, and the catalogue with member and fan prices (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from benefits.lib.price_edits import LONGEST_SKU
from benefits.lib.price_plans import cells_between
from benefits.lib.quotes import Cut, PriceRules, SkuPrices
from benefits.models import PriceVersion, SkuPrice
from benefits.selectors.quotes import prices_of
from benefits.services import catalogue
from members.lib.refusals import Invalid
from members.services import audit, programs
from members.services.audit import Actor

BATCH = 5_000
MOST_BEHIND = dt.timedelta(minutes=1)  # how long a request may have waited for one that was sent later
PRICES = ("list_minor", "sale_minor", "floor_minor", "members", "fans", "plans")


@transaction.atomic
def configure(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    rules: PriceRules,
    catalogue: Sequence[SkuPrices],
) -> PriceVersion:
    """Have prices meet so, and the catalogue be this, from `at` on. What was quoted before stays what it was.

    Only the SKUs whose prices differ are written; when nothing differs the present version is returned. Raises Invalid
    for a SKU named twice, one that has not 1 to 64 characters, or when a later version exists.
    """
    wanted = _checked(catalogue)
    program = programs.lock_for_close(merchant_id=merchant_id)
    before = latest(merchant_id=merchant_id, at=at)
    changed = _store(merchant_id, wanted, at)
    said = {
        "stack": rules.stack,
        "rewards": [[each.at_least_minor, each.off_minor] for each in rules.rewards],
        "layers": list(rules.layers),
    }
    if before is not None and not changed and all(getattr(before, name) == said[name] for name in said):
        return before
    version = PriceVersion.objects.create(
        merchant_id=merchant_id,
        number=1 if before is None else before.number + 1,
        at=at,
        by_id=actor.user_id,
        **said,
    )
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="prices.changed",
        subject=("program", program.merchant.slug),
        after={"version": version.number, "skus": len(changed)},
    )
    _note(version, wanted, changed, actor)
    return version


def latest(*, merchant_id: int, at: dt.datetime) -> PriceVersion | None:
    """The last version, which the next one follows. Raises Invalid when it is of a later instant."""
    found = PriceVersion.objects.of(merchant_id).order_by("-number").first()
    if found is not None and found.at > at:
        raise Invalid(_("A later version of the prices exists already."))
    return found


def in_turn(*, merchant_id: int, at: dt.datetime) -> dt.datetime:
    """The instant of a request that waited for its turn: not before that of the version that came first meanwhile.
    With the program locked. One query."""
    last = PriceVersion.objects.of(merchant_id).order_by("-number").values_list("at", flat=True).first()
    return last if last is not None and at < last <= at + MOST_BEHIND else at


def _checked(catalogue: Sequence[SkuPrices]) -> dict[str, SkuPrices]:
    """The catalogue by SKU. Raises Invalid."""
    twice = [sku for sku, count in Counter(each.sku for each in catalogue).items() if count > 1]
    if twice:
        raise Invalid(_("The SKU “%(sku)s” is named twice.") % {"sku": twice[0]})
    for each in catalogue:
        if not 1 <= len(each.sku) <= LONGEST_SKU:
            raise Invalid(_("A SKU has 1 to %(most)s characters.") % {"most": LONGEST_SKU})
    return {each.sku: each for each in catalogue}


def _store(merchant_id: int, wanted: dict[str, SkuPrices], at: dt.datetime) -> dict[str, SkuPrices | None]:
    """Close the prices that differ or are left out, forget those of later stretches, add those that are new; the SKUs
    that differ, with their prices until now."""
    rows = {sku: row_of(merchant_id, prices, at) for sku, prices in wanted.items()}
    over: list[int] = []
    differing: dict[str, SkuPrices | None] = dict.fromkeys(rows)
    later = SkuPrice.objects.of(merchant_id).filter(from_at__gt=at)
    planned = set(later.values_list("sku", flat=True))
    later.delete()
    for row in SkuPrice.objects.of(merchant_id).filter(Q(to_at=None) | Q(to_at__gt=at)).iterator():
        new = rows.get(row.sku)
        is_same = new is not None and all(getattr(new, name) == getattr(row, name) for name in PRICES)
        if is_same and row.to_at is None and row.sku not in planned:
            del rows[row.sku]
            del differing[row.sku]
        else:
            over.append(row.pk)
            differing[row.sku] = prices_of(row)
    if over:
        SkuPrice.objects.of(merchant_id).filter(pk__in=over).update(to_at=at)
    SkuPrice.objects.bulk_create(rows.values(), batch_size=BATCH)
    for sku in planned:
        differing.setdefault(sku, None)
    return differing


def _note(
    version: PriceVersion, wanted: dict[str, SkuPrices], before: dict[str, SkuPrices | None], actor: Actor
) -> None:
    """Tell the catalogue of list prices, and the history of what changed."""
    who: dict[str, Any] = {"merchant_id": version.merchant_id, "at": version.at}
    lists = {sku: prices.list_minor for sku, prices in wanted.items() if sku in before}
    catalogue.store(**who, wanted={}, lists=lists)
    cells = {sku: cells_between(old, wanted.get(sku)) for sku, old in before.items()}
    catalogue.note(
        **who,
        actor=actor,
        source="rules",
        cells={sku: some for sku, some in cells.items() if some},
        version=version.number,
    )


def row_of(
    merchant_id: int, prices: SkuPrices, at: dt.datetime, to_at: dt.datetime | None = None
) -> SkuPrice:
    """The row of a SKU's prices from an instant until another, not saved."""
    return SkuPrice(
        merchant_id=merchant_id,
        sku=prices.sku,
        list_minor=prices.list_minor,
        sale_minor=prices.sale_minor,
        floor_minor=prices.floor_minor,
        members={tier: _said(cut) for tier, cut in prices.members.items()},
        fans=None if prices.fans is None else _said(prices.fans),
        plans={plan: _said(cut) for plan, cut in prices.plans.items()},
        from_at=at,
        to_at=to_at,
    )


def _said(cut: Cut) -> dict[str, str]:
    return {cut.way: f"{cut.value:f}"}
