"""Member price lists: read, shown, and stored once a person confirms (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib.prices import PriceList, PriceRow
from benefits.models import Benefit, CatalogueSku, MemberPrice, PriceUpload
from benefits.selectors.prices import present
from benefits.services import price_guard
from members.lib.refusals import Invalid, NotFound
from members.services.audit import Actor


def store_list(*, benefit: Benefit, rows: Sequence[PriceRow], at: dt.datetime, actor: Actor) -> None:
    """Make `rows` the benefit's list from `at` on: what differs or is left out ends there, what is new begins, what
    is the same stays untouched. The catalogue takes the names and list prices of the file. What the price guard finds
    in rows that are new is kept.

    Called by the services of benefits in their transaction, with the merchant's benefits locked. Raises PriceBlocked.
    """
    items = _store_items(benefit.merchant_id, rows, at)
    wanted = {(items[row.sku], row.tier_code): row for row in rows}
    ended = []
    for old in present(merchant_id=benefit.merchant_id, benefit_id=benefit.pk):
        row = wanted.get((old.item_id, old.tier_code))
        if row and (row.price_minor, row.list_minor) == (old.price_minor, old.list_minor):
            del wanted[(old.item_id, old.tier_code)]
        else:
            ended.append(old.pk)
    found = price_guard.judge_list(merchant_id=benefit.merchant_id, at=at, rows=list(wanted.values()))
    price_guard.refuse(found, merchant_id=benefit.merchant_id)
    price_guard.keep(
        found, merchant_id=benefit.merchant_id, at=at, actor=actor, source="list", source_id=benefit.public_id
    )
    MemberPrice.objects.of(benefit.merchant_id).filter(pk__in=ended).update(to_at=at)
    MemberPrice.objects.bulk_create(
        [
            MemberPrice(
                merchant_id=benefit.merchant_id,
                benefit_id=benefit.pk,
                item_id=item_id,
                tier_code=tier_code,
                price_minor=row.price_minor,
                list_minor=row.list_minor,
                from_at=at,
            )
            for (item_id, tier_code), row in wanted.items()
        ],
        batch_size=2_000,
    )


def _store_items(merchant_id: int, rows: Sequence[PriceRow], at: dt.datetime) -> dict[str, int]:
    """Write the catalogue items of a list; SKU -> id."""
    items = {
        row.sku: CatalogueSku(
            merchant_id=merchant_id, sku=row.sku, name=row.name, list_minor=row.list_minor, changed_at=at
        )
        for row in rows
    }
    known = {
        each.sku: each
        for each in CatalogueSku.objects.of(merchant_id).filter(sku__in=list(items)).select_for_update()
    }
    fresh = [item for sku, item in items.items() if sku not in known or _differs(item, known[sku])]
    CatalogueSku.objects.bulk_create(
        sorted(fresh, key=lambda item: item.sku),
        batch_size=2_000,
        update_conflicts=True,
        unique_fields=["merchant", "sku"],
        update_fields=["name", "list_minor", "changed_at"],
    )
    return dict(CatalogueSku.objects.of(merchant_id).filter(sku__in=list(items)).values_list("sku", "id"))


def _differs(item: CatalogueSku, known: CatalogueSku) -> bool:
    # A file without names takes none away.
    item.name = item.name or known.name
    return (item.name, item.list_minor) != (known.name, known.list_minor)


@transaction.atomic
def keep_upload(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    price_list: PriceList,
    file_name: str,
    benefit: Benefit | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> PriceUpload:
    """Keep a list that was read until a person confirms it; no price changes. `arguments` are JSON values of the
    benefit to be published with it. Raises Invalid when no row of it is good."""
    if not price_list.rows:
        raise Invalid(
            _("No row of this file can be used."),
            errors={"file": _first_reason(price_list)},
        )
    return PriceUpload.objects.create(
        merchant_id=merchant_id,
        benefit=benefit,
        arguments=dict(arguments or {}),
        file_name=file_name[:160].replace("\x00", ""),
        rows=[row.as_json() for row in price_list.rows],
        rejects=[reject.as_json() for reject in price_list.rejects],
        uploaded_at=at,
        uploaded_by_id=actor.user_id,
    )


def _first_reason(price_list: PriceList) -> Any:
    if not price_list.rejects:
        return _("The file has a header and no rows.")
    first = price_list.rejects[0]
    return _("No row of this file can be used. Line %(line)d: %(reason)s") % {
        "line": first.line,
        "reason": first.reason,
    }


def lock_upload(*, merchant_id: int, public_id: str) -> PriceUpload:
    """A list waiting for confirmation, locked. Raises NotFound."""
    found = PriceUpload.objects.of(merchant_id).select_for_update().filter(public_id=public_id).first()
    if found is None:
        raise NotFound(_("There is no such price list."))
    return found
