"""A shop system talking to the API over HTTP, with a real key."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from members.lib import tenant as tenancy
from members.lib.fields import opaque_id
from members.lib.scopes import Scope
from members.models import Merchant, Program
from members.services import api_keys, members, programs, tier_rules
from members.services.audit import Actor

SHANGHAI = ZoneInfo("Asia/Shanghai")
OPENED = dt.datetime(2024, 5, 15, 12, 0, tzinfo=SHANGHAI)
JOB = Actor.job("test")
LADDER = [{"code": "base"}, {"code": "silver", "all": {"spend_minor": 100_000}}]


class System:
    """Holds a key of a shop; every call is one HTTP request."""

    def __init__(self, shop: Merchant, scopes: list[str] | None = None) -> None:
        self.shop, self.client = shop, Client()
        with tenancy.tenant(shop.pk), transaction.atomic():
            self.key, self.secret = api_keys.create_key(
                merchant_id=shop.pk,
                name="Till",
                scopes=Scope.values if scopes is None else scopes,
                actor=JOB,
                at=OPENED,
            )

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        raw: bytes | None = None,
        **headers: str,
    ) -> Any:
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.secret}", "Accept-Language": "en", **headers}
        if key:
            headers["Idempotency-Key"] = key
        return self.client.generic(
            method, f"/api/v1{path}", sent, content_type="application/json", headers=headers
        )

    def get(self, path: str, **more: Any) -> Any:
        return self("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self("POST", path, body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> Any:
        return self("PUT", path, body, **more)

    def patch(self, path: str, body: Any = None, **more: Any) -> Any:
        return self("PATCH", path, body, **more)


def open_shop(shop: Merchant) -> None:
    """Open its program with a ladder of base and silver."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        tier_rules.configure(
            merchant_id=shop.pk,
            at=OPENED,
            actor=JOB,
            window={"kind": "rolling", "days": 365},
            validity_months=12,
            grace_days=0,
            downgrade="to_qualified",
            ladder=LADDER,
        )
        programs.open_program(merchant_id=shop.pk, at=OPENED, actor=JOB)


def close(shop: Merchant, kind: str) -> None:
    """Close its program: by its merchant ("closed") or by a clearance ("cleared")."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        program = Program.objects.get(merchant_id=shop.pk)
        programs.begin_closure(program=program, at=OPENED + dt.timedelta(days=1), kind=kind, actor=JOB)


def join(shop: Merchant, external_id: str, **more: Any) -> Any:
    """A member of the shop."""
    with tenancy.tenant(shop.pk):
        return members.join(
            merchant_id=shop.pk, at=OPENED, actor=JOB, channel="web", external_id=external_id, **more
        )


def give(system: System, member: Any, points: int) -> None:
    """So many points more (fewer, when negative) for a member."""
    path = f"/members/{member.public_id}/points/adjustments"
    body = {"points": points, "reason": "given"}
    assert system.post(path, body, key=opaque_id()).status_code == 201


def queries_of(system: System, path: str) -> int:
    """How many queries a GET takes, from the first middleware to the last."""
    with CaptureQueriesContext(connection) as queries:
        assert system.get(path).status_code == 200
    return len(queries)
