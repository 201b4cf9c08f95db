"""Claims, exchanges, gifts of staff, and taking back; stock, budget and limits kept in the write (domain.md 8)."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from benefits.models import Benefit, BenefitBudget, BenefitRevision, Entitlement, EntitlementUse
from benefits.services import entitlements_daily, occasions
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid, NotCancellable, NotFound, Refusal
from members.models import AuditRow, PointsEntry, PointsRequest
from members.services import points
from tests.benefits.counter import DAY, Counter
from tests.members.services.till import JOB, ZONE, at

pytestmark = pytest.mark.django_db
TEA = {"item": "Tea", "points": 200, "value_minor": 3000}


@pytest.fixture
def shop() -> Counter:
    made = Counter()
    for name in ("n", "o"):
        made.join(name)
    return made


def facts(shop: Counter) -> list:
    with tenancy.tenant(shop.id), transaction.atomic():
        return [
            list(Entitlement.objects.of(shop.id).order_by("id").values_list("code", "state", "uses_left")),
            list(Benefit.objects.of(shop.id).order_by("id").values_list("stock", "revision")),
            list(BenefitBudget.objects.of(shop.id).values_list("taken_minor")),
            PointsEntry.objects.of(shop.id).count(),
            AuditRow.objects.of(shop.id).count(),
        ]


def refused(shop: Counter, slug: str, benefit: Benefit, when=DAY, **more) -> None:
    before = facts(shop)
    with pytest.raises(Refusal) as caught:
        shop.claim(benefit, when, **more)
    assert caught.value.slug == slug and caught.value.detail
    assert facts(shop) == before


def test_a_claim_brings_a_right_of_its_own_once_for_each_key(shop):
    benefit = shop.publish(settings={"uses": 2, "valid_days": 30, "per_member_life": 5})

    mine = shop.claim(benefit, key="one")

    assert shop.claim(benefit, "2024-02-05", key="one").pk == mine.pk
    assert (mine.state, mine.source, mine.uses_total, mine.uses_left) == ("issued", "claim", 2, 2)
    assert (mine.paid_with, mine.worth_minor, mine.revision) == ("nothing", 1000, 1)
    assert mine.valid_until == at("2024-03-03 00:00")
    assert shop.claim(benefit, key="two").code != mine.code


def test_without_a_limit_for_one_member_each_claims_once(shop):
    benefit = shop.publish()
    shop.claim(benefit)

    refused(shop, "limit-reached", benefit)
    shop.claim(benefit, member="n")


def test_a_member_gets_as_many_a_day_a_month_and_in_all_as_the_settings_say(shop):
    benefit = shop.publish(settings={"per_member_day": 1, "per_member_month": 2, "per_member_life": 3})

    shop.claim(benefit, "2024-02-01 23:59")
    refused(shop, "limit-reached", benefit, "2024-02-01 23:59")
    shop.claim(benefit, "2024-02-02 00:00")
    refused(shop, "limit-reached", benefit, "2024-02-29")
    shop.claim(benefit, "2024-03-01 00:00")
    refused(shop, "limit-reached", benefit, "2025-01-01")


def test_what_was_taken_back_does_not_count_against_a_limit(shop):
    benefit = shop.publish()
    shop.revoke(shop.claim(benefit).code)

    shop.claim(benefit)

    assert [each.state for each in shop.of()] == ["revoked", "issued"]


def test_the_last_piece_ends_the_coverage_and_a_piece_that_comes_back_begins_it_again(shop):
    benefit = shop.publish(stock=2)
    shop.claim(benefit, "2024-02-01", member="m")
    last = shop.claim(benefit, "2024-02-02", member="n")

    assert shop.stock(benefit) == 0
    assert [span.end for span in shop.covered(benefit)] == [at("2024-02-02")]
    refused(shop, "out-of-stock", benefit, "2024-02-03", member="o")
    shop.revoke(last.code, "2024-02-04")
    assert shop.stock(benefit) == 1
    assert [span.start for span in shop.covered(benefit)][1:] == [at("2024-02-04")]
    with tenancy.tenant(shop.id), transaction.atomic():
        actions = BenefitRevision.objects.of(shop.id).order_by("number").values_list("action", "configures")
        assert list(actions) == [("publish", True), ("stock", False), ("stock", False)]


def test_a_budget_holds_the_most_that_each_can_save_and_is_never_exceeded(shop):
    benefit = shop.publish(settings={"uses": 2, "budget_minor": 5000})  # 2 x 10 yuan each

    shop.claim(benefit, member="m")
    second = shop.claim(benefit, member="n")
    refused(shop, "out-of-stock", benefit, member="o")
    shop.revoke(second.code)
    shop.claim(benefit, member="o")

    with tenancy.tenant(shop.id), transaction.atomic():
        assert BenefitBudget.objects.of(shop.id).get().taken_minor == 4000


def test_what_expires_unused_goes_back_to_the_budget(shop):
    benefit = shop.publish(settings={"uses": 2, "budget_minor": 2000, "valid_days": 1})
    mine = shop.claim(benefit)
    shop.do("redeem", mine.code)

    shop.nightly("2024-02-10")

    with tenancy.tenant(shop.id), transaction.atomic():
        assert BenefitBudget.objects.of(shop.id).get().taken_minor == 1000
    refused(shop, "out-of-stock", benefit, "2024-02-10", member="n")


def test_a_budget_set_later_counts_the_codes_of_before_and_what_they_give_back(shop):
    terms = {"valid_days": 1}
    benefit = shop.publish(settings=terms)
    shop.claim(benefit, member="m")
    shop.move(benefit, "change", settings={"off_minor": 1000, **terms, "budget_minor": 2000})
    shop.claim(benefit, "2024-02-02", member="n")
    refused(shop, "out-of-stock", benefit, "2024-02-02", member="o")

    shop.nightly("2024-02-03")  # of m's code

    shop.claim(benefit, "2024-02-03 12:00", member="o")
    with tenancy.tenant(shop.id), transaction.atomic():
        assert BenefitBudget.objects.of(shop.id).get().taken_minor == 2000
    shop.move(benefit, "change", "2024-02-03 13:00", settings={"off_minor": 1000, "budget_minor": 500})
    assert given_to_many(shop, benefit, "2024-02-03 14:00") == 0


def given_to_many(shop: Counter, benefit: Benefit, when: str) -> int:
    with tenancy.tenant(shop.id), transaction.atomic():
        who = [(member, "test") for member in shop.members.values()]
        return occasions.issue_many(
            merchant_id=shop.id, benefit_id=benefit.pk, at=at(when), source="campaign", who=who
        )


def test_a_use_undone_after_its_code_expired_is_given_back_to_the_budget_once(shop):
    benefit = shop.publish(settings={"uses": 2, "budget_minor": 2000, "valid_days": 1})
    mine = shop.claim(benefit, "2024-02-01")
    done = shop.do("redeem", mine.code, "2024-02-02 23:59")
    with tenancy.platform():
        assert entitlements_daily.expire_due(zone=ZONE.key, at=at("2024-02-03 00:00")) == 1

    shop.undo(done, "2024-02-03 00:05")
    shop.nightly("2024-02-04")

    assert (shop.stored(mine.code).state, shop.stored(mine.code).uses_left) == ("expired", 2)
    with tenancy.tenant(shop.id), transaction.atomic():
        assert BenefitBudget.objects.of(shop.id).get().taken_minor == 0
    shop.claim(benefit, "2024-02-04", member="n")
    refused(shop, "out-of-stock", benefit, "2024-02-04", member="o")


def test_a_budget_needs_a_bound_of_what_one_use_saves(shop):
    with pytest.raises(Invalid) as caught:
        shop.publish(settings={"off_minor": None, "off_percent": 10, "budget_minor": 5000})

    assert "budget_minor" in caught.value.errors
    shop.publish(settings={"off_minor": None, "off_percent": 10, "max_off_minor": 500, "budget_minor": 5000})


@pytest.mark.parametrize(
    "name", ["uses", "valid_days", "per_member_day", "per_member_month", "per_member_life"]
)
@pytest.mark.parametrize("value", [0, -1, 10**9, "3", 1.5, True])
def test_a_limit_is_a_whole_number_within_its_bounds(shop, name, value):
    with pytest.raises(Invalid) as caught:
        shop.publish(settings={name: value})

    assert name in caught.value.errors


def test_only_what_is_in_force_is_had_and_only_by_its_audience(shop):
    later = shop.publish(from_at=at("2024-02-02"), to_at=at("2024-02-05"))
    paused = shop.publish()
    shop.move(paused, "pause")
    gold = shop.publish(audience={"tiers": ["gold"]}, as_scripted=True)

    refused(shop, "benefit-not-in-force", later, "2024-02-01")
    refused(shop, "benefit-not-in-force", later, "2024-02-05")
    shop.claim(later, "2024-02-03")
    refused(shop, "benefit-not-in-force", paused)
    refused(shop, "not-in-audience", gold)


def test_kinds_that_work_by_themselves_are_not_handed_out(shop):
    refused(shop, "invalid", shop.publish("member_price", settings={"percent": 90}))
    refused(shop, "invalid", shop.publish("welcome_gift", settings={"gift": "Tea"}))


def test_nothing_is_claimed_of_another_shop_or_by_a_stranger(shop):
    other = Counter(name="other")
    theirs = other.publish()

    refused(shop, "not-found", theirs)
    with pytest.raises(NotFound):
        other.claim(shop.publish())
    shop.members["x"] = other.members["m"]
    refused(shop, "not-found", shop.publish(), member="x")


@pytest.mark.parametrize(("kind", "slug"), [("closed", "program-not-open"), ("cleared", "program-cleared")])
def test_nothing_is_given_while_the_program_is_not_open(shop, kind, slug):
    from tests.benefits.services.test_tills import shut

    benefit = shop.publish()
    mine = shop.claim(benefit, member="n")
    shut(shop, kind, DAY)

    refused(shop, slug, benefit)
    refused(shop, slug, benefit, how="give", reason="goodwill")
    with pytest.raises(Refusal) as caught:
        shop.revoke(mine.code)
    assert caught.value.slug == slug and shop.stored(mine.code).state == "issued"


# ---- for points -----------------------------------------------------------------------------------------------------


def test_an_exchange_spends_the_points_and_gives_the_right_or_does_neither(shop):
    shop.adjust("2024-01-01", 250, "start")
    benefit = shop.publish("points_exchange", settings=TEA, stock=5)

    mine = shop.claim(benefit, how="exchange", key="one")

    assert shop.claim(benefit, how="exchange", key="one").pk == mine.pk
    assert (mine.source, mine.paid_with, mine.paid_amount) == ("exchange", "points", 200)
    assert shop.balance() == (50, 0, 0)
    refused(shop, "insufficient-points", benefit, how="exchange")
    assert shop.stock(benefit) == 4


def test_an_exchange_that_a_limit_refuses_spends_nothing(shop):
    shop.adjust("2024-01-01", 1000, "start")
    benefit = shop.publish("points_exchange", settings=TEA | {"per_member_life": 1}, stock=5)
    shop.claim(benefit, how="exchange")

    refused(shop, "limit-reached", benefit, how="exchange")
    assert shop.balance() == (800, 0, 0)


def test_taking_an_exchange_back_gives_the_points_back_once(shop):
    shop.adjust("2024-01-01", 250, "start")
    benefit = shop.publish("points_exchange", settings=TEA, stock=5)
    mine = shop.claim(benefit, how="exchange")

    for _again in range(2):
        assert shop.revoke(mine.code).state == "revoked"

    assert (shop.balance(), shop.stock(benefit)) == ((250, 0, 0), 5)
    with pytest.raises(Refusal) as caught:
        shop.do("redeem", mine.code)
    assert caught.value.slug == "entitlement-revoked"


def test_points_for_which_the_member_keeps_something_do_not_come_back_alone(shop):
    shop.adjust("2024-01-01", 250, "start")
    mine = shop.claim(shop.publish("points_exchange", settings=TEA), how="exchange")
    before = facts(shop)
    with tenancy.tenant(shop.id), transaction.atomic():
        spent = PointsRequest.objects.of(shop.id).get(verb="redeem")

    with tenancy.tenant(shop.id), pytest.raises(NotCancellable):
        points.cancel(merchant_id=shop.id, at=at(DAY), actor=JOB, key=spent.key)

    assert facts(shop) == before and shop.balance() == (50, 0, 0)
    shop.revoke(mine.code)
    assert shop.balance() == (250, 0, 0)


def test_one_key_for_two_exchanges_pays_for_both(shop):
    shop.adjust("2024-01-01", 1000, "start")
    one, two = (shop.publish("points_exchange", settings=TEA, name="Tea") for _n in range(2))

    shop.claim(one, how="exchange", key="k")
    shop.claim(two, how="exchange", key="k")

    assert shop.balance() == (600, 0, 0)


def test_what_was_used_or_is_reserved_is_not_taken_back(shop):
    benefit = shop.publish(settings={"uses": 2})
    used, held = shop.claim(benefit, member="m"), shop.claim(benefit, member="n")
    shop.do("redeem", used.code)
    shop.do("reserve", held.code)
    before = facts(shop)

    for code in (used.code, held.code):
        with pytest.raises(NotCancellable):
            shop.revoke(code)

    assert facts(shop) == before


# ---- by staff -------------------------------------------------------------------------------------------------------


def test_staff_give_to_anybody_with_a_reason_within_stock_and_limits(shop):
    benefit = shop.publish(audience={"tiers": ["gold"]}, as_scripted=True, stock=1)

    given = shop.claim(benefit, how="give", reason="late parcel")

    assert given.source == "staff"
    with tenancy.tenant(shop.id), transaction.atomic():
        row = AuditRow.objects.of(shop.id).get(action="entitlement.given")
    assert row.reason == "late parcel"
    refused(shop, "out-of-stock", benefit, how="give", reason="late parcel", member="n")
    refused(shop, "invalid", benefit, how="give", reason=" ", member="n")


# ---- the database ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"uses_left": 2},
        {"uses_left": -1},
        {"state": "lost"},
        {"state": "redeemed"},
        {"state": "reserved"},
        {"paid_with": "points"},
    ],
)
def test_the_database_refuses_a_state_that_cannot_be(shop, values):
    mine = shop.claim(shop.publish())

    with tenancy.tenant(shop.id), pytest.raises(IntegrityError), transaction.atomic():
        Entitlement.objects.of(shop.id).filter(pk=mine.pk).update(**values)
    assert shop.stored(mine.code).state == "issued"


def test_what_was_done_is_never_changed(shop):
    mine = shop.claim(shop.publish())
    shop.do("redeem", mine.code)

    rows = EntitlementUse.objects.of(shop.id)

    for change in (lambda: rows.update(saved_minor=5), rows.delete):
        with tenancy.tenant(shop.id), pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert shop.uses() == [("redeem", 0)]
