"""Plans that are sold, members' terms in them, the tier they grant, and refunds (domain.md 2, 5 and 9)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from benefits.lib.plans import State, state_at
from benefits.models import Plan, PlanVersion, Subscription
from benefits.selectors import subscriptions as selector
from benefits.services import plans, subscription_floors, subscription_refunds, subscriptions
from benefits.services.plans import Offer
from members.lib import tenant as tenancy
from members.lib.refusals import Conflict, Invalid, NotFound, Refusal
from members.models import AuditRow, TierMove, TierValidity
from members.selectors import tiers
from members.services import daily, programs
from tests.benefits.plans import do, golden, plan, refund, sell
from tests.conftest import NOON
from tests.factories import ledger

pytestmark = pytest.mark.django_db
JOB, DAY = ledger.JOB, dt.timedelta(days=1)
GOLDEN = Offer(name="Gold card", fee_minor=36_500, months=12, tier="gold")


@pytest.fixture
def shop(cast):
    return golden(cast.shop)


def held(shop, member, at: dt.datetime = NOON) -> dict[str, Any]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return tiers.standing(merchant_id=shop.pk, member_id=member.pk, at=at)


def validity(shop, member, code: str = "gold") -> dt.date | None:
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = TierValidity.objects.of(shop.pk).filter(member=member, tier__code=code)
        return rows.values_list("valid_until", flat=True).first()


def night(at: dt.datetime) -> None:
    """The daily job of the day of an instant, 03:00."""
    three = dt.datetime.combine(at.date(), dt.time(3), NOON.tzinfo)
    daily.recalculate_due(zone="Asia/Shanghai", at=three)
    with tenancy.platform():
        subscription_floors.run_daily(zone="Asia/Shanghai", at=three)


def close(shop, at: dt.datetime) -> None:
    do(programs.close_program, shop, at)


def facts(shop) -> list:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return [
            list(Plan.objects.of(shop.pk).order_by("id").values()),
            list(Subscription.objects.of(shop.pk).order_by("id").values()),
            PlanVersion.objects.of(shop.pk).count(),
            TierMove.objects.of(shop.pk).count(),
            list(TierValidity.objects.of(shop.pk).order_by("id").values()),
            AuditRow.objects.of(shop.pk).count(),
        ]


def refused(shop, error: type[Refusal], do_it: Any, slug: str = "") -> Refusal:
    before = facts(shop)
    with pytest.raises(error) as caught:
        do_it()
    assert caught.value.detail and (not slug or caught.value.slug == slug)
    assert facts(shop) == before
    return caught.value


def test_a_plan_keeps_how_it_was_sold_as_versions_and_the_same_changes_nothing(shop):
    card = plan(shop)
    assert plan(shop).pk == card.pk

    later = Offer(name="Card", fee_minor=12_900, months=12, tier="gold")
    do(plans.change, shop, NOON + DAY, plan_id=card.public_id, offer=later, expected_version=1)
    do(plans.change, shop, NOON + DAY, plan_id=card.public_id, offer=later, expected_version=1)

    with tenancy.tenant(shop.pk), transaction.atomic():
        told = [(v.number, v.fee_minor, v.tier and v.tier.code) for v in selector.versions(plan=card)]
        actions = list(AuditRow.objects.of(shop.pk).filter(action__startswith="plan.").values_list("action"))
    assert told == [(2, 12_900, "gold"), (1, 9_900, None)]
    assert actions == [("plan.created",), ("plan.changed",)]


def test_spaces_around_a_name_make_no_other_plan_and_no_version(shop):
    spaced = Offer(name=" Card ", fee_minor=9_900, months=12)
    card = plan(shop, spaced)

    again = plan(shop, spaced)
    changed = do(plans.change, shop, NOON + DAY, plan_id=card.public_id, offer=spaced)

    assert (again.pk, changed.name, changed.version) == (card.pk, "Card", 1)


def test_a_closed_program_takes_no_plans_but_lets_one_be_withdrawn(shop):
    card = plan(shop)
    close(shop, NOON + DAY)
    late, change = NOON + 2 * DAY, {"plan_id": card.public_id}

    refused(shop, Refusal, lambda: plan(shop, GOLDEN, "gold-card", late), "program-not-open")
    dearer = Offer(name="Card", fee_minor=10_000, months=12)
    refused(shop, Refusal, lambda: do(plans.change, shop, late, offer=dearer, **change), "program-not-open")
    assert plan(shop, at=late).pk == card.pk  # the same again
    withdrawn = Offer(name="Card", fee_minor=9_900, months=12, is_sold=False)
    assert do(plans.change, shop, late, offer=withdrawn, **change).withdrawn_at == late
    back = Offer(name="Card", fee_minor=9_900, months=12)
    refused(shop, Refusal, lambda: do(plans.change, shop, late, offer=back, **change), "program-not-open")


@pytest.mark.parametrize(
    ("code", "more", "field"),
    [
        ("Card", {}, "code"),
        ("", {}, "code"),
        ("x" * 33, {}, "code"),
        ("card", {"name": " "}, "name"),
        ("card", {"name": "n" * 41}, "name"),
        ("card", {"fee_minor": -1}, "fee_minor"),
        ("card", {"months": 0}, "months"),
        ("card", {"months": 37}, "months"),
        ("card", {"tier": "black"}, "tier"),
        ("card", {"tier": "base"}, "tier"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_and_nothing_changes(shop, code, more, field):
    offer = Offer(**{"name": "Card", "fee_minor": 1, "months": 1, **more})

    refusal = refused(shop, Invalid, lambda: plan(shop, offer, code))

    assert field in refusal.errors


def test_a_plan_somebody_changed_meanwhile_or_whose_code_is_taken_is_refused(shop):
    card = plan(shop)
    changed = Offer(name="Other", fee_minor=1, months=1)
    refused(shop, Conflict, lambda: plan(shop, changed))
    change = {"plan_id": card.public_id, "offer": changed}
    refused(shop, Conflict, lambda: do(plans.change, shop, expected_version=7, **change))
    refused(shop, NotFound, lambda: do(plans.change, shop, plan_id="nothing", offer=changed))


def test_a_term_is_paid_for_outside_and_known_once_by_its_reference(shop):
    member, card = ledger.join(shop, NOON), plan(shop)

    term = sell(shop, card, member, reference="order 7", paid_minor=8_800)
    again = do(
        subscriptions.sell, shop, NOON + DAY,
        plan_id=card.public_id, member_id=member.pk, reference="order 7", paid_minor=8_800,
    )  # fmt: skip

    assert again == (term, False)
    assert (term.paid_minor, term.version, term.source, term.from_at) == (8_800, 1, "job", NOON)
    assert term.to_at.astimezone(NOON.tzinfo).date() == NOON.date().replace(year=NOON.year + 1)
    assert sell(shop, card, member, NOON + DAY).paid_minor == 9_900  # the fee, unless told


def test_a_reference_of_another_sale_is_refused(shop):
    member, card = ledger.join(shop, NOON), plan(shop)
    other = ledger.join(shop, NOON, "u2")
    sell(shop, card, member, reference="order 7")

    slug = "idempotency-conflict"
    refused(shop, Refusal, lambda: sell(shop, card, other, reference="order 7"), slug)
    refused(shop, Refusal, lambda: sell(shop, card, member, reference="order 7", paid_minor=1), slug)


@pytest.mark.parametrize("more", [{"reference": "x" * 81}, {"paid_minor": -1}, {"paid_minor": 10**13}])
def test_a_sale_that_cannot_be_is_refused(shop, more):
    member, card = ledger.join(shop, NOON), plan(shop)
    refused(shop, Invalid, lambda: sell(shop, card, member, **more))


def test_the_next_term_extends_the_one_that_runs_and_another_plan_runs_beside_it(shop):
    member, card, other = ledger.join(shop, NOON), plan(shop), plan(shop, GOLDEN, "gold-card")

    first = sell(shop, card, member)
    second = sell(shop, card, member, NOON + DAY)
    beside = sell(shop, other, member, NOON + DAY)

    assert second.from_at == first.to_at and beside.from_at == NOON + DAY
    with tenancy.tenant(shop.pk), transaction.atomic():
        now = selector.held_now(merchant_id=shop.pk, member_id=member.pk, at=NOON + DAY)
    assert dict(now) == {"Card": second.to_at, "Gold card": beside.to_at}


def test_plans_of_one_name_are_held_one_by_one(shop):
    member, card, other = ledger.join(shop, NOON), plan(shop), plan(shop, code="other")
    first, beside = sell(shop, card, member), sell(shop, other, member, NOON + DAY)

    with tenancy.tenant(shop.pk), transaction.atomic():
        now = selector.held_now(merchant_id=shop.pk, member_id=member.pk, at=NOON + DAY)
    assert now == [("Card", first.to_at), ("Card", beside.to_at)]


def test_the_database_keeps_one_term_at_one_instant(shop):
    member, card = ledger.join(shop, NOON), plan(shop)
    term = sell(shop, card, member)
    term.pk, term.public_id, term.reference = None, "another", "another"
    term.from_at += DAY
    with tenancy.tenant(shop.pk), pytest.raises(IntegrityError), transaction.atomic():
        term.save(force_insert=True)


@pytest.mark.parametrize("table", ["benefits_plan", "benefits_subscription", "benefits_planversion"])
def test_nobody_deletes_what_was_sold(shop, table):
    sell(shop, plan(shop), ledger.join(shop, NOON))
    with tenancy.tenant(shop.pk), pytest.raises(ProgrammingError), transaction.atomic():
        connection.cursor().execute(f"delete from {table}")


def test_a_withdrawn_plan_and_a_closed_program_sell_nothing_and_terms_run_on(shop):
    member, card = ledger.join(shop, NOON), plan(shop)
    term = sell(shop, card, member)
    withdrawn = Offer(name="Card", fee_minor=9_900, months=12, is_sold=False)
    do(plans.change, shop, NOON + DAY, plan_id=card.public_id, offer=withdrawn)

    refused(shop, Refusal, lambda: sell(shop, card, member, NOON + DAY), "plan-withdrawn")
    assert sell(shop, card, member, NOON + DAY, reference=term.reference).pk == term.pk
    close(shop, NOON + 2 * DAY)
    assert sell(shop, card, member, NOON + 2 * DAY, reference=term.reference).pk == term.pk
    refused(shop, Refusal, lambda: sell(shop, card, member, NOON + 2 * DAY), "program-not-open")


def test_a_cancelled_term_runs_to_its_end_and_cancelling_what_is_over_is_refused(shop):
    member, card = ledger.join(shop, NOON), plan(shop, Offer(name="Month", fee_minor=100, months=1))
    term = sell(shop, card, member)

    cancelled = do(subscriptions.cancel, shop, NOON + DAY, subscription_id=term.public_id)
    again = do(subscriptions.cancel, shop, NOON + 2 * DAY, subscription_id=term.public_id)

    assert cancelled.cancelled_at == again.cancelled_at == NOON + DAY and again.ends_at == term.to_at
    late = sell(shop, card, member, NOON + 90 * DAY)
    over = NOON + 300 * DAY
    refused(shop, Conflict, lambda: do(subscriptions.cancel, shop, over, subscription_id=late.public_id))


def test_a_plan_grants_its_tier_until_its_last_day_and_the_recalculation_takes_over(shop):
    member, card = ledger.join(shop, NOON), plan(shop, GOLDEN)

    term = sell(shop, card, member)

    last = term.floor_until
    assert (held(shop, member)["tier"], held(shop, member)["valid_until"]) == ("gold", last)
    assert held(shop, member)["history"][0]["cause"] == "plan"
    at_end = dt.datetime.combine(last, NOON.timetz())
    night(at_end)
    assert held(shop, member)["tier"] == "gold"
    night(at_end + DAY)
    assert held(shop, member)["tier"] == "base"


def test_a_refund_ends_the_term_and_the_tier_falls_at_the_next_recalculation(shop):
    member, card = ledger.join(shop, NOON), plan(shop, GOLDEN)
    term = sell(shop, card, member)

    back = refund(shop, term, NOON + 65 * DAY)

    left = term.days - 65
    assert (back.refund_days, back.ends_at) == (left, NOON + 65 * DAY)
    assert back.refund_minor == (2 * 36_500 * left + term.days) // (2 * term.days)
    assert refund(shop, term, NOON + 70 * DAY).refunded_at == NOON + 65 * DAY
    assert (held(shop, member)["tier"], validity(shop, member)) == ("gold", (NOON + 65 * DAY).date())
    night(NOON + 66 * DAY)
    assert held(shop, member)["tier"] == "base"


def test_what_a_member_had_or_reached_without_the_plan_is_theirs_after_a_refund(shop):
    had, reached = ledger.join(shop, NOON), ledger.join(shop, NOON, "u2")
    ledger.buy(shop, had, "o", NOON, 500_000)
    own = validity(shop, had)
    long = Offer(name="Long", fee_minor=100, months=36, tier="gold")
    card = plan(shop, long)
    terms = [sell(shop, card, member, NOON + DAY) for member in (had, reached)]
    ledger.buy(shop, reached, "o2", NOON + 10 * DAY, 500_000)
    assert validity(shop, reached) == terms[1].floor_until

    for term in terms:
        refund(shop, term, NOON + 20 * DAY)

    assert validity(shop, had) == own
    assert validity(shop, reached) == (NOON + 10 * DAY).date().replace(year=NOON.year + 1)
    night(NOON + 21 * DAY)
    assert held(shop, had)["tier"] == held(shop, reached)["tier"] == "gold"


def test_a_tier_that_another_term_still_grants_stays_until_that_one_ends(shop):
    member, card = ledger.join(shop, NOON), plan(shop, GOLDEN)
    other = plan(shop, Offer(name="Half", fee_minor=100, months=6, tier="gold"), "half")
    first, second = sell(shop, card, member), sell(shop, other, member, NOON + DAY)

    refund(shop, first, NOON + 2 * DAY)
    assert validity(shop, member) == second.floor_until

    refund(shop, second, NOON + 3 * DAY)
    assert validity(shop, member) == (NOON + 3 * DAY).date()


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_a_refund_without_a_reason_is_refused(shop, reason):
    term = sell(shop, plan(shop), ledger.join(shop, NOON))
    refused(shop, Invalid, lambda: refund(shop, term, NOON + DAY, reason))


def test_a_term_that_is_over_is_not_refunded_and_one_to_come_is_whole(shop):
    member, card = ledger.join(shop, NOON), plan(shop, Offer(name="Month", fee_minor=100, months=1))
    first, second = sell(shop, card, member), sell(shop, card, member, NOON + DAY)

    assert refund(shop, second, NOON + 2 * DAY).refund_minor == 100
    assert refund(shop, second, NOON + 2 * DAY).ends_at == second.from_at
    refused(shop, Conflict, lambda: refund(shop, first, NOON + 40 * DAY))


def test_money_is_said_to_be_paid_back_once_and_never_without_a_refund(shop):
    term = sell(shop, plan(shop), ledger.join(shop, NOON))

    def paid(at):
        return do(subscription_refunds.pay_back, shop, at, subscription_id=term.public_id)

    refused(shop, Conflict, lambda: paid(NOON))
    refund(shop, term, NOON + DAY)
    assert paid(NOON + 2 * DAY).paid_back_at == paid(NOON + 3 * DAY).paid_back_at == NOON + 2 * DAY


def test_a_program_that_ended_refunds_all_at_its_closing_instant_and_goes_on_where_it_stood(shop):
    card = plan(shop, GOLDEN)
    members = [ledger.join(shop, NOON, f"u{n}") for n in range(5)]
    terms = [sell(shop, card, member) for member in members]
    ending = {"reason": "the program ended"}
    refused(shop, Conflict, lambda: do(subscription_refunds.refund_all, shop, NOON + DAY, **ending))
    close(shop, NOON + 100 * DAY)
    late = NOON + 130 * DAY
    with tenancy.tenant(shop.pk), transaction.atomic():
        people, owed = selector.owed(merchant_id=shop.pk, at=late)

    done = [do(subscription_refunds.refund_all, shop, late, most=2, **ending) for _n in range(4)]

    assert done == [2, 2, 1, 0] and people == 5
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = list(Subscription.objects.of(shop.pk))
        audited = AuditRow.objects.of(shop.pk).filter(action="subscription.refunded").count()
    assert {row.refund_days for row in rows} == {terms[0].days - 100} and audited == 5
    assert sum(row.refund_minor for row in rows) == owed


def test_terms_sold_in_the_last_seven_days_of_a_program_are_owed_whole(shop):
    card = plan(shop)
    for n in (0, 92, 93, 100):
        sell(shop, card, ledger.join(shop, NOON, f"u{n}"), NOON + n * DAY)
    close(shop, NOON + 100 * DAY)
    late = NOON + 130 * DAY
    with tenancy.tenant(shop.pk), transaction.atomic():
        _people, owed = selector.owed(merchant_id=shop.pk, at=late)

    do(subscription_refunds.refund_all, shop, late, reason="the program ended")

    with tenancy.tenant(shop.pk), transaction.atomic():
        back = [row.refund_minor for row in Subscription.objects.of(shop.pk).order_by("from_at")]
    assert back[2:] == [9_900, 9_900] and back[0] < back[1] < 9_900 and sum(back) == owed


def test_a_closure_lengthens_terms_and_tiers_of_refunds_in_it_end_when_it_is_open_again(shop):
    stays, goes = ledger.join(shop, NOON), ledger.join(shop, NOON, "u2")
    card = plan(shop, GOLDEN)
    first, gone = sell(shop, card, stays), sell(shop, card, goes)
    second = sell(shop, card, stays, NOON + DAY)
    close(shop, NOON + 10 * DAY)
    refund(shop, gone, NOON + 15 * DAY)
    assert validity(shop, goes) == gone.floor_until

    do(programs.open_program, shop, NOON + 21 * DAY)

    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = {row.pk: row for row in Subscription.objects.of(shop.pk)}
    assert rows[first.pk].to_at == rows[first.pk].ends_at == first.to_at + 10 * DAY
    assert rows[second.pk].from_at == first.to_at + 10 * DAY
    assert rows[second.pk].floor_until == validity(shop, stays) == second.floor_until + 10 * DAY
    assert rows[gone.pk].to_at == gone.to_at
    night(NOON + 22 * DAY)
    assert validity(shop, goes) == (NOON + 22 * DAY).date()
    night(NOON + 23 * DAY)
    assert held(shop, goes)["tier"] == "base" and held(shop, stays)["tier"] == "gold"


def test_lists_by_state_are_those_whose_term_stands_so(shop):
    card = plan(shop, Offer(name="Month", fee_minor=100, months=1))
    for n in range(5):
        member = ledger.join(shop, NOON, f"u{n}")
        terms = [sell(shop, card, member), sell(shop, card, member, NOON + DAY)]
        if n == 1:
            refund(shop, terms[0], NOON + 2 * DAY)
        if n == 2:
            do(subscriptions.cancel, shop, NOON + 2 * DAY, subscription_id=terms[0].public_id)

    for days in (3, 20, 35, 80):
        at = NOON + days * DAY
        with tenancy.tenant(shop.pk), transaction.atomic():
            rows = list(Subscription.objects.of(shop.pk))
            for state in State:
                wanted = selector.TermFilter(state=str(state))
                found = selector.terms(merchant_id=shop.pk, at=at, closed=None, wanted=wanted)
                assert {r.pk for r in found} == {r.pk for r in rows if state_at(r.term(), at) is state}


def test_a_plan_or_member_that_there_is_not_is_not_found(shop):
    card, stranger = plan(shop), ledger.join(shop, NOON)
    refused(shop, NotFound, lambda: do(
        subscriptions.sell, shop, plan_id=card.public_id, member_id=10**9, reference="r"
    ))  # fmt: skip
    refused(shop, NotFound, lambda: do(
        subscriptions.sell, shop, plan_id="none", member_id=stranger.pk, reference="r"
    ))  # fmt: skip
