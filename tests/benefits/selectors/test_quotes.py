"""Baskets priced with what the buyer had and what was in force then, whatever became of it since (domain.md 7)."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from benefits.lib import offers
from benefits.lib.holdouts import is_held
from benefits.lib.quotes import PriceRules, SkuPrices, UnknownSku
from benefits.lib.scope import NOWHERE, Place
from benefits.models import PriceVersion
from benefits.selectors.quotes import Basket, Ground, explained
from benefits.services import pricing
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid, NotFound
from members.models import Member, Program, Store
from members.services import programs, segments
from tests.benefits.counter import Counter
from tests.members.services.till import JOB, OPENED, at

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)


class Shop(Counter):
    """A counter with a price table: A at 100.00."""

    def __post_init__(self):
        super().__post_init__()
        with tenancy.tenant(self.id):
            pricing.configure(
                merchant_id=self.id,
                at=OPENED,
                actor=JOB,
                rules=PriceRules(),
                catalogue=[SkuPrices("A", 10_000)],
            )

    def public_id(self, member="m"):
        with tenancy.tenant(self.id), transaction.atomic():
            return Member.objects.of(self.id).get(pk=self.members[member]).public_id

    def quote(self, when, member="m", sku="A", **asked):
        basket = Basket(lines=[(sku, 1)], member=member and self.public_id(member), **asked)
        with tenancy.tenant(self.id), transaction.atomic():
            return explained(merchant_id=self.id, basket=basket, at=at(when))

    def pays(self, when, **asked):
        return self.quote(when, **asked).quote.total_minor

    def whys(self, when, **asked):
        """{candidate: why} of what benefits offer."""
        return {each.candidate: each.why for each in self.quote(when, **asked).quote.receipt if each.benefit}


@pytest.fixture
def shop():
    return Shop()


def test_a_coupon_counts_from_its_issue_until_it_is_used_and_earlier_quotes_stay(shop):
    mine = shop.claim(shop.publish(), "2024-02-01")
    days = [f"2024-02-0{n}" for n in range(1, 8)]
    done = shop.do("redeem", mine.code, "2024-02-03")
    shop.undo(done, at("2024-02-03") + 5 * MINUTE)
    shop.do("reserve", mine.code, "2024-02-05", minutes=60)
    shop.revoke(mine.code, "2024-02-07")

    def seen():
        return [shop.pays(day) for day in ("2024-01-31", *days)]

    assert seen() == [10_000, 9_000, 9_000, 10_000, 9_000, 10_000, 9_000, 10_000]
    assert shop.pays(at("2024-02-05") + 61 * MINUTE) == 9_000
    assert shop.whys("2024-02-05") == {mine.code: offers.RESERVED}
    assert shop.whys("2024-02-07") == {}
    assert shop.whys("2024-02-07", coupon=mine.code) == {mine.code: offers.REVOKED}
    assert shop.whys("2024-02-03", coupon=mine.code) == {mine.code: offers.USED}
    assert shop.quote("2024-02-01").quote.codes == [mine.code]
    assert shop.quote("2024-02-01").names[mine.benefit.public_id] == "coupon"


def test_a_coupon_that_ran_out_or_whose_benefit_rests_gives_nothing_then(shop):
    benefit = shop.publish(settings={"valid_days": 5})
    mine = shop.claim(benefit, "2024-02-01")
    shop.move(benefit, "pause", "2024-02-02")
    shop.move(benefit, "change", "2024-02-03", settings={"off_minor": 9_000})
    shop.move(benefit, "resume", "2024-02-04")
    shop.nightly("2024-02-20")

    assert [shop.pays(f"2024-02-0{n}") for n in (1, 2, 3, 4, 6, 7)] == [
        9_000, 10_000, 10_000, 9_000, 9_000, 10_000,
    ]  # fmt: skip
    assert shop.whys("2024-02-03") == {mine.code: offers.PAUSED}
    assert shop.whys("2024-02-07", coupon=mine.code) == {mine.code: offers.EXPIRED}


def test_a_discount_acts_while_it_is_in_force_for_its_audience_as_it_was(shop):
    benefit = shop.publish("discount", "2024-02-01", settings={"off_percent": 10})
    shop.move(benefit, "change", "2024-02-03", settings={"percent": 70})
    shop.move(benefit, "pause", "2024-02-05")
    shop.move(benefit, "end", "2024-02-06")

    assert [shop.pays(f"2024-02-0{n}") for n in range(1, 7)] == [9_000, 9_000, 7_000, 7_000, 10_000, 10_000]
    assert shop.pays("2024-02-01", member=None) == 10_000
    assert shop.whys("2024-02-01", member=None) == {benefit.public_id: offers.MEMBERS_ONLY}
    assert shop.whys("2024-02-05") == {benefit.public_id: offers.PAUSED}
    assert shop.whys("2024-01-31") == shop.whys("2024-02-06") == {}


def test_a_benefit_for_certain_places_acts_on_baskets_that_say_that_they_are_there(shop):
    with tenancy.tenant(shop.id):
        Store.objects.create(merchant_id=shop.id, channel="pos", code="001", name="West Lake")
    member = shop.claim(shop.publish(scope={"stores": ["pos:001"]}), "2024-02-01")
    discount = shop.publish(
        "discount", "2024-02-01", settings={"off_percent": 20}, scope={"channels": ["jd"]}
    )
    shop.publish("fan_price", "2024-02-01", settings={"off_minor": 500}, scope={"scenes": ["hotel"]})
    shop.move(discount, "change", "2024-02-03", scope={"channels": ["web"]})

    def pays(day, **place):
        return shop.pays(f"2024-02-0{day}", place=Place(**place), follows=True)

    assert (pays(1), pays(1, channel="web"), pays(1, channel="pos", store="002")) == (10_000, 10_000, 10_000)
    assert pays(1, channel="pos", store="001") == 9_000
    assert [pays(day, channel="jd") for day in (2, 3)] == [8_000, 10_000]
    assert [pays(day, channel="web") for day in (2, 3)] == [10_000, 8_000]
    assert pays(1, scene="hotel") == 9_500
    elsewhere = (member.code, discount.public_id, "A")
    assert shop.whys("2024-02-01", follows=True) == dict.fromkeys(elsewhere, offers.ELSEWHERE)


def test_free_shipping_acts_by_itself_only_without_limits(shop):
    shop.publish("free_shipping", "2024-02-01", settings={"at_least_minor": 5_000, "cap_minor": 500})
    limited = shop.publish("free_shipping", "2024-02-02", settings={"per_month": 2})
    mine = shop.claim(limited, "2024-02-03")

    def fee(day, **more):
        return shop.pays(day, shipping_minor=800, **more) - 10_000

    assert [fee(f"2024-02-0{n}") for n in (1, 2, 3)] == [300, 300, 0]
    assert fee("2024-02-02", member=None) == 800
    assert shop.quote("2024-02-03", shipping_minor=800).quote.codes == [mine.code]
    assert shop.quote("2024-02-03", shipping_minor=400).quote.codes == []


def test_points_are_those_that_were_held_then_and_an_ended_hold_is_over(shop):
    shop.publish("points_offset", "2024-02-01", settings={"points": 100, "off_minor": 100})
    shop.adjust("2024-02-02", 1_000, "a")
    shop.hold("2024-02-03 12:00", 600, "h", minutes=30)

    def takes(when):
        return shop.quote(when, points=None).quote.points

    assert [takes(when) for when in ("2024-02-01", "2024-02-02", "2024-02-03 12:10", "2024-02-03 12:30")] == [
        0, 1_000, 400, 1_000,
    ]  # fmt: skip
    shop.redeem("2024-02-04", 900, "r")
    assert [takes(when) for when in ("2024-02-02", "2024-02-03 12:10", "2024-02-03 12:30", "2024-02-04")] == [
        1_000, 400, 1_000, 100,
    ]  # fmt: skip
    assert shop.quote("2024-02-02", points=250).quote.points == 200
    with pytest.raises(Invalid):
        shop.quote("2024-02-02", member=None, points=1)


def test_while_the_program_is_closed_benefits_give_nothing(shop):
    mine = shop.claim(shop.publish(), "2024-02-01")
    discount = shop.publish("discount", "2024-02-01", settings={"off_percent": 10})
    with tenancy.tenant(shop.id), transaction.atomic():
        program = Program.objects.get(merchant_id=shop.id)
        programs.begin_closure(program=program, at=at("2024-02-03"), kind="closed", actor=JOB)

    assert (shop.pays("2024-02-02"), shop.pays("2024-02-03")) == (9_000, 10_000)
    assert shop.whys("2024-02-03") == {mine.code: offers.NOT_OPEN, discount.public_id: offers.NOT_OPEN}


def test_quotes_of_rules_from_before_benefits_acted_stay_what_they_were(shop):
    shop.publish("discount", "2024-02-01", settings={"off_percent": 10})
    with tenancy.tenant(shop.id), transaction.atomic():
        PriceVersion.objects.create(
            merchant_id=shop.id, number=2, at=at("2024-02-02"), stack="best_of", layers=[]
        )
        PriceVersion.objects.create(merchant_id=shop.id, number=3, at=at("2024-02-03"), stack="best_of")

    assert [shop.pays(f"2024-02-0{n}") for n in (1, 2, 3)] == [9_000, 10_000, 9_000]


def test_who_is_no_member_has_no_coupon_of_a_member(shop):
    shop.join("n")
    mine = shop.claim(shop.publish(), "2024-02-01")

    for wrong in ({"member": "n"}, {"coupon": "0000000000"}):
        with pytest.raises(NotFound):
            shop.quote("2024-02-02", **{"coupon": mine.code, **wrong})
    with pytest.raises(Invalid):
        shop.quote("2024-02-02", member=None, coupon=mine.code)


def test_many_baskets_cost_what_each_costs_alone_in_one_query(shop):
    shop.join("n")
    benefit = shop.publish(settings={"per_member_life": 2})
    used = shop.claim(benefit, "2024-02-01")
    shop.claim(benefit, "2024-02-01")
    shop.do("redeem", used.code, "2024-02-02")
    shop.publish("points_offset", "2024-02-01", settings={"points": 1, "off_minor": 1})
    shop.publish("fan_price", "2024-02-01", settings={"percent": 80})
    shop.adjust("2024-02-02", 30, "a")
    m, n, lines = shop.public_id("m"), shop.public_id("n"), [("A", 1)]
    baskets = [
        Basket(lines=lines),
        Basket(lines=lines, member=m),
        Basket(lines=lines, member=m, coupon=used.code, follows=True),
        Basket(lines=lines, member=n, points=None, follows=True),
        Basket(lines=lines, member=m, points=None, shipping_minor=5),
        Basket(lines=[("B", 1)], member=m),
    ]
    with tenancy.tenant(shop.id), transaction.atomic():
        with CaptureQueriesContext(connection) as queries:
            ground = Ground(merchant_id=shop.id, baskets=baskets, at=at("2024-02-03"))
            found = [ground.price(each) for each in baskets[:-1]]
        alone = [explained(merchant_id=shop.id, basket=each, at=at("2024-02-03")) for each in baskets[:-1]]

    assert len(queries) <= 1  # a prepared statement is not among those that Django counts
    for many, one in zip(found, alone, strict=True):
        assert (many.quote.receipt, many.quote) == (one.quote.receipt, one.quote)
    assert [each.quote.total_minor for each in found] == [10_000, 9_000, 8_000, 8_000, 8_975]
    with pytest.raises(UnknownSku):
        ground.price(baskets[-1])


PLANS = "select sum(generic_plans), sum(custom_plans) from pg_prepared_statements where statement like '%%was_open%%'"


def test_a_quote_is_one_statement_planned_once_whatever_its_lines_and_benefits(shop):
    """Each time planned anew it would cost the server more than the prices."""
    with tenancy.tenant(shop.id):
        catalogue = [SkuPrices(f"S{number}", 1_000) for number in range(200)]
        pricing.configure(
            merchant_id=shop.id, at=at("2024-02-01"), actor=JOB, rules=PriceRules(), catalogue=catalogue
        )
    for place in range(5):
        shop.publish("discount", "2024-02-01", settings={"off_percent": place + 1})
    member = shop.public_id("m")

    def plans(lines):
        """(general, special) plans that a quote of so many lines was worked by."""
        basket = Basket(lines=[(f"S{number}", 1) for number in range(lines)], member=member)
        with tenancy.tenant(shop.id), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PLANS)
            before = cursor.fetchone()
            explained(merchant_id=shop.id, basket=basket, at=at("2024-02-03"))
            cursor.execute(PLANS)
            return tuple(now - then for now, then in zip(cursor.fetchone(), before, strict=True))

    with tenancy.tenant(shop.id), transaction.atomic():
        for _time in range(6):  # before that the driver does not prepare it
            explained(merchant_id=shop.id, basket=Basket(lines=[("S1", 1)]), at=at("2024-02-03"))
    assert plans(1) == plans(200) == (1, 0)


def test_a_price_is_not_for_a_segment_and_nothing_is_published(shop):
    with tenancy.tenant(shop.id), transaction.atomic():
        made = segments.create(
            merchant_id=shop.id, at=OPENED, actor=JOB, name="s", everybody=True,
            rule={"all": [{"fact": "tier", "op": "is_in", "value": ["base"]}]},
        )  # fmt: skip
    with pytest.raises(Invalid) as refused:
        shop.publish("discount", settings={"off_percent": 10}, audience={"segments": [made.public_id]})
    assert "audience" in refused.value.errors
    assert shop.whys("2024-02-01") == {}


def test_a_benefit_and_a_code_act_where_they_are_to_be_had_and_nowhere_else(shop):
    here = {"channels": ["jd"], "stores": ["pos:001"]}
    shop.publish("discount", settings={"percent": 95}, scope=here, as_scripted=True)
    shop.publish("fan_price", settings={"percent": 90}, scope={"scenes": ["takeaway"]})
    mine = shop.claim(shop.publish(scope={"channels": ["web"]}), "2024-02-01", place=Place(channel="web"))
    places = {
        "unsaid": NOWHERE,
        "jd": Place(channel="jd"),
        "store": Place(channel="pos", store="001"),
        "other store": Place(channel="pos", store="002"),
        "takeaway": Place(scene="takeaway"),
        "web": Place(channel="web"),
    }

    paid = {name: shop.pays("2024-02-02", place=place, follows=True) for name, place in places.items()}

    assert paid == {
        "unsaid": 10_000, "jd": 9_500, "store": 9_500, "other store": 10_000, "takeaway": 9_000, "web": 9_000,
    }  # fmt: skip
    assert set(shop.whys("2024-02-02", follows=True).values()) == {offers.ELSEWHERE}
    assert shop.whys("2024-02-02", coupon=mine.code)[mine.code] == offers.ELSEWHERE


def test_free_shipping_that_leaves_a_control_group_out_needs_a_code(shop):
    benefit = shop.publish("free_shipping", holdout_percent=50)
    for name in "abcdefg":
        shop.join(name)
    assert {shop.pays("2024-02-02", member=name, shipping_minor=800) for name in shop.members} == {10_800}
    got = next(
        name
        for name in shop.members
        if not is_held(benefit.public_id, benefit.holdout_percent, shop.members[name])
    )
    shop.claim(benefit, "2024-02-03", member=got)
    assert shop.pays("2024-02-04", member=got, shipping_minor=800) == 10_000


def test_benefits_that_are_over_are_not_told_of_again_with_every_quote(shop):
    for number in range(3):
        shop.publish("discount", settings={"percent": 90}, to_at=at(f"2024-01-1{number}"))
    ended = shop.publish("discount", settings={"percent": 80})
    shop.move(ended, "end", "2024-01-20")
    shop.publish("discount", settings={"percent": 95})

    assert [len(shop.whys(day)) for day in ("2024-01-09", "2024-01-11", "2024-01-15", "2024-02-01")] == [
        5,
        3,
        2,
        1,
    ]
