"""Undo of a run: one program, some or all, within 72 hours; every row is what it was but for what time has moved."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.db import connection, transaction

from compliance.models import Appeal, Protection, Run, Undo
from compliance.selectors import decision_replay, standing
from compliance.services import appeals, clearance, undoing
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid
from members.models import Closure, PlatformAuditRow, Program
from members.services import tier_rules
from tests.compliance.services.conftest import JOB, at
from tests.factories import ledger

RUN = "2024-06-27 23:00"
DONE = "2024-06-27 23:00"  # a run of a script is done at its instant
FROZEN = (
    "members_program",
    "members_member",
    "members_pointsaccount",
    "members_pointslot",
    "members_pointsentry",
    "members_tierstanding",
    "members_tiervalidity",
    "members_tiermove",
    "members_closure",
    "benefits_benefit",
    "benefits_benefitrevision",
    "benefits_coverage",
)
MOVED = {"lots_moved"}  # tells those who wait for the program's lock; no state of the program


@pytest.fixture
def shops(platform):
    """Three shops that the run will clear, the third closed by its merchant for the night."""
    found = [platform.shop("2023-10-01") for _ in range(3)]
    platform.assess("2024-06-10 04:00")
    return found


def cleared(platform, shops: list[Any]) -> Run:
    platform.close(shops[2], "2024-06-27 22:00")
    assert platform.run(RUN)["cleared"] == 3
    with tenancy.platform():
        return Run.objects.get()


def ask(
    run: Run, count: int | None, when: str, shops: list[Any] | None = None, reason: str = "a wrong policy"
) -> int:
    with tenancy.platform():
        return undoing.ask(
            run_id=run.pk,
            merchant_ids=None if shops is None else [shop.pk for shop in shops],
            confirmed=count,
            reason=reason,
            at=at(when),
            actor=JOB,
        )


def work(run: Run, when: str) -> int:
    with tenancy.platform():
        return undoing.work(run_id=run.pk, now=lambda: at(when))


def status(shop: Any) -> tuple[str, dt.datetime | None]:
    with tenancy.tenant(shop.pk):
        return Program.objects.values_list("status", "closed_at").get(merchant=shop)


def state(run: Run) -> str:
    with tenancy.platform():
        return Run.objects.get(pk=run.pk).state


def everything(shop: Any) -> dict[str, list]:
    """Every row of the program that a clearance could touch, as data."""
    found = {}
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        for table in FROZEN:
            cursor.execute(
                f"select to_jsonb(t) from {table} t where merchant_id = %s order by to_jsonb(t)::text",
                [shop.pk],
            )
            found[table] = [
                {name: value for name, value in json.loads(row[0]).items() if name not in MOVED}
                for row in cursor.fetchall()
            ]
    return found


def test_one_is_given_back_and_the_others_stay_cleared(platform, shops):
    run = cleared(platform, shops)

    assert ask(run, 1, "2024-06-28 09:00", shops[:1]) == 1
    assert work(run, "2024-06-28 09:01") == 1

    assert [status(shop)[0] for shop in shops] == ["open", "cleared", "cleared"]
    assert state(run) == "done"
    with tenancy.tenant(shops[0].pk):
        assert standing.show(merchant_id=shops[0].pk, at=at("2024-06-28 10:00"))["state"] == "restored"
        assert Protection.objects.get().until_at == at("2024-07-28 09:01")


def test_all_are_given_back_and_the_run_is_undone(platform, shops):
    run = cleared(platform, shops)

    assert ask(run, 3, "2024-06-28 09:00") == 3
    work(run, "2024-06-28 09:01")

    assert [status(shop)[0] for shop in shops[:2]] == ["open", "open"]
    assert state(run) == "undone"
    with tenancy.platform():
        row = PlatformAuditRow.objects.get(action="run.undone")
        assert (row.reason, row.after) == ("a wrong policy", {"programs": 3})


def test_what_its_merchant_had_closed_is_closed_by_its_merchant_again(platform, shops):
    platform.close(shops[2], "2024-06-27 22:00")
    before = everything(shops[2])
    platform.run(RUN)
    with tenancy.platform():
        run = Run.objects.get()

    ask(run, 1, "2024-06-28 09:00", shops[2:])
    work(run, "2024-06-28 09:01")

    assert everything(shops[2]) == before
    platform.open(shops[2], "2024-06-28 10:00")
    assert status(shops[2]) == ("open", None)


def later_by(rows: list[dict], days: int, *names: str) -> list[dict]:
    """The same rows with some of their days moved."""
    step = dt.timedelta(days=days)
    return [
        {
            name: (dt.date.fromisoformat(value) + step).isoformat() if name in names and value else value
            for name, value in row.items()
        }
        for row in rows
    ]


def test_every_row_is_what_it_was_but_for_the_recorded_shift(platform, shops):
    shop = shops[0]
    ledger.configure(shop, at("2024-01-01"), expiry={"kind": "rolling", "months": 12})
    with tenancy.tenant(shop.pk), transaction.atomic():
        tier_rules.configure(merchant_id=shop.pk, at=at("2024-01-01"), actor=JOB, ladder=ledger.LADDER)
    member = ledger.join(shop, at("2024-01-02"))
    ledger.buy(shop, member, "a", at("2024-01-03 10:00"), 150_000, completed_at=at("2024-01-03 10:00"))
    ledger.adjust(shop, member, 40, at("2024-06-26"))
    before = everything(shop)
    run = cleared(platform, shops)

    ask(run, 1, "2024-06-30 09:00", [shop])
    work(run, "2024-06-30 09:01")

    after = everything(shop)
    with tenancy.tenant(shop.pk):
        closure = Closure.objects.get()
    assert (closure.from_at, closure.to_at, closure.ended_by) == (at(RUN), at("2024-06-30 09:01"), "restored")
    assert closure.shifted_days == 2  # 28 and 29 June lie wholly in it
    assert [row["expires_on"] for row in before["members_pointslot"] if row["expires_on"]]
    assert [row["valid_until"] for row in before["members_tiervalidity"]]
    for table in ("members_tierstanding", "members_tiervalidity"):
        before[table] = later_by(before[table], 2, "valid_until")
    before["members_pointslot"] = later_by(before["members_pointslot"], 2, "expires_on")
    assert {**after, "members_closure": []} == before


def test_asking_twice_and_working_twice_undoes_once(platform, shops):
    run = cleared(platform, shops)
    assert ask(run, 2, "2024-06-28 09:00", shops[:2]) == 2

    assert ask(run, 2, "2024-06-28 09:00", shops[:2]) == 0
    assert (work(run, "2024-06-28 09:01"), work(run, "2024-06-28 09:02")) == (2, 0)

    with tenancy.platform():
        assert Undo.objects.count() == 2 and Protection.objects.count() == 2


@pytest.mark.parametrize(
    ("count", "when", "reason", "refusal"),
    [
        (2, "2024-06-28 09:00", "a wrong policy", Invalid),  # another number
        (None, "2024-06-28 09:00", "a wrong policy", Invalid),
        (3, "2024-06-28 09:00", "  ", Invalid),
        (3, "2024-06-30 23:01", "a wrong policy", Conflict),  # after 72 hours
    ],
)
def test_a_bad_request_is_refused_and_nothing_changes(platform, shops, count, when, reason, refusal):
    run = cleared(platform, shops)

    with pytest.raises(refusal):
        ask(run, count, when, None, reason)

    assert work(run, when) == 0 and {status(shop)[0] for shop in shops} == {"cleared"}


def test_72_hours_to_the_second_are_in_time(platform, shops):
    run = cleared(platform, shops)

    assert ask(run, 3, "2024-06-30 23:00") == 3


def test_a_program_that_the_run_did_not_clear_is_refused(platform, shops):
    run = cleared(platform, shops)
    young = platform.shop("2024-06-27 23:30")

    with pytest.raises(Invalid, match="did not clear"):
        ask(run, 1, "2024-06-28 09:00", [young])

    with tenancy.platform():
        assert not Undo.objects.exists()


def test_a_run_that_is_not_done_is_not_undone(platform, shops):
    with tenancy.platform():
        planned, _made = clearance.plan(run=clearance.scheduled(at=at(RUN)))

    with pytest.raises(Conflict):
        ask(planned, 0, "2024-06-27 23:01")


def test_what_was_restored_by_an_appeal_meanwhile_stays_as_it_is(platform, shops):
    run, shop = cleared(platform, shops), shops[0]
    with tenancy.platform(), transaction.atomic():
        filed = appeals.file(merchant_id=shop.pk, at=at("2024-06-28 08:00"), actor=JOB, text="please")
        appeals.decide(
            merchant_id=shop.pk,
            appeal_id=filed.pk,
            upheld=True,
            at=at("2024-06-28 08:30"),
            actor=JOB,
            answer="yes",
        )
    before = everything(shop)

    ask(run, 3, "2024-06-28 09:00")
    work(run, "2024-06-28 09:01")

    assert everything(shop) == before
    with tenancy.platform():
        assert Undo.objects.of(shop.pk).get().outcome == "nothing"
        assert Protection.objects.of(shop.pk).count() == 1


def test_a_pending_appeal_against_an_undone_clearing_has_what_it_asked_for(platform, shops):
    run, shop = cleared(platform, shops), shops[0]
    with tenancy.platform(), transaction.atomic():
        appeals.file(merchant_id=shop.pk, at=at("2024-06-28 08:00"), actor=JOB, text="please")

    ask(run, 1, "2024-06-28 09:00", [shop])
    work(run, "2024-06-28 09:01")

    with tenancy.platform():
        appeal = Appeal.objects.of(shop.pk).get()
    assert (appeal.state, appeal.ended_at) == ("upheld", at("2024-06-28 09:01"))


def test_decisions_of_and_after_an_undone_run_still_replay(platform, shops):
    run = cleared(platform, shops)
    ask(run, 3, "2024-06-28 09:00")
    work(run, "2024-06-28 09:01")
    platform.assess_daily("2024-06-29", "2024-08-31")
    platform.run("2024-07-31 23:00")
    platform.run("2024-08-31 23:00")

    with tenancy.platform():
        june = [decision_replay.find(run="2024-06", program=shop.slug) for shop in shops]
        august = [decision_replay.find(run="2024-08", program=shop.slug) for shop in shops[:2]]

    assert [each.differing for each in [*june, *august]] == [[]] * 5


def test_each_program_is_given_back_at_its_own_instant_and_one_that_fails_holds_up_none(platform, shops):
    platform.close(shops[0], "2024-06-27 22:00")
    assert platform.run(RUN)["cleared"] == 3
    with tenancy.platform(), transaction.atomic():
        run = Run.objects.get()
        Closure.objects.filter(merchant=shops[0]).update(to_at=at(RUN))  # nothing is left to go on
    ask(run, 3, "2024-06-28 10:00")
    clock = iter([at("2024-06-28 10:00"), at("2024-06-29 00:30"), at("2024-06-29 01:00")])

    with tenancy.platform(), pytest.raises(Closure.DoesNotExist):
        undoing.work(run_id=run.pk, now=lambda: next(clock))

    with tenancy.platform():
        assert [row.done_at for row in Undo.objects.order_by("merchant_id")] == [
            None,
            at("2024-06-29 00:30"),
            at("2024-06-29 01:00"),
        ]
        assert Closure.objects.get(merchant=shops[1]).to_at == at("2024-06-29 00:30")
        found = Program.objects.order_by("merchant_id").values_list("status", flat=True)
        assert list(found) == ["cleared", "open", "open"]
