"""confirm_points, expire_points and prove_ledger, as programs call them (docs: interface)."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from members.lib import tenant as tenancy
from members.models import Merchant
from tests.members.services.till import Till


def told(command: str, *options: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command(command, *options, "--json", stdout=out)
    return json.loads(out.getvalue())


def slug(till: Till) -> str:
    with tenancy.platform(), transaction.atomic():
        return Merchant.objects.get(pk=till.id).slug


@pytest.fixture
def shops(db) -> tuple[Till, Till]:
    """Two shops, each with 10 points that wait until 8 January and then live a month."""
    found = Till(rules={"pending_days": 7, "expiry": {"kind": "rolling", "months": 1}}), Till("other")
    found[1].configure("2023-12-02", pending_days=7, expiry={"kind": "rolling", "months": 1})
    for till in found:
        till.put("2024-01-01", "o", 10_00)
    return found


def test_confirm_points_confirms_what_is_due_and_says_how_much(shops):
    assert told("confirm_points", "--at", "2024-01-08T11:59+08:00") == {"lots": 0, "points": 0}
    assert told("confirm_points", "--at", "2024-01-08T12:00+08:00", "--merchant", slug(shops[1])) == {
        "lots": 1,
        "points": 10,
    }
    assert [till.balance() for till in shops] == [(0, 10, 0), (10, 0, 0)]
    assert told("confirm_points", "--at", "2024-01-08T12:00+08:00") == {"lots": 1, "points": 10}
    assert told("confirm_points", "--at", "2024-01-08T12:00+08:00") == {"lots": 0, "points": 0}


def test_expire_points_expires_what_is_over_and_says_how_much(shops):
    told("confirm_points", "--at", "2024-01-10T03:00+08:00")
    shops[0].redeem("2024-01-11", 4, "k")

    assert told("expire_points", "--at", "2024-02-10T23:59+08:00") == {"lots": 0, "points": 0}
    assert told("expire_points", "--at", "2025-02-11T00:00+08:00") == {"lots": 2, "points": 16}
    assert told("expire_points", "--at", "2025-02-11T00:00+08:00") == {"lots": 0, "points": 0}
    assert [till.balance() for till in shops] == [(0, 0, 0), (0, 0, 0)]


@pytest.mark.parametrize("command", ["confirm_points", "expire_points", "prove_ledger"])
def test_a_merchant_that_is_not_there_is_said_in_one_line(db, command):
    with pytest.raises(CommandError, match="there is no merchant “nobody”"):
        told(command, "--merchant", "nobody")


def test_prove_ledger_says_how_much_it_replayed(shops):
    sound = {
        "members": 2,
        "entries": 2,
        "mismatches": 0,
        "listed": [],
        "statements": 0,
        "wrong_statements": [],
    }
    assert told("prove_ledger") == sound
    assert told("prove_ledger", "--merchant", slug(shops[0]))["members"] == 1


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_prove_ledger_fails_when_anything_does_not_add_up_and_says_who():
    till = Till()
    till.adjust("2024-01-01", 10, "a")
    with connections["owner"].cursor() as cursor:
        cursor.execute("update members_pointsaccount set available = available + 1")
    out = io.StringIO()

    with pytest.raises(CommandError, match="1 members do not add up"):
        call_command("prove_ledger", "--json", stdout=out)

    found = json.loads(out.getvalue())
    assert (found["members"], found["entries"], found["mismatches"]) == (1, 1, 1)
    assert found["listed"] == [{"merchant_id": till.id, "member_id": till.members["m"], "what": "balance"}]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_prove_ledger_fails_when_a_closed_month_no_longer_agrees_and_names_it():
    till = Till()
    till.adjust("2024-01-01", 10, "a")
    till.night("2024-02-01")
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute("alter table members_pointsstatement disable trigger user")
        cursor.execute("update members_pointsstatement set late = late + 1")
        cursor.execute("alter table members_pointsstatement enable trigger user")
    out = io.StringIO()

    with pytest.raises(
        CommandError, match=f"1 statements no longer agree \\(2024-01 of merchant {till.id}\\)"
    ):
        call_command("prove_ledger", "--json", stdout=out)

    found = json.loads(out.getvalue())
    assert (found["mismatches"], found["statements"]) == (0, 1)
    assert found["wrong_statements"] == [{"merchant_id": till.id, "month": "2024-01"}]
