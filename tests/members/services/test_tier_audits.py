"""The nightly audit of tiers: a sample recomputed, once a night, going on where it was killed; and an alarm."""

from __future__ import annotations

import datetime as dt
import logging

import pytest
from django.core import mail
from django.db import connections, transaction

from members.lib import tenant as tenancy
from members.models import TierAudit, TierMove, TierStanding
from members.services import daily, outbox, tier_audits, tier_hand
from tests.conftest import NOON
from tests.factories import ledger

NIGHT = NOON.date()
PRESENT = {"part": 0, "share": 1, "at": NOON}


@pytest.fixture
def shop(cast):
    ledger.open_shop(cast.shop, NOON)
    for number in range(3):
        member = ledger.join(cast.shop, NOON, f"u{number}")
        ledger.buy(cast.shop, member, f"o{number}", NOON, 100_000 * number)
    ledger.buy(cast.shop, member, "more", NOON, 5_000)
    ledger.refund(cast.shop, "more", NOON)
    return cast.shop


def found(shop) -> list[str]:
    return [each["what"] for each in listed(shop)]


def owner(statement: str, shop) -> None:
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute(statement, [shop.pk])


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize(
    ("what", "statement"),
    [
        ("days", "update members_dailytotal set spend_minor = spend_minor + 1 where merchant_id = %s and orders = 1"),
        ("days", "delete from members_dailytotal where merchant_id = %s"),
        ("tier", "update members_tierstanding s set valid_until = null, tier_id = (select min(id) from members_tier t "
                 "where t.merchant_id = s.merchant_id) where merchant_id = %s"),
        ("validity", "update members_tierstanding set valid_until = valid_until + 1 where merchant_id = %s"),
        ("overdue", "update members_tierstanding set valid_until = '2024-01-01' where merchant_id = %s;"
                    "update members_tiervalidity set valid_until = '2024-01-01'"),
    ],
)  # fmt: skip
def test_what_was_altered_is_found(shop, what, statement):
    assert found(shop) == []

    if ";" in statement:
        first, second = statement.split(";")
        owner(first, shop)
        with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
            cursor.execute(second)
    else:
        owner(statement, shop)

    assert found(shop) and set(found(shop)) == {what}


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_every_member_is_in_the_sample_of_one_night_in_four_weeks_and_a_difference_alarms_once(
    shop, cast, caplog
):
    owner("update members_tierstanding set valid_until = valid_until + 1 where merchant_id = %s", shop)
    caplog.set_level(logging.ERROR)
    nights = [NIGHT + dt.timedelta(days=day) for day in range(tier_audits.SHARE)]

    reports = [tier_audits.audit_night(night=night, at=NOON) for night in nights]
    again = [tier_audits.audit_night(night=night, at=NOON) for night in nights]
    with tenancy.platform():
        outbox.drain(at=NOON)

    assert again == reports
    assert sum(report["members"] for report in reports) == 3
    assert sum(report["mismatches"] for report in reports) == 2
    assert sum("tiers_differ" in record.getMessage() for record in caplog.records) == sum(
        report["mismatches"] > 0 for report in reports
    )
    alarms = [message for message in mail.outbox if message.to == [cast.admin.email]]
    assert alarms and "/platform/members/tieraudit/" in alarms[0].body


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_an_audit_that_was_killed_goes_on_behind_the_shops_it_had_audited(shop, monkeypatch):
    monkeypatch.setattr(tier_audits, "CHUNK", 1)
    whole, asked = tier_audits.audit_shops, []

    def killed(**span):
        asked.append(span["first"])
        if len(asked) == 2:
            raise SystemExit
        return whole(**span)

    monkeypatch.setattr(tier_audits, "audit_shops", killed)
    with pytest.raises(SystemExit):
        tier_audits.audit_night(night=NIGHT, at=NOON)
    tier_audits.audit_night(night=NIGHT, at=NOON)

    assert asked[1] == asked[2] and len(asked) == len(set(asked)) + 1
    with tenancy.platform(), transaction.atomic():
        assert TierAudit.objects.get().done_at == NOON


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_full_recalculation_changes_nothing_when_all_is_right_and_puts_days_right_else(shop):
    full = {"merchant_id": shop.pk, "at": NOON + dt.timedelta(hours=1)}

    right = daily.recalculate_all(**full)
    owner("update members_dailytotal set spend_minor = 7 where merchant_id = %s", shop)
    wrong = daily.recalculate_all(**full)

    assert (right.examined, right.unchanged, right.repaired) == (3, 3, 0)
    assert wrong.repaired == 3 and daily.recalculate_all(**full).repaired == 0
    assert found(shop) == []


OVERDUE = (
    "update members_tierstanding set valid_until = '2024-01-01' where merchant_id = %s",
    "update members_tiervalidity set valid_until = '2024-01-01' where merchant_id = %s",
)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_nothing_is_overdue_in_the_two_days_after_a_closure(shop):
    for statement in OVERDUE:
        owner(statement, shop)
    closure = (
        "insert into members_closure (merchant_id, kind, from_at, to_at, ended_by) "
        "values (%s, 'closed', '2024-01-01', '{}', 'merchant')"
    )
    owner(closure.format((NOON - dt.timedelta(days=3)).isoformat()), shop)
    assert set(found(shop)) == {"overdue"}

    owner(closure.format((NOON - dt.timedelta(days=1)).isoformat()), shop)

    assert found(shop) == []


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_erased_members_are_in_no_sample(shop):
    owner("update members_tierstanding set valid_until = valid_until + 1 where merchant_id = %s", shop)
    owner("update members_member set status = 'erased' where merchant_id = %s", shop)

    assert found(shop) == []


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_lift_that_did_not_happen_is_found_and_one_that_staff_took_back_is_not(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        move = TierMove.objects.of(shop.pk).order_by("id").last()
        held = TierStanding.objects.of(shop.pk).get(member_id=move.member_id)
        set_by_hand = {"merchant_id": shop.pk, "at": NOON, "actor": ledger.JOB}
    # As if neither move nor standing had ever been written.
    owner("delete from members_tiervalidity where merchant_id = %s", shop)
    owner("delete from members_tierstanding where merchant_id = %s", shop)
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute("alter table members_tiermove disable trigger user")
        cursor.execute("delete from members_tiermove where merchant_id = %s", [shop.pk])
        cursor.execute("alter table members_tiermove enable trigger user")

    assert held.tier_id == move.to_tier_id and set(found(shop)) == {"missed"}
    missed = {each["member_id"] for each in listed(shop)}

    with tenancy.tenant(shop.pk), transaction.atomic():
        for member_id in missed:
            tier_hand.set_tier(
                **set_by_hand, member_id=member_id, tier="silver", until=NOON.date(), reason="a test"
            )
            tier_hand.set_tier(**set_by_hand, member_id=member_id, tier="base", until=None, reason="a test")
    assert found(shop) == []


def listed(shop) -> list[dict]:
    with tenancy.platform(), transaction.atomic():
        differing = tier_audits.audit_shops(first=shop.pk, last=shop.pk, **PRESENT)[2]
        _members, missed = tier_audits.lifts_missed(shops=[shop.pk], turn=0, at=NOON, listed=differing)
    return [*differing, *missed]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_night_looks_for_missed_lifts_at_so_many_shops_the_next_at_those_behind_them(
    shop, cast, monkeypatch
):
    ledger.open_shop(cast.other, NOON)
    monkeypatch.setattr(tier_audits, "LIFT_SHOPS", 1)

    def looked_at(day: int) -> tuple[list[int], int]:
        tier_audits.audit_night(night=NIGHT + dt.timedelta(days=day), at=NOON)
        with tenancy.platform(), transaction.atomic():
            row = TierAudit.objects.get(night=NIGHT + dt.timedelta(days=day))
            return row.lift_shops, row.lift_members

    shops = sorted([shop.pk, cast.other.pk])
    members = {shop.pk: 3, cast.other.pk: 0}
    assert [looked_at(day) for day in range(3)] == [
        ([shops[0]], members[shops[0]]),
        ([shops[1]], members[shops[1]]),
        ([shops[0]], members[shops[0]]),
    ]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_search_for_missed_lifts_that_was_killed_goes_on_behind_the_shops_it_had_done(
    shop, cast, monkeypatch
):
    ledger.open_shop(cast.other, NOON)
    monkeypatch.setattr(tier_audits, "LIFT_CHUNK", 1)
    whole, asked = tier_audits.lifts_missed, []

    def killed(**about):
        asked.append(about["shops"])
        if len(asked) == 2:
            raise SystemExit
        return whole(**about)

    monkeypatch.setattr(tier_audits, "lifts_missed", killed)
    with pytest.raises(SystemExit):
        tier_audits.audit_night(night=NIGHT, at=NOON)
    tier_audits.audit_night(night=NIGHT, at=NOON)

    assert len(asked) == 3 and asked[1] == asked[2] != asked[0]
    with tenancy.platform(), transaction.atomic():
        row = TierAudit.objects.get()
    assert row.done_at == NOON and (row.lifts_through, row.lift_members) == (2, 3)
