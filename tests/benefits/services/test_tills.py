"""What a till does: reserve, redeem, release, undo; states, keys, and refusals that change nothing (domain.md 8)."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from benefits.lib.scope import Place
from benefits.models import Entitlement, EntitlementUse
from benefits.services import tills
from members.lib import tenant as tenancy
from members.lib.refusals import (
    IdempotencyConflict,
    NotCancellable,
    NotFound,
    Refusal,
)
from members.models import AuditRow, BenefitUse, Member, MemberStatus, Program
from members.services import programs
from members.services.audit import Actor
from tests.benefits.counter import DAY, Counter
from tests.members.services.till import JOB, at

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def shop() -> Counter:
    return Counter()


def refused(shop: Counter, slug: str, verb: str, code: str, when=DAY, **more) -> Refusal:
    """That an act is refused, and changed nothing."""
    before = facts(shop)
    with pytest.raises(Refusal) as caught:
        shop.do(verb, code, when, **more)
    assert caught.value.slug == slug and caught.value.detail
    assert facts(shop) == before
    return caught.value


def facts(shop: Counter) -> list:
    with tenancy.tenant(shop.id), transaction.atomic():
        rows = Entitlement.objects.of(shop.id).order_by("id")
        return [
            list(rows.values_list("state", "uses_left", "reserved_until", "reservation")),
            EntitlementUse.objects.of(shop.id).count(),
            AuditRow.objects.of(shop.id).count(),
            list(BenefitUse.objects.of(shop.id).values_list("day", "uses")),
        ]


def test_redeeming_uses_it_up_and_says_what_was_saved(shop):
    mine = shop.claim(shop.publish())

    done = shop.do("redeem", mine.code, order="A-1")

    assert done.is_new and (done.use.state_after, done.use.left_after) == ("redeemed", 0)
    assert (done.use.saved_minor, done.use.asked["order"], done.use.actor_label) == (1000, "A-1", "Till 1")
    assert (shop.stored(mine.code).state, shop.stored(mine.code).uses_left) == ("redeemed", 0)
    refused(shop, "entitlement-used", "redeem", mine.code)


def test_the_same_key_and_body_answers_as_the_first_time_and_another_body_is_refused(shop):
    mine = shop.claim(shop.publish(settings={"uses": 3}))
    first = shop.do("redeem", mine.code, key="one", order="A-1")

    again = shop.do("redeem", mine.code, "2024-02-02", key="one", order="A-1")

    assert not again.is_new and again.use.pk == first.use.pk
    assert shop.uses() == [("redeem", 2)]
    for verb, more in (("redeem", {"order": "A-2"}), ("reserve", {})):
        with pytest.raises(IdempotencyConflict):
            shop.do(verb, mine.code, key="one", **more)
    assert shop.uses() == [("redeem", 2)]


def test_a_refused_request_keeps_no_key(shop):
    benefit = shop.publish()
    mine = shop.claim(benefit)
    shop.move(benefit, "pause")
    refused(shop, "benefit-not-in-force", "redeem", mine.code, key="one")
    shop.move(benefit, "resume")

    assert shop.do("redeem", mine.code, key="one").is_new


def test_of_n_uses_the_rest_is_kept(shop):
    mine = shop.claim(shop.publish(settings={"uses": 3}))

    left = [shop.do("redeem", mine.code).use.left_after for _n in range(3)]

    assert left == [2, 1, 0]
    refused(shop, "entitlement-used", "redeem", mine.code)


def test_what_is_reserved_is_redeemed_by_its_reservation_alone(shop):
    mine = shop.claim(shop.publish())
    held = shop.do("reserve", mine.code, minutes=20)

    assert shop.stored(mine.code).state == "reserved"
    assert held.use.until == at(DAY) + 20 * MINUTE
    refused(shop, "entitlement-reserved", "redeem", mine.code)
    refused(shop, "entitlement-reserved", "reserve", mine.code)
    refused(shop, "hold-ended", "redeem", mine.code, reservation="somebodyelses")
    shop.do("redeem", mine.code, reservation=held.use.public_id)
    assert shop.stored(mine.code).state == "redeemed"


def test_a_reservation_that_is_let_go_leaves_it_ready_again(shop):
    mine = shop.claim(shop.publish())
    held = shop.do("reserve", mine.code)

    with pytest.raises(NotCancellable):
        shop.do("release", mine.code, reservation="another")
    shop.do("release", mine.code, reservation=held.use.public_id)

    assert shop.stored(mine.code).state == "released"
    refused(shop, "hold-ended", "redeem", mine.code, reservation=held.use.public_id)
    refused(shop, "not-cancellable", "release", mine.code)
    assert shop.do("redeem", mine.code).use.state_after == "redeemed"


def test_a_reservation_ends_by_itself(shop):
    mine = shop.claim(shop.publish())
    held = shop.do("reserve", mine.code, minutes=20)
    over = at(DAY) + 20 * MINUTE

    refused(shop, "entitlement-reserved", "redeem", mine.code, over - MINUTE)
    refused(shop, "hold-ended", "redeem", mine.code, over, reservation=held.use.public_id)
    refused(shop, "not-cancellable", "release", mine.code, over)
    shop.do("redeem", mine.code, over)

    assert shop.uses() == [("reserve", 1), ("redeem", 0)]


@pytest.mark.parametrize("minutes", [0, -1, 1441, True, 1.5])
def test_a_reservation_lasts_from_a_minute_to_a_day(shop, minutes):
    mine = shop.claim(shop.publish())

    refused(shop, "invalid", "reserve", mine.code, minutes=minutes)


# ---- undo -----------------------------------------------------------------------------------------------------------


def test_a_redemption_is_taken_back_within_ten_minutes_and_the_use_is_there_again(shop):
    mine = shop.claim(shop.publish())
    done = shop.do("redeem", mine.code)

    back = shop.undo(done, at(DAY) + 10 * MINUTE)

    assert (back.use.saved_minor, back.use.undoes) == (-1000, done.use.pk)
    assert (shop.stored(mine.code).state, shop.stored(mine.code).uses_left) == ("issued", 1)
    assert not shop.undo(done, at(DAY) + 60 * MINUTE).is_new, "again changes nothing, however late"
    assert shop.uses() == [("redeem", 0), ("undo", 1)]
    shop.do("redeem", mine.code, at(DAY) + 20 * MINUTE)


def test_after_ten_minutes_it_stays(shop):
    mine = shop.claim(shop.publish())
    done = shop.do("redeem", mine.code)
    before = facts(shop)

    with pytest.raises(NotCancellable):
        shop.undo(done, at(DAY) + 10 * MINUTE + dt.timedelta(seconds=1))

    assert facts(shop) == before


def test_only_redemptions_are_taken_back(shop):
    mine = shop.claim(shop.publish())
    held = shop.do("reserve", mine.code)

    with pytest.raises(NotCancellable):
        shop.undo(held)


def test_uses_are_counted_a_day_for_segments_and_taken_back(shop):
    benefit = shop.publish(settings={"uses": 5})
    mine = shop.claim(benefit)
    first = shop.do("redeem", mine.code)
    shop.do("redeem", mine.code)
    shop.do("redeem", mine.code, "2024-02-03")

    shop.undo(first, at(DAY) + MINUTE)

    with tenancy.tenant(shop.id), transaction.atomic():
        rows = BenefitUse.objects.of(shop.id).order_by("day").values_list("benefit", "day", "uses")
        assert list(rows) == [
            (benefit.public_id, dt.date(2024, 2, 1), 1),
            (benefit.public_id, dt.date(2024, 2, 3), 1),
        ]


# ---- what is refused at the till ------------------------------------------------------------------------------------


def test_unknown_and_foreign_codes_are_told_alike(shop):
    other = Counter(name="other")
    theirs = other.claim(other.publish()).code

    for code in ("", "0000000000", "HELLO", theirs):
        for verb in ("redeem", "reserve", "release"):
            with pytest.raises(NotFound):
                shop.do(verb, code)
    assert other.stored(theirs).state == "issued" and other.uses() == []


def test_a_code_typed_with_o_for_0_is_understood(shop):
    benefit = shop.publish(settings={"per_member_life": 1000})
    codes = iter(lambda: shop.claim(benefit).code, "")
    code = next(each for each in codes if "0" in each)

    shop.do("redeem", code.lower().replace("0", "o"))

    assert shop.stored(code).state == "redeemed"


def test_an_expired_one_is_refused_and_expires_at_night(shop):
    benefit = shop.publish(settings={"valid_days": 7})
    mine = shop.claim(benefit, "2024-02-01 23:59")

    refused(shop, "entitlement-expired", "redeem", mine.code, "2024-02-09 00:00")
    assert shop.nightly("2024-02-08") == {"birthday_gifts": 0, "entitlements_expired": 0}
    assert shop.nightly("2024-02-09")["entitlements_expired"] == 1
    assert shop.stored(mine.code).state == "expired"
    refused(shop, "entitlement-expired", "redeem", mine.code, "2024-02-10")


def test_it_can_be_used_until_the_end_of_its_last_day(shop):
    mine = shop.claim(shop.publish(settings={"valid_days": 7}), "2024-02-01 00:01")

    shop.do("redeem", mine.code, "2024-02-08 23:59")

    assert shop.stored(mine.code).state == "redeemed"


def test_a_benefit_that_is_paused_or_ended_is_refused_with_words_for_the_member(shop):
    benefit = shop.publish(to_at=at("2024-03-01"))
    mine = shop.claim(benefit)

    assert "ended" in refused(shop, "benefit-not-in-force", "redeem", mine.code, "2024-03-01").detail
    shop.move(benefit, "pause", "2024-02-02")
    assert "paused" in refused(shop, "benefit-not-in-force", "redeem", mine.code, "2024-02-03").detail
    shop.move(benefit, "end", "2024-02-04")
    assert "ended" in refused(shop, "benefit-not-in-force", "reserve", mine.code, "2024-02-05").detail


@pytest.mark.parametrize(("kind", "slug"), [("closed", "program-not-open"), ("cleared", "program-cleared")])
def test_while_the_program_is_closed_or_cleared_nothing_unpaid_is_used(shop, kind, slug):
    mine = shop.claim(shop.publish())
    shut(shop, kind, "2024-02-02")

    assert "closed" in refused(shop, slug, "redeem", mine.code, "2024-02-03").detail
    refused(shop, slug, "reserve", mine.code, "2024-02-03")


@pytest.mark.parametrize("kind", ["closed", "cleared"])
def test_what_was_paid_for_with_points_is_honoured_whatever_became_of_benefit_and_program(shop, kind):
    shop.adjust("2024-01-01", 500, "points")
    benefit = shop.publish(
        "points_exchange", settings={"item": "Tea", "points": 200, "value_minor": 3000, "valid_days": 30}
    )
    first, second = (shop.claim(benefit, how="exchange", key=key) for key in "ab")
    shop.move(benefit, "end", "2024-02-02")
    shut(shop, kind, "2024-02-03")

    done = shop.do("redeem", first.code, "2024-02-04")
    shop.undo(done, at("2024-02-04") + MINUTE)
    shop.do("redeem", first.code, "2024-02-05")
    shop.do("redeem", second.code, "2024-09-01")  # nothing expires while the program is not open

    assert [shop.stored(each.code).state for each in (first, second)] == ["redeemed", "redeemed"]


def test_validity_goes_on_by_the_whole_days_of_a_closure_when_the_program_opens_again(shop):
    mine = shop.claim(shop.publish(settings={"valid_days": 7}))  # until 2024-02-08
    shut(shop, "closed", "2024-02-03")

    assert shop.nightly("2024-03-01")["entitlements_expired"] == 0
    with tenancy.tenant(shop.id), transaction.atomic():
        programs.open_program(merchant_id=shop.id, at=at("2024-03-03"), actor=JOB)  # 28 whole days

    assert shop.stored(mine.code).valid_until == at("2024-03-08 00:00")
    shop.do("redeem", mine.code, "2024-03-07 23:00")


def test_of_somebody_who_is_no_member_any_more_nothing_is_used(shop):
    mine = shop.claim(shop.publish())
    with tenancy.tenant(shop.id), transaction.atomic():
        Member.objects.of(shop.id).update(status=MemberStatus.ERASED)

    refused(shop, "not-a-member", "redeem", mine.code)


def test_a_use_saves_what_was_promised_whatever_the_benefit_became(shop):
    benefit = shop.publish(settings={"per_member_life": 5})
    mine = shop.claim(benefit)
    shop.move(benefit, "change", settings={"off_minor": 9000, "per_member_life": 5})
    later = shop.claim(benefit)

    assert [shop.do("redeem", each.code).use.saved_minor for each in (mine, later)] == [1000, 9000]


@pytest.mark.parametrize("saved", [-1, 1001, True, 1.0, "5"])
def test_what_a_use_saved_is_a_whole_number_and_at_most_what_it_can(shop, saved):
    mine = shop.claim(shop.publish())

    refused(shop, "invalid", "redeem", mine.code, saved_minor=saved)


@pytest.mark.parametrize("key", ["x" * 121, "a\x00b"])
def test_a_key_has_1_to_120_characters(shop, key):
    mine = shop.claim(shop.publish())

    refused(shop, "invalid", "redeem", mine.code, key=key)


def test_what_a_person_does_is_in_the_audit_log(shop, cast):
    mine = shop.claim(shop.publish())
    with tenancy.tenant(shop.id):
        tills.redeem(merchant_id=shop.id, at=at(DAY), actor=Actor.person(cast.clerk), code=mine.code, key="a")
        with transaction.atomic():
            row = AuditRow.objects.of(shop.id).get(action="entitlement.redeemed")
    assert row.actor_id == cast.clerk.pk and row.subject_kind == "member"


def shut(shop: Counter, kind: str, when: str) -> None:
    """Close the program, by its merchant or by a clearance."""
    with tenancy.tenant(shop.id), transaction.atomic():
        program = Program.objects.get(merchant_id=shop.id)
        programs.begin_closure(program=program, at=at(when), kind=kind, actor=JOB)


TAKEAWAY = {"channels": ["meituan"], "scenes": ["takeaway"]}
MEITUAN = Place(channel="meituan", scene="takeaway")


@pytest.mark.parametrize("place", [Place(), Place(channel="jd"), Place(channel="meituan", scene="hotel")])
@pytest.mark.parametrize("verb", ["redeem", "reserve"])
def test_a_code_is_used_only_where_its_benefit_is_to_be_had(shop, verb, place):
    mine = shop.claim(shop.publish(scope=TAKEAWAY))

    said = refused(shop, "entitlement-elsewhere", verb, mine.code, place=place)

    assert "Meituan, for: takeaway" in str(said.detail)
    assert shop.do(verb, mine.code, key="k", place=MEITUAN).is_new
    assert not shop.do(verb, mine.code, key="k", place=MEITUAN).is_new
    with pytest.raises(IdempotencyConflict):
        shop.do(verb, mine.code, key="k", place=Place(channel="meituan", scene="takeaway", store="2"))


def test_where_a_code_is_used_is_what_was_said_when_it_was_issued(shop):
    benefit = shop.publish()
    early = shop.claim(benefit)
    shop.move(benefit, "change", scope=TAKEAWAY, settings={"off_minor": 1000, "per_member_life": 2})
    late = shop.claim(benefit)

    assert shop.do("redeem", early.code).is_new
    refused(shop, "entitlement-elsewhere", "redeem", late.code)
    assert shop.do("redeem", late.code, place=MEITUAN).is_new


def test_a_code_is_not_handed_out_where_it_is_said_to_be_of_no_use(shop):
    benefit = shop.publish(scope=TAKEAWAY)

    with pytest.raises(Refusal, match="takeaway"):
        shop.claim(benefit, place=Place(channel="jd"))
    with tenancy.tenant(shop.id), transaction.atomic():
        assert not Entitlement.objects.of(shop.id).exists()

    assert shop.claim(benefit, place=MEITUAN)
