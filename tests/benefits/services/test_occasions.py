"""What comes by itself: joining, reaching a tier, birthdays; each once, within stock and budget (domain.md 8, 5)."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from benefits.models import Benefit, Entitlement
from benefits.services import issuing, occasions
from members.lib import tenant as tenancy
from members.models import Member, MemberStatus
from members.services import members as joining
from members.services import tier_rules
from tests.benefits.counter import Counter
from tests.members.services.till import JOB, OPENED, at

pytestmark = pytest.mark.django_db
LADDER = [
    {"code": "base"},
    {"code": "silver", "all": {"spend_minor": 10_000}},
    {"code": "gold", "all": {"spend_minor": 50_000}},
]
GIFT = {"gift": "Tea", "value_minor": 2000}


@pytest.fixture
def shop() -> Counter:
    made = Counter()
    with tenancy.tenant(made.id), transaction.atomic():
        tier_rules.configure(merchant_id=made.id, at=OPENED, actor=JOB, ladder=LADDER)
    return made


def got(shop: Counter, member: str = "m") -> list[tuple[str, str]]:
    return [(each.benefit.name, each.source) for each in shop.of(member)]


def born(shop: Counter, name: str, birthday: str, when: str = "2024-01-01") -> None:
    with tenancy.tenant(shop.id):
        made = joining.join(
            merchant_id=shop.id, at=at(when), actor=JOB, channel="web", external_id=name, birthday=birthday
        )
    shop.members[name] = made.pk


# ---- joining --------------------------------------------------------------------------------------------------------


def test_who_joins_gets_the_welcome_gift_at_once_and_once(shop):
    shop.publish("welcome_gift", settings=GIFT, name="Hello")

    shop.join("n", "2024-02-01")
    shop.join("n", "2024-02-05")

    assert got(shop, "n") == [("Hello", "join")]
    assert got(shop, "m") == [], "who was a member before is not welcomed"
    assert shop.do("redeem", shop.of("n")[0].code, "2024-02-02").use.saved_minor == 2000


def test_a_list_that_a_shop_declares_brings_no_welcome_and_a_list_of_new_people_does(shop):
    shop.publish("welcome_gift", settings=GIFT)
    for source, ids in (("list", "ab"), ("api", "cd")):
        people = [joining.Joining("web", each, at("2024-02-01"), source=source) for each in ids]
        with tenancy.tenant(shop.id):
            made = joining.join_many(merchant_id=shop.id, at=at("2024-02-01"), actor=JOB, people=people)
        shop.members |= dict(zip(ids, made.ids, strict=True))

    assert [len(shop.of(each)) for each in "abcd"] == [0, 0, 1, 1]


def test_joining_costs_one_prepared_query_where_there_is_no_gift(shop):
    with tenancy.tenant(shop.id), transaction.atomic(), CaptureQueriesContext(connection) as queries:
        occasions.on_joined(merchant_id=shop.id, at=at("2024-02-01"), member_ids=[shop.members["m"]])

    assert not queries  # the one that is prepared is sent past Django


def test_several_welcomes_are_issued_behind_the_lock_that_changes_of_benefits_hold(shop):
    shop.publish("welcome_gift", settings=GIFT)
    shop.publish("welcome_gift", settings=GIFT, stock=5)

    with tenancy.tenant(shop.id), transaction.atomic(), CaptureQueriesContext(connection) as queries:
        occasions.on_joined(merchant_id=shop.id, at=at("2024-02-01"), member_ids=[shop.members["m"]])

    locks = [
        word
        for each in queries
        for word in ("pg_advisory_xact_lock", "FOR NO KEY UPDATE")
        if word in each["sql"]
    ]
    assert locks[0] == "pg_advisory_xact_lock" and locks.count("FOR NO KEY UPDATE") == 2
    assert len(shop.of()) == 2


@pytest.mark.parametrize(
    "what", ["paused", "over", "not begun", "out of stock", "budget", "for a tier", "draft program"]
)
def test_nobody_is_refused_to_join_for_a_gift_that_cannot_be_had(shop, what):
    settings = GIFT | ({"budget_minor": 1999} if what == "budget" else {})
    benefit = shop.publish(
        "welcome_gift",
        settings=settings,
        stock=0 if what == "out of stock" else None,
        to_at=at("2024-01-20") if what == "over" else None,
        from_at=at("2024-03-01") if what == "not begun" else None,
        audience={"tiers": ["gold"]} if what == "for a tier" else "everyone",
    )
    if what == "paused":
        shop.move(benefit, "pause", "2024-01-02")
    if what == "draft program":
        shop.close("2024-01-02")
        shop.open("2024-01-03")
        shop.move(benefit, "end", "2024-01-04")

    shop.join("n", "2024-02-01")

    assert got(shop, "n") == []


def test_the_last_gift_ends_the_coverage_in_the_transaction_of_the_joining(shop):
    benefit = shop.publish("welcome_gift", settings=GIFT, stock=1)

    shop.join("n", "2024-02-01")
    shop.join("o", "2024-02-02")

    assert (len(shop.of("n")), len(shop.of("o")), shop.stock(benefit)) == (1, 0, 0)
    assert [span.end for span in shop.covered(benefit)] == [at("2024-02-01")]


# ---- reaching a tier ------------------------------------------------------------------------------------------------


def test_a_welcome_gift_for_a_tier_comes_with_the_order_that_reaches_it_once_for_each_qualification(shop):
    shop.publish("welcome_gift", settings=GIFT, name="Silver", audience={"tiers": ["silver"]})
    shop.publish("welcome_gift", settings=GIFT, name="Gold", audience={"tiers": ["gold"]})

    shop.put("2024-02-01", "A", 12_000)
    shop.put("2024-02-01", "A", 12_000)
    assert got(shop) == [("Silver", "tier")]
    shop.put("2024-02-02", "B", 60_000)
    shop.put("2024-02-03", "C", 60_000)

    assert got(shop) == [("Silver", "tier"), ("Gold", "tier")]


def test_who_passes_a_tier_by_is_welcomed_to_the_one_reached_alone(shop):
    shop.publish("welcome_gift", settings=GIFT, name="Silver", audience={"tiers": ["silver"]})
    shop.publish("welcome_gift", settings=GIFT, name="Gold", audience={"tiers": ["gold"]})

    shop.put("2024-02-01", "A", 60_000)

    assert got(shop) == [("Gold", "tier")]


def test_an_edit_of_the_rules_welcomes_who_it_lifts(shop):
    shop.publish("welcome_gift", settings=GIFT, name="Silver", audience={"tiers": ["silver"]})
    shop.put("2024-02-01", "A", 6_000)

    with tenancy.tenant(shop.id), transaction.atomic():
        ladder = [LADDER[0], {"code": "silver", "all": {"spend_minor": 5_000}}, LADDER[2]]
        tier_rules.configure(merchant_id=shop.id, at=at("2024-02-02"), actor=JOB, ladder=ladder)

    assert got(shop) == [("Silver", "tier")]


# ---- birthdays ------------------------------------------------------------------------------------------------------


def test_a_birthday_brings_its_gift_once_a_year(shop):
    shop.publish("birthday_gift", settings=GIFT, name="Cake")
    born(shop, "n", "02-14")
    born(shop, "o", "02-15")

    for day in ("2024-02-14", "2024-02-14", "2024-02-15", "2025-02-14"):
        shop.nightly(day)

    assert got(shop, "n") == [("Cake", "birthday")] * 2
    assert [each.cause for each in shop.of("n")] == ["birthday:2024", "birthday:2025"]
    assert got(shop, "o") == [("Cake", "birthday")]


def test_a_birthday_on_29_february_is_kept_in_every_year(shop):
    shop.publish("birthday_gift", settings=GIFT)
    born(shop, "n", "02-29")

    for day in ("2024-02-28", "2024-02-29", "2025-02-28", "2025-03-01"):
        shop.nightly(day)

    assert [each.cause for each in shop.of("n")] == ["birthday:2024", "birthday:2025"]


def test_birthdays_of_an_audience_of_who_is_a_member_and_of_an_open_program_alone(shop):
    shop.publish("birthday_gift", settings=GIFT, audience={"tiers": ["silver"]})
    for name in "nop":
        born(shop, name, "02-14")
    shop.put("2024-02-01", "A", 12_000, member="n")
    shop.put("2024-02-01", "B", 12_000, member="o")
    with tenancy.tenant(shop.id), transaction.atomic():
        Member.objects.of(shop.id).filter(pk=shop.members["o"]).update(status=MemberStatus.LEFT)

    assert shop.nightly("2024-02-14")["birthday_gifts"] == 1
    assert [len(shop.of(name)) for name in "nop"] == [1, 0, 0]
    shop.close("2024-02-15")
    assert shop.nightly("2025-02-14")["birthday_gifts"] == 0


def test_birthdays_are_given_in_chunks_and_a_job_that_is_run_again_gives_nothing_more(shop, monkeypatch):
    from benefits.services import entitlements_daily

    monkeypatch.setattr(entitlements_daily, "CHUNK", 2)
    benefit = shop.publish("birthday_gift", settings=GIFT | {"per_member_life": 3}, stock=6)
    for n in range(7):
        born(shop, f"b{n}", "02-14")

    assert shop.nightly("2024-02-14")["birthday_gifts"] == 6
    assert shop.nightly("2024-02-14")["birthday_gifts"] == 0
    assert shop.stock(benefit) == 0
    assert [len(shop.of(f"b{n}")) for n in range(7)] == [1] * 6 + [0]


def test_many_at_once_get_one_each_also_where_one_has_it_or_a_code_is_there(shop, monkeypatch):
    monkeypatch.setattr(issuing, "MANY", 2)
    benefit = shop.publish("birthday_gift", settings=GIFT, stock=20)
    for n in range(6):
        born(shop, f"b{n}", "02-14")
    mine = shop.claim(benefit, member="b0", how="give", reason="early")
    codes, new_codes = [mine.code], issuing.new_codes
    monkeypatch.setattr(
        issuing, "new_codes", lambda n: [*new_codes(n - len(codes)), *(codes.pop() for _n in codes[:])]
    )

    with tenancy.tenant(shop.id), transaction.atomic():
        who = [(shop.members[f"b{n}"], "birthday:2024") for n in range(6)]
        first = occasions.issue_many(
            merchant_id=shop.id, benefit_id=benefit.pk, at=at("2024-02-14"), source="birthday", who=who[:3]
        )
        counter = issuing.open_counter(
            merchant_id=shop.id, benefit_id=benefit.pk, at=at("2024-02-14"), actor=JOB
        )
        rest = issuing.write(counter, source="birthday", who=who)

    assert (first, rest) == (3, {member for member, _cause in who[3:]})
    given = [each.code for n in range(6) for each in shop.of(f"b{n}")]
    assert len(given) == len(set(given)) == 7
    assert codes == [], "a code that was there was drawn, and another one made"


def test_a_chunk_costs_as_many_queries_for_many_as_for_few(shop):
    benefit = shop.publish("birthday_gift", settings=GIFT | {"per_member_life": 3}, stock=1000)

    def queries(members: list[int]) -> int:
        with tenancy.tenant(shop.id), transaction.atomic(), CaptureQueriesContext(connection) as found:
            occasions.issue_many(
                merchant_id=shop.id,
                benefit_id=benefit.pk,
                at=at("2024-02-14"),
                source="birthday",
                who=[(member, "birthday:2024") for member in members],
            )
        return len(found)

    for n in range(40):
        shop.join(f"x{n}")
    ids = [shop.members[f"x{n}"] for n in range(40)]
    assert queries(ids[:2]) == queries(ids[2:])
    assert all(isinstance(each, Entitlement) for each in shop.of("x5"))
    assert shop.stock(Benefit(pk=benefit.pk)) == 960
