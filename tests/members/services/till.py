"""A shop's till for tests of points: the real services, told shortly. An instant is a day (its noon) or a minute."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from compliance.services import life
from members.lib import tenant as tenancy
from members.lib.periods import daily_job_instant
from members.lib.refusals import Refusal
from members.models import PointsAllocation, PointsEntry, PointsLot, PointsRequest
from members.selectors import points as selector
from members.services import daily, ledger_proof, merchants, orders, point_rules, points, programs
from members.services import members as joining
from members.services.audit import Actor

JOB = Actor.job("test")
ZONE = ZoneInfo("Asia/Shanghai")
OPENED = dt.datetime(2023, 12, 1, 12, tzinfo=ZONE)
TABLES = ("account", "allocation", "entry", "lot", "request")


def redeem_by_keys(merchant_id: int, member_id: int, keys: int) -> None:
    """A caller that redeems a point under each of so many keys, and begins at the first when it is started again."""
    for n in range(keys):
        with tenancy.tenant(merchant_id):
            points.redeem(
                merchant_id=merchant_id, at=OPENED, actor=JOB, member_id=member_id, points=1, key=f"key {n}"
            )


def at(when: str | dt.datetime) -> dt.datetime:
    """An instant in Shanghai: a day's noon, or the minute given."""
    if isinstance(when, dt.datetime):
        return when
    text = when if " " in when else f"{when} 12:00"
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZONE)


@dataclass
class Till:
    """One shop, open, with one member "m" (and more by `join`)."""

    name: str = "shop"
    rules: dict[str, Any] = field(default_factory=dict)
    currency: str = "CNY"
    zone: str = ZONE.key
    members: dict[str, int] = field(default_factory=dict)
    id: int = 0

    def __post_init__(self) -> None:
        with tenancy.platform(), transaction.atomic():
            made = merchants.create_merchant(
                name=self.name, owner=None, at=OPENED, actor=JOB, currency=self.currency, timezone=self.zone
            )
        self.id = made.pk
        with tenancy.tenant(self.id), transaction.atomic():
            programs.open_program(merchant_id=self.id, at=OPENED, actor=JOB)
        self.configure(OPENED, **self.rules)
        self.join("m")

    # -- what happens

    def configure(self, when: str | dt.datetime, **rules: Any) -> None:
        with tenancy.tenant(self.id):
            point_rules.configure(
                merchant_id=self.id, at=at(when), actor=JOB, **{"per_major": Decimal(1), **rules}
            )

    def join(self, name: str, when: str | dt.datetime = OPENED) -> int:
        with tenancy.tenant(self.id):
            made = joining.join(merchant_id=self.id, at=at(when), actor=JOB, channel="web", external_id=name)
        self.members[name] = made.pk
        return made.pk

    def put(
        self, when: str | dt.datetime, order: str, *amounts: int, member: str | None = "m", **more: Any
    ) -> Any:
        lines = [orders.LineIn(f"s{n}", 1, amount) for n, amount in enumerate(amounts)]
        put = orders.OrderIn(order, lines, member_id=self.members[member] if member else None, **more)
        with tenancy.tenant(self.id):
            return orders.put_order(merchant_id=self.id, at=at(when), actor=JOB, order=put)

    def refund(self, when: str | dt.datetime, order: str, refund: str, *lines: tuple[int, int]) -> Any:
        with tenancy.tenant(self.id):
            return orders.refund_order(
                merchant_id=self.id,
                at=at(when),
                actor=JOB,
                channel="web",
                external_id=order,
                refund_id=refund,
                lines=lines or None,
            )

    def act(
        self, verb: str, when: str | dt.datetime, *, actor: Actor = JOB, member: str = "", **what: Any
    ) -> Any:
        """Any act of `members.services.points`."""
        if member:
            what["member_id"] = self.members[member]
        with tenancy.tenant(self.id):
            return getattr(points, verb)(merchant_id=self.id, at=at(when), actor=actor, **what)

    def redeem(self, when: str, wanted: int, key: str, member: str = "m", **more: Any) -> Any:
        return self.act("redeem", when, member=member, points=wanted, key=key, **more)

    def hold(self, when: str, wanted: int, key: str, member: str = "m", **more: Any) -> Any:
        return self.act("hold", when, member=member, points=wanted, key=key, **more)

    def adjust(self, when: str, by: int, key: str, member: str = "m", **more: Any) -> Any:
        return self.act("adjust", when, member=member, points=by, key=key, **{"reason": "a test", **more})

    def give_back(self, when: str, wanted: int, key: str, member: str = "m") -> Any:
        return self.act("give_back", when, member=member, points=wanted, key=key)

    def night(self, day: str) -> dict[str, int]:
        """The daily job of a day, 03:00."""
        with tenancy.platform():
            return daily.run_daily(zone=ZONE.key, at=daily_job_instant(dt.date.fromisoformat(day), ZONE))

    def close(self, when: str) -> None:
        with tenancy.tenant(self.id), transaction.atomic():
            programs.close_program(merchant_id=self.id, at=at(when), actor=JOB)

    def open(self, when: str) -> None:
        with tenancy.tenant(self.id):
            life.open_program(merchant_id=self.id, at=at(when), actor=JOB)

    # -- what it comes to

    def account(self, member: str = "m") -> dict[str, Any]:
        """As `show points`."""
        with tenancy.tenant(self.id), transaction.atomic():
            return selector.standing(merchant_id=self.id, member_id=self.members[member], at=OPENED)

    def balance(self, member: str = "m") -> tuple[int, int, int]:
        """(available, pending, deficit)."""
        found = self.account(member)
        return found["available"], found["pending"], found["deficit"]

    def lots(self, member: str = "m") -> list[tuple[int, str | None]]:
        """(points, last usable day) in spending order."""
        return [
            (lot["remaining"], lot["expires_on"] and lot["expires_on"].isoformat())
            for lot in self.account(member)["lots"]
        ]

    def entries(self, member: str = "m") -> list[tuple[str, int, int]]:
        """(kind, points, pending)."""
        with tenancy.tenant(self.id), transaction.atomic():
            rows = PointsEntry.objects.of(self.id).filter(member_id=self.members[member])
            return list(rows.order_by("sequence").values_list("kind", "points", "pending"))

    def last(self, member: str = "m") -> tuple[str, int, int]:
        return self.entries(member)[-1]

    def entry(self, member: str = "m") -> PointsEntry:
        """The last one whole."""
        with tenancy.tenant(self.id), transaction.atomic():
            found = PointsEntry.objects.of(self.id).filter(member_id=self.members[member])
            return found.order_by("-sequence")[0]

    def request(self, key: str) -> PointsRequest:
        with tenancy.tenant(self.id), transaction.atomic():
            return PointsRequest.objects.of(self.id).get(key=key)

    def picture(self) -> list[Any]:
        """Every row of every points table of the shop."""
        with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
            rows = []
            for table in TABLES:
                cursor.execute(
                    f"select * from members_points{table} t where merchant_id = %s order by t", [self.id]
                )
                rows.append(cursor.fetchall())
            return rows

    def refused(self, act: Any, *arguments: Any, **more: Any) -> Refusal:
        """The act is refused, and nothing moved."""
        before = self.picture()
        try:
            act(*arguments, **more)
        except Refusal as refusal:
            assert self.picture() == before
            return refusal
        raise AssertionError("it was not refused")

    def prove(self) -> None:
        """The ledger adds up, and what lots have left is what allocations say (but for lots that expired)."""
        proof = ledger_proof.prove(at=OPENED, merchant_id=self.id)
        assert proof.mismatches == 0, proof.listed
        with tenancy.tenant(self.id), transaction.atomic():
            spent: dict[tuple[int, int], int] = {}
            for member, lot, part in PointsAllocation.objects.of(self.id).values_list(
                "member_id", "lot", "points"
            ):
                spent[member, lot] = spent.get((member, lot), 0) + part
            for lot in PointsLot.objects.of(self.id).filter(amount__gt=0):
                is_whole = lot.amount - spent.get((lot.member_id, lot.number), 0) - lot.remaining
                assert is_whole == 0 or (is_whole > 0 and lot.expires_on is not None), lot.__dict__
