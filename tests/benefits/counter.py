"""A shop's counter for tests of entitlements: the real services, told shortly. Instants as in the shop's till."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from benefits.models import Benefit, Entitlement, EntitlementUse
from benefits.selectors import coverage as coverage_selector
from benefits.services import benefits, claims, entitlements_daily, tills
from members.lib import tenant as tenancy
from members.lib.periods import daily_job_instant
from members.services.audit import Actor
from tests.members.services.till import JOB, OPENED, ZONE, Till, at

OFF = {"off_minor": 1000}
DAY = "2024-02-01"
CASHIER = Actor("api_key", "Till 1")


def use_by_keys(merchant_id: int, member_id: int, benefit_id: int, keys: int) -> None:
    """A caller that claims and redeems under each of so many keys, and begins at the first when it is started again."""
    who: dict[str, Any] = {"merchant_id": merchant_id, "at": at(DAY), "actor": CASHIER}
    for n in range(keys):
        with tenancy.tenant(merchant_id):
            mine, _is_new = claims.claim(member_id=member_id, benefit_id=benefit_id, key=f"key {n}", **who)
        with tenancy.tenant(merchant_id):
            tills.redeem(code=mine.code, key=f"key {n}", **who)


@dataclass
class Counter(Till):
    """An open shop with one member "m"; keys are made where a test does not care."""

    keys: int = 0

    def _key(self, key: str) -> str:
        self.keys += 1
        return key or f"k{self.keys}"

    def publish(self, kind: str = "coupon", when: str | dt.datetime = OPENED, **more: Any) -> Benefit:
        """A benefit in force; 10 yuan off unless told."""
        if kind in ("coupon", "repurchase_coupon"):
            more["settings"] = OFF | more.get("settings", {})
        with tenancy.tenant(self.id):
            return benefits.publish_benefit(
                merchant_id=self.id, at=at(when), actor=JOB, kind=kind, **{"name": kind, **more}
            )

    def move(self, benefit: Benefit, verb: str, when: str | dt.datetime = DAY, **more: Any) -> Benefit:
        """Pause, resume, end, change a benefit, or set its stock."""
        service = {"stock": "set_stock"}.get(verb, f"{verb}_benefit")
        with tenancy.tenant(self.id):
            return getattr(benefits, service)(
                merchant_id=self.id, benefit_id=benefit.pk, at=at(when), actor=JOB, **more
            )

    def claim(
        self,
        benefit: Benefit,
        when: str | dt.datetime = DAY,
        *,
        member: str = "m",
        key: str = "",
        how: str = "claim",
        **more: Any,
    ) -> Entitlement:
        """Claim, exchange or give."""
        with tenancy.tenant(self.id):
            made, _is_new = getattr(claims, how)(
                merchant_id=self.id,
                at=at(when),
                actor=JOB,
                member_id=self.members[member],
                benefit_id=benefit.pk,
                key=self._key(key),
                **more,
            )
        return made

    def revoke(self, code: str, when: str = DAY, reason: str = "a mistake") -> Entitlement:
        with tenancy.tenant(self.id):
            return claims.revoke(merchant_id=self.id, at=at(when), actor=JOB, code=code, reason=reason)

    def do(
        self, verb: str, code: str, when: str | dt.datetime = DAY, *, key: str = "", **more: Any
    ) -> tills.Done:
        """Redeem, reserve, release."""
        with tenancy.tenant(self.id):
            return getattr(tills, verb)(
                merchant_id=self.id, at=at(when), actor=CASHIER, code=code, key=self._key(key), **more
            )

    def undo(self, done: tills.Done, when: str | dt.datetime = DAY) -> tills.Done:
        with tenancy.tenant(self.id):
            return tills.undo(merchant_id=self.id, at=at(when), actor=CASHIER, use_id=done.use.public_id)

    def nightly(self, day: str) -> dict[str, int]:
        """The daily job for entitlements, 03:00."""
        with tenancy.platform():
            return entitlements_daily.run_daily(
                zone=ZONE.key, at=daily_job_instant(dt.date.fromisoformat(day), ZONE)
            )

    def stored(self, code: str) -> Entitlement:
        with tenancy.tenant(self.id), transaction.atomic():
            return Entitlement.objects.of(self.id).get(code=code)

    def of(self, member: str = "m") -> list[Entitlement]:
        """A member's entitlements, oldest first."""
        with tenancy.tenant(self.id), transaction.atomic():
            rows = Entitlement.objects.of(self.id).filter(member_id=self.members[member])
            return list(rows.select_related("benefit").order_by("id"))

    def uses(self) -> list[tuple[str, int]]:
        """What was done, in order: (action, uses left)."""
        with tenancy.tenant(self.id), transaction.atomic():
            rows = EntitlementUse.objects.of(self.id).order_by("id")
            return list(rows.values_list("action", "left_after"))

    def stock(self, benefit: Benefit) -> int | None:
        with tenancy.tenant(self.id), transaction.atomic():
            return Benefit.objects.of(self.id).get(pk=benefit.pk).stock

    def covered(self, benefit: Benefit) -> Any:
        """The stretches in which a benefit was in force."""
        with tenancy.tenant(self.id), transaction.atomic():
            return coverage_selector.spans_of(merchant_id=self.id, benefit_id=benefit.pk)
