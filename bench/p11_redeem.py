"""P11: redeeming a code at the till, over HTTP, beside a plain Django "hello" on the same server.

Every redemption is of a code of its own, under a key of its own, as durable as everywhere; so none finds a lock held,
and none is answered from what was done before.
"""

from __future__ import annotations

import http.client
import itertools
import statistics
from collections.abc import Iterator

from django.db import connections, transaction

from bench import ledger_world
from bench.harness import Row, say, scratch
from bench.p7_api import CLIENTS, SECONDS, asked, hello, in_turns, server
from benefits.lib.codes import new_codes
from benefits.services import benefits, claims
from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.services import api_keys

MEMBERS = 2_000
CODES = {"small": 40_000, "full": 160_000}
# Copies of one real entitlement, so that a new column of entitlements needs no word here.
ENTITLEMENTS = """
insert into benefits_entitlement
select (jsonb_populate_record(e, jsonb_build_object('id', e.id + n, 'code', c.code, 'member_id', 1 + n %% %(members)s,
    'cause', 'bench:' || n))).*
from benefits_entitlement e, unnest(%(codes)s::text[]) with ordinality as c(code, n)
where e.merchant_id = %(merchant)s and e.id = %(model)s
"""


def run(scale: str) -> Iterator[Row]:
    """One row."""
    with scratch() as database:
        shop = ledger_world.shop("P11")
        ledger_world.fill(shop, members=MEMBERS, lots=1, expires_on="date '2030-01-01' + n")
        codes = _fill(shop, CODES[scale])
        with tenancy.tenant(shop), transaction.atomic():
            _key, secret = api_keys.create_key(
                merchant_id=shop,
                name="Till",
                scopes=[Scope.BENEFITS_WRITE],
                actor=ledger_world.BENCH,
                at=ledger_world.OPENED_AT,
            )
        with server(database) as port:
            yield _redeemed(port, secret, codes, SECONDS[scale])


def _fill(shop: int, number: int) -> list[str]:
    """So many codes of one coupon, spread over the members."""
    about = {"merchant_id": shop, "at": ledger_world.OPENED_AT, "actor": ledger_world.BENCH}
    with tenancy.tenant(shop), transaction.atomic():
        coupon = benefits.publish_benefit(
            kind="coupon", name="Ten off", settings={"off_minor": 1000}, **about
        )
        model, _is_new = claims.claim(member_id=1, benefit_id=coupon.pk, key="model", **about)
    codes = list(dict.fromkeys(new_codes(number)))
    values = {"merchant": shop, "model": model.pk, "members": MEMBERS, "codes": codes}
    with connections["owner"].cursor() as cursor:
        cursor.execute(ENTITLEMENTS, values)
        cursor.execute("vacuum analyze benefits_entitlement, benefits_benefit, members_member")
    return codes


def _redeemed(port: int, secret: str, codes: list[str], seconds: float) -> Row:
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    turn = itertools.count()

    def redeem(connection: http.client.HTTPConnection) -> int:
        number = next(turn)
        path = f"/api/v1/entitlements/{codes[number]}/redeem"
        return asked(connection, "POST", path, "{}", headers | {"Idempotency-Key": f"bench-{number}"}, 200)

    rates = in_turns(port, {"hello": hello, "redeem": redeem}, seconds)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    say("P11: " + ", ".join(f"{name} {rate:,.0f} a second" for name, rate in medians.items()))
    pairs = zip(rates["redeem"], rates["hello"], strict=True)
    return Row(
        "P11-redeem, a code redeemed at the till",
        statistics.median(ours / plain for ours, plain in pairs),
        f"Django hello on the same server, {CLIENTS} clients, {medians['hello']:,.0f} a second",
        0.25,
        len(codes),
        at_least=True,
        note=f"{medians['redeem']:,.0f} a second",
    )
