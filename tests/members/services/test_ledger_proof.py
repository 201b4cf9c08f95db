"""The proof of the ledger finds whatever was tampered with, names the member, and is silent about a sound ledger."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from django.db import DatabaseError, connections, transaction

from members.lib import tenant as tenancy
from members.models import PointsEntry
from members.services import ledger_proof
from tests.members.services.till import OPENED, Till

TABLES = ("pointsentry", "pointsaccount", "pointslot", "pointsallocation", "pendingpoints")
WHERE = "where merchant_id = {shop} and member_id = {m}"
# What somebody with the owner's password might do, and in what the member does not add up then.
PLANTED = {
    "an entry's points": ("update members_pointsentry set points = points + 1 {one}", "running balance"),
    "an entry's balance": ("update members_pointsentry set balance_after = balance_after + 1 {one}", "running balance"),
    "an entry's pending": ("update members_pointsentry set pending = pending + 1 {one}", "pending"),
    "an entry lost": ("delete from members_pointsentry {one}", "sequence"),
    "the last entry lost": ("delete from members_pointsentry {last}", "sequence"),
    "an entry moved to another place": ("update members_pointsentry set sequence = 99 {one}", "sequence"),
    "an entry given to another": ("update members_pointsentry set member_id = {n}, sequence = 9 {last}", "sequence"),
    "two entries changed places": (
        "update members_pointsentry set sequence = -sequence {both}; "
        "update members_pointsentry set sequence = 5 + sequence {turned}",
        "running balance",
    ),
    "what is available": ("update members_pointsaccount set available = available + 1 {all}", "balance"),
    "what waits": ("update members_pointsaccount set pending = pending + 1 {all}", "pending"),
    "a deficit": ("update members_pointsaccount set available = 0, deficit = available {all}", "balance"),
    "the account's place": ("update members_pointsaccount set sequence = sequence + 1 {all}", "sequence"),
    "a lot's rest": ("update members_pointslot set remaining = remaining - 1 {all} and remaining > 0", "lots"),
    "a lot lost": ("delete from members_pointslot {all} and remaining > 0", "lots"),
    "a lot woken up": ("update members_pointslot set expires_on = null {all} and expires_on is not null", "lots"),
    "a wait forgotten": ("update members_pendingpoints set points = 0 {all} and points > 0", "pending"),
    "a lot's size": ("update members_pointslot set amount = amount + 1 {all} and number = 5", "single lots"),
    "what was taken of a lot": ("update members_pointsallocation set points = points + 1 {all}", "single lots"),
    "of which lot it was taken": ("update members_pointsallocation set lot = 5 {all}", "single lots"),
    "what was taken forgotten": ("delete from members_pointsallocation {all}", "single lots"),
    "the lot that expired": ("update members_pointsentry set lot = 5 {all} and lot is not null", "single lots"),
    "the account lost": ("delete from members_pointsaccount {all}", "no account"),
}  # fmt: skip


def lived() -> Till:
    """A shop whose members "m" and "n" went through everything, and one "o" with nothing."""
    till = Till(rules={"expiry": {"kind": "rolling", "months": 1}, "pending_days": 2})
    till.join("n")
    till.join("o")
    for name in ("m", "n"):
        till.put("2024-01-10", f"a-{name}", 30_00, member=name, completed_at=None)
        till.adjust("2024-01-10", 50, f"lapses-{name}", name)
        till.redeem("2024-01-11", 20, f"k-{name}", name)
    till.night("2024-02-11")
    for name in ("m", "n"):
        till.adjust("2024-02-11", 7, f"stays-{name}", name)
    return till


def plant(till: Till, what: str) -> None:
    m, n = till.members["m"], till.members["n"]
    every = WHERE.format(shop=till.id, m=m)
    places = {
        "all": every,
        "one": every + " and sequence = 2",
        "last": every + " and sequence = 5",
        "both": every + " and sequence in (2, 3)",
        "turned": every + " and sequence < 0",
        "n": n,
    }
    tamper(PLANTED[what][0].format(**places))


def tamper(*statements: str) -> None:
    """As the owner of the tables, so that no trigger speaks up."""
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        for switch in ("disable", "enable"):
            for table in TABLES:
                cursor.execute(f"alter table members_{table} {switch} trigger user")
            for statement in statements if switch == "disable" else ():
                cursor.execute(statement)


@pytest.mark.django_db
def test_a_sound_ledger_has_no_mismatch():
    till, other = lived(), Till("other")
    other.adjust("2024-01-01", 5, "a")

    own = ledger_proof.prove(at=OPENED, merchant_id=till.id)
    whole = ledger_proof.prove(at=OPENED)

    assert (own.members, own.entries, own.mismatches, own.listed) == (2, 10, 0, [])
    assert (whole.members, whole.entries, whole.mismatches) == (3, 11, 0)
    till.prove()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_whatever_is_tampered_with_is_found_and_named():
    till = lived()
    other = Till("other")
    other.adjust("2024-01-01", 5, "a")
    found = {}

    for what in PLANTED:
        with connections["owner"].cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"create temporary table kept_{table} as select * from members_{table}")
        plant(till, what)
        proof = ledger_proof.prove(at=OPENED)
        assert ledger_proof.prove(at=OPENED, merchant_id=other.id).mismatches == 0
        found[what] = {each.what for each in proof.listed if each.member_id == till.members["m"]}
        assert proof.mismatches == len(proof.listed), what
        assert {each.merchant_id for each in proof.listed} == {till.id}, what
        mend()

    assert found == {what: {where} for what, (_how, where) in PLANTED.items()}
    assert ledger_proof.prove(at=OPENED).mismatches == 0


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_points_that_changed_places_between_two_lots_of_one_member_are_found():
    till = lived()
    till.adjust("2024-02-12", 4, "another lot")
    place = WHERE.format(shop=till.id, m=till.members["m"])
    tamper(
        f"update members_pointslot set remaining = 3 {place} and number = 5",
        f"update members_pointslot set amount = 9, remaining = 8 {place} and number = 6",
    )

    proof = ledger_proof.prove(at=OPENED)

    assert [(each.member_id, each.what) for each in proof.listed] == [(till.members["m"], "single lots")]


@pytest.mark.django_db
def test_more_points_than_anybody_earns_are_weighed_exactly():
    till = lived()
    for n in range(3):
        till.adjust("2024-02-12", 10**12, f"very many {n}")
    till.redeem("2024-02-13", 10**12, "very many")

    assert ledger_proof.prove(at=OPENED).mismatches == 0
    till.prove()


def mend() -> None:
    for table in TABLES:
        tamper(
            f"delete from members_{table}",
            f"insert into members_{table} select * from kept_{table}",
            f"drop table kept_{table}",
        )


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_lots_and_waits_of_somebody_without_an_account_are_found():
    till = lived()
    for table in ("pointsaccount", "pointsentry"):
        tamper(f"delete from members_{table} " + WHERE.format(shop=till.id, m=till.members["m"]))

    proof = ledger_proof.prove(at=OPENED)

    assert [(each.member_id, each.what) for each in proof.listed] == [(till.members["m"], "no account")]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_report_names_the_first_hundred_and_counts_all(monkeypatch):
    monkeypatch.setattr(ledger_proof, "LISTED", 1)
    till = lived()
    with connections["owner"].cursor() as cursor:
        cursor.execute("update members_pointsaccount set available = available + 1")

    proof = ledger_proof.prove(at=OPENED, merchant_id=till.id)

    assert (proof.mismatches, len(proof.listed)) == (2, 1)
    assert proof.as_json()["listed"] == [asdict(proof.listed[0])]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize(
    "statement", ["update members_pointsentry set points = 1", "delete from members_pointsentry"]
)
def test_an_entry_is_never_changed_or_deleted_by_anybody(statement):
    till = lived()
    before = till.picture()

    for scope in (tenancy.tenant(till.id), tenancy.platform()):
        with scope, pytest.raises(DatabaseError), transaction.atomic():
            PointsEntry.objects.raw(statement + " returning *")[:]  # the application may not
    with (
        connections["owner"].cursor() as cursor,
        pytest.raises(DatabaseError, match="never changed or deleted"),
    ):
        cursor.execute(statement)  # and a trigger stops its owner

    assert till.picture() == before


@pytest.mark.django_db
def test_a_balance_below_zero_is_refused_by_the_database_itself():
    till = lived()

    for column in ("available", "pending", "deficit"):
        statement = f"update members_pointsaccount set {column} = -1"
        refused = pytest.raises(DatabaseError, match="points_account_no")
        with (
            tenancy.tenant(till.id),
            refused,
            transaction.atomic(),
            connections["default"].cursor() as cursor,
        ):
            cursor.execute(statement)
