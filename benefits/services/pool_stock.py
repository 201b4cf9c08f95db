"""The codes of a pool as the stock of their benefit: as many pieces as there are free codes (domain.md 8).

Whoever holds the benefit's row, as every issue does, is the only one who takes codes of it; `skip locked` lets an issue
pass over what an upload that is taken back holds at that moment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from benefits.lib.pools import is_pooled
from benefits.models import Benefit, BenefitStatus, CodeState, CodeUpload, PoolCode
from members.lib.refusals import Busy

HANDED = """
with free as (
    select id, row_number() over () as place from (
        select id from benefits_poolcode
        where merchant_id = %(merchant)s and benefit_id = %(benefit)s and state = 'free'
        order by id limit %(pieces)s for update skip locked) first
),
given as (
    select id, row_number() over () as place from unnest(%(entitlements)s::bigint[]) x (id)
)
update benefits_poolcode c set state = 'given', entitlement_id = given.id, given_at = %(at)s
from free join given using (place) where c.merchant_id = %(merchant)s and c.id = free.id
"""


def free_codes(benefit: Benefit) -> int:
    """How many codes of a benefit's pool nobody has. One query."""
    rows = PoolCode.objects.of(benefit.merchant_id).filter(benefit_id=benefit.pk, state=CodeState.FREE)
    return rows.count() if benefit.pk else 0


def settle(benefit: Benefit) -> None:
    """Give a benefit with a pool the stock that its pool is; a draft has none. The caller saves it."""
    if is_pooled(benefit.settings):
        benefit.stock = None if benefit.status == BenefitStatus.DRAFT else free_codes(benefit)


def discard(benefit: Benefit) -> None:
    """Delete the codes of a draft that is deleted: nobody was given one."""
    for model in (PoolCode, CodeUpload):
        model.objects.of(benefit.merchant_id).filter(benefit_id=benefit.pk).delete()


def hand_out(benefit: Benefit, entitlement_ids: Sequence[int], at: dt.datetime) -> None:
    """Give each entitlement a code of the pool, in the transaction that issues them and took the stock. Raises Busy
    where a free code is held elsewhere: nothing is issued then."""
    values: dict[str, Any] = {
        "merchant": benefit.merchant_id, "benefit": benefit.pk, "pieces": len(entitlement_ids),
        "entitlements": sorted(entitlement_ids), "at": at,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(HANDED, values)
        if cursor.rowcount != len(entitlement_ids):
            raise Busy(_("The codes of this benefit were changed at this very moment. Try again."))
