"""The nightly proof: all shops, a few at a time, once a night, going on where it was killed; and an alarm."""

from __future__ import annotations

import datetime as dt
import logging

import pytest
from django.core import mail
from django.db import connections, transaction

from members.lib import tenant as tenancy
from members.models import LedgerProof, OutboxRow
from members.services import ledger_nights, ledger_proof, outbox
from tests.members.services.till import OPENED, Till

NIGHT = dt.date(2024, 3, 1)


def prove(night: dt.date = NIGHT) -> dict[str, int]:
    return ledger_nights.prove_night(night=night, at=OPENED)


def proofs() -> list[LedgerProof]:
    with tenancy.platform(), transaction.atomic():
        return list(LedgerProof.objects.order_by("night"))


def shops(n: int) -> list[Till]:
    found = [Till(f"shop {place}") for place in range(n)]
    for till in found:
        till.adjust("2024-01-01", 5, "a")
    return found


def tamper(till: Till) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "update members_pointsaccount set available = available + 1 where merchant_id = %s", [till.id]
        )


@pytest.mark.django_db
def test_a_sound_night_is_written_down_and_nobody_is_alarmed(cast):
    shops(3)

    assert prove() == {"merchants": 3, "members": 3, "entries": 3, "mismatches": 0, "statements": 0}

    (row,) = proofs()
    assert (row.night, row.done_at, row.listed) == (NIGHT, OPENED, [])
    with tenancy.platform(), transaction.atomic():
        assert ledger_nights.alarming() is None
        assert not OutboxRow.objects.filter(topic=ledger_nights.TOPIC).exists()


@pytest.mark.django_db
def test_a_night_is_proved_once_and_the_next_anew(cast):
    (till,) = shops(1)
    first = prove()
    till.adjust("2024-01-02", 5, "b")

    assert prove() == first
    assert prove(NIGHT + dt.timedelta(days=1))["entries"] == 2
    assert len(proofs()) == 2


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_difference_is_listed_and_alarms_the_log_and_every_admin_once(cast, caplog):
    _sound, broken, _also_sound = shops(3)
    tamper(broken)
    caplog.set_level(logging.ERROR)

    assert prove()["mismatches"] == 1
    prove()
    with tenancy.platform():
        outbox.drain(at=OPENED)

    (row,) = proofs()
    member = broken.members["m"]
    assert row.listed == [{"merchant_id": broken.id, "member_id": member, "what": "balance"}]
    assert sum("ledger_does_not_add_up" in record.getMessage() for record in caplog.records) == 1
    alarms = [message for message in mail.outbox if message.to == [cast.admin.email]]
    assert len(alarms) == 1
    assert "2024-03-01" in alarms[0].body
    assert "/platform/members/ledgerproof/" in alarms[0].body
    assert cast.owner.email not in [to for message in mail.outbox for to in message.to]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_proof_that_was_killed_goes_on_behind_the_shops_it_had_proved(cast, monkeypatch):
    found = shops(5)
    tamper(found[0])
    monkeypatch.setattr(ledger_nights, "CHUNK", 2)
    whole, asked = ledger_proof.prove_shops, []

    def killed(**span: int) -> ledger_proof.Proof:
        asked.append(span)
        if len(asked) == 2:
            raise SystemExit
        return whole(**span)

    monkeypatch.setattr(ledger_proof, "prove_shops", killed)
    with pytest.raises(SystemExit):
        prove()
    (half,) = proofs()
    assert (half.done_at, half.merchants, half.mismatches) == (None, 2, 1)

    report = prove()

    assert report == {"merchants": 5, "members": 5, "entries": 5, "mismatches": 1, "statements": 0}
    assert asked[1] == asked[2]
    assert [span["first"] for span in asked[2:]] == [found[1].id + 1, found[3].id + 1]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_what_is_left_of_a_ledger_whose_entries_are_gone_is_found(cast):
    (till,) = shops(1)
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute("alter table members_pointsentry disable trigger user")
        cursor.execute("delete from members_pointsentry where merchant_id = %s", [till.id])
        cursor.execute("alter table members_pointsentry enable trigger user")

    assert prove()["mismatches"] == 1


def forge(table: str, change: str) -> None:
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute(f"alter table {table} disable trigger user")
        cursor.execute(f"update {table} {change}")
        cursor.execute(f"alter table {table} enable trigger user")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_closed_month_that_no_longer_agrees_with_the_ledger_is_listed_and_alarms(cast, caplog):
    sound, forged = shops(2)
    for till in (sound, forged):
        till.adjust("2024-02-05", 7, "b")
    sound.night("2024-03-01")
    assert prove(NIGHT - dt.timedelta(days=1))["statements"] == 0
    forge(
        "members_pointsentry",
        f"set at = at + interval '1 hour' where merchant_id = {forged.id} and points = 7",
    )
    caplog.set_level(logging.ERROR)

    report = prove()
    with tenancy.platform():
        outbox.drain(at=OPENED)

    assert (report["mismatches"], report["statements"]) == (0, 1)
    row = proofs()[-1]
    assert row.listed == [{"merchant_id": forged.id, "month": "2024-02"}]
    with tenancy.platform(), transaction.atomic():
        assert ledger_nights.alarming() == row
    assert sum("ledger_does_not_add_up" in record.getMessage() for record in caplog.records) == 1
    (alarm,) = [message for message in mail.outbox if message.to == [cast.admin.email]]
    assert "1" in alarm.subject
    assert "2024-03-01" in alarm.body


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_sums_that_differ_are_an_alarm_even_if_no_member_can_be_named(cast, monkeypatch):
    (till,) = shops(1)
    tamper(till)
    monkeypatch.setattr(ledger_proof, "MEMBERS", "select 1, 'x', 1 where %(merchant)s < %(listed)s and false")

    assert prove()["mismatches"] == 1

    assert proofs()[0].listed == [{"merchant_id": till.id, "member_id": 0, "what": "sums"}]
    with tenancy.platform(), transaction.atomic():
        assert OutboxRow.objects.filter(topic=ledger_nights.TOPIC).exists()
