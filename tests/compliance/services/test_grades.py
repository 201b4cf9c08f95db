"""The month's grades: SQL is the pure rule on random programs, each month once, under the policy of its instant."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field

import pytest
from django.db import DatabaseError, connection, transaction

from benefits.lib.spans import Span
from benefits.lib.usefulness import THRESHOLD
from benefits.models import Coverage, FindingKind, PriceFinding
from compliance.lib.calendar import PLATFORM_ZONE, grades_instant, start_of
from compliance.lib.grade_policy import CATEGORIES, GradePolicy, Level
from compliance.lib.grades import Month, band_of, counted, graded, granted, is_protected, level_of
from compliance.models import Grade, GradeRun, ShopCategory
from compliance.models import GradePolicy as PolicyRow
from compliance.services import grade_policies, grades, installation, ticks
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid, NotFound
from members.models import (
    AuditRow,
    BenefitUse,
    DailyTotal,
    JobTick,
    JoinRule,
    JoinStanding,
    Member,
    Merchant,
    Order,
    PlatformAuditRow,
    Program,
)
from members.services.audit import Actor
from tests.compliance.services.conftest import Platform, at

MONTH = dt.date(2024, 2, 1)
DAYS = 29
DUE = grades_instant(MONTH)
ONE_DAY = dt.timedelta(days=1)
ADMIN = Actor("platform", "Grace")
# Lines that random months meet, and days of effect few enough to be left.
BANDS = ("small", "medium", "large")
LINES = {
    "benefit_days": (4, 8),
    "effective_members": (1, 2),
    "member_share": (2000, 3000),
    "recruits": (1, 1),
    "benefit_use": (1000, 4000),
}
SMALL = {
    "effective_days": 40,
    "medium_from": 4,
    "large_from": 8,
    "percent.dining": 50,
    "counts.benefit_use": True,
    **{
        f"line.{band}.{metric}.{which}": line
        for band in BANDS
        for metric, pair in LINES.items()
        for which, line in zip(("pass", "high"), pair, strict=True)
    },
    "line.small.recruits.pass": 0,
    "line.large.member_share.high": 4000,
    "findings.weight.bait": 3,
    "findings.weight.floor": 0,
    "findings.most.potential": 7,
    "findings.most.quality": 2,
}


@pytest.fixture
def installed(db):
    with tenancy.platform():
        installation.install(at=at("2023-01-01"), scripted=True)


def set_policy(when: str, starts: str | None = None, reason: str = "tried", **values) -> PolicyRow:
    with tenancy.platform():
        return grade_policies.set_policy(
            at=at(when), effective_at=at(starts or when), actor=ADMIN, values=values, reason=reason
        )


def grade(due=DUE, **more) -> dict:
    with tenancy.platform():
        return grades.grade_month(due_at=due, at=due, **more)


def found(model, **where):
    with tenancy.platform(), transaction.atomic():
        return list(model.objects.filter(**where).order_by("pk"))


# ---- a platform of random programs ----------------------------------------------------------------------------------


@dataclass
class Shop:
    """One program as it was written, and what its month came to by counting."""

    merchant_id: int
    opened: dt.datetime
    is_open: bool
    category: str
    spans: list[tuple[str, Span]] = field(default_factory=list)
    members: list[tuple[Member, list[dt.date]]] = field(
        default_factory=list
    )  # with the days on which they bought
    orders: list[Order] = field(default_factory=list)
    uses: list[tuple[int, dt.date, int]] = field(default_factory=list)  # member, day, how often
    findings: list[tuple[str, dt.date]] = field(default_factory=list)  # of the price guard: kind, day

    def month(self, policy: GradePolicy) -> Month:
        days = [MONTH + place * ONE_DAY for place in range(DAYS)]
        online = [
            day
            for day in days
            if any(
                (span.start is None or span.start < start_of(day + ONE_DAY))
                and (span.end is None or span.end > start_of(day))
                for kind, span in self.spans
                if kind != "lucky_draw"
            )
        ]
        since = days[-1] - (policy["effective_days"] - 1) * ONE_DAY
        active = [bought for member, bought in self.members if member.status == "active"]
        buyers = [bought for bought in active if any(since <= each <= days[-1] for each in bought)]
        effective = {
            member.pk
            for member, bought in self.members
            if member.status == "active" and any(since <= each <= days[-1] for each in bought)
        }
        users = {member for member, day, n in self.uses if n and day in days} & effective
        paid = [order for order in self.orders if order.status == "paid" and order.paid_on in days]
        joined_at = {member.pk: member.joined_at for member, _bought in self.members}
        return Month(
            days=DAYS,
            orders=sum(order.counts for order in paid),
            benefit_days=len(online),
            effective_members=len(buyers),
            member_minor=sum(
                o.net_minor for o in paid if o.member_id and joined_at[o.member_id] <= o.paid_at
            ),
            all_minor=sum(order.net_minor for order in paid),
            joins=sum(
                m.joined_on in days and m.source != "list" and m.status != "erased"
                for m, _bought in self.members
            ),
            benefit_use=len(users) * 10_000 // len(effective) if effective else None,
            findings=sum(day in days for _kind, day in self.findings),
            findings_weighed=sum(
                policy[f"findings.weight.{kind}"] for kind, day in self.findings if day in days
            ),
        )


def noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), PLATFORM_ZONE)


def random_shop(dice: random.Random, number: int) -> Shop:
    def day(first: int, last: int) -> dt.date:
        return MONTH + dice.randint(first, last) * ONE_DAY

    merchant = Merchant.objects.create(
        slug=f"shop-{number}", name=f"Shop {number}", created_at=at("2023-01-01")
    )
    opened = dice.choice([at("2023-06-01"), at("2023-06-01"), DUE - 60 * ONE_DAY, noon(day(-40, 40))])
    is_open = dice.random() < 0.9
    Program.objects.create(
        merchant=merchant, status="open" if is_open else "closed", opened_at=opened, first_opened_at=opened,
        closed_at=None if is_open else max(opened, DUE), created_at=opened,
    )  # fmt: skip
    shop = Shop(merchant.pk, opened, is_open, dice.choice(["general", "general", "dining", *CATEGORIES[:2]]))
    if shop.category != "general":
        ShopCategory.objects.create(merchant=merchant, category=shop.category, set_at=opened)
    for kind in dice.sample(["coupon", "member_price", "lucky_draw"], dice.randint(0, 3)):
        start = start_of(day(-20, 25)) + dice.choice([0, 1, 12]) * dt.timedelta(hours=1)
        end = dice.choice([None, start + dice.randint(1, 60) * ONE_DAY / 2])
        shop.spans.append((kind, Span(start, end)))
        Coverage.objects.create(merchant=merchant, kind=kind, in_force=(Span(start, end),))
    for _ in range(dice.randint(0, 14)):
        member = random_member(dice, merchant, day(-30, 35))
        bought = sorted({day(-50, 35) for _ in range(dice.randint(0, 3))})
        for each in bought:
            DailyTotal.objects.create(merchant=merchant, member=member, day=each, spend_minor=100, orders=1)
        shop.members.append((member, bought))
        if dice.random() < 0.6:
            use = (member.pk, day(-5, 32), dice.choice([0, 1, 3]))
            BenefitUse.objects.create(merchant=merchant, member=member, benefit="b", day=use[1], uses=use[2])
            shop.uses.append(use)
    for place in range(dice.choice([0, 0, 0, 1, 3, 6])):
        kind, when = dice.choice(FindingKind.values), day(-2, 30)
        PriceFinding.objects.create(
            merchant=merchant, at=noon(when), source="list", source_id=f"l{place}", sku="s", kind=kind,
            is_blocked=dice.random() < 0.3, policy=0,
        )  # fmt: skip
        shop.findings.append((kind, when))
    for place in range(dice.randint(0, 12)):
        buyer = dice.choice([None, *(member for member, _bought in shop.members)])
        shop.orders.append(random_order(dice, merchant, place, buyer, day(-3, 31)))
    return shop


def random_member(dice: random.Random, merchant: Merchant, joined: dt.date) -> Member:
    return Member.objects.create(
        merchant=merchant, at=noon(joined), joined_at=noon(joined), joined_on=joined, channel="web",
        source=dice.choice(["page", "api", "list"]), status=dice.choice(["active", "active", "left", "erased"]),
    )  # fmt: skip


def random_order(
    dice: random.Random, merchant: Merchant, place: int, member: Member | None, day: dt.date
) -> Order:
    total, refunded = 100, dice.choice([0, 0, 30, 100])
    status = dice.choice(["paid", "paid", "paid", "cancelled"])
    paid = noon(day)
    return Order.objects.create(
        merchant=merchant, channel="web", external_id=str(place), member=member, at=paid, status=status, paid_at=paid,
        paid_on=day, total_minor=total, refunded_minor=refunded, net_minor=total - refunded, counts=refunded < total,
    )  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
def test_sql_grades_random_programs_as_the_pure_rule_does(installed, seed):
    dice = random.Random(seed)
    policy = set_policy("2023-02-01", **SMALL).rule
    with tenancy.platform(), transaction.atomic():
        shops = [random_shop(dice, number) for number in range(60)]

    grade(chunk=7)

    rows = {row.merchant_id: row for row in found(Grade)}
    assert rows.keys() == {shop.merchant_id for shop in shops if shop.is_open and shop.opened < DUE}
    kept_down = 0
    for shop in shops:
        row = rows.get(shop.merchant_id)
        if row is None:
            continue
        month = shop.month(policy)
        band, measures = band_of(month.orders, policy), month.measures
        lines = policy.lines(band, shop.category)
        level = graded(month, lines, policy)
        kept_down += level != level_of(measures, lines, counted(measures, policy))
        protected = is_protected(shop.opened, DUE, policy)
        assert row.facts == month
        assert (row.band, row.category, row.lines) == (band, shop.category, lines)
        assert (row.level, row.is_protected) == (level, protected)
        assert row.granted == granted(level, protected=protected, policy=policy)
    assert {row.level for row in rows.values()} == set(Level)  # the world meets every case
    assert kept_down
    assert {row.is_protected for row in rows.values()} == {True, False}
    standings = {row.pk: row.level for row in found(JoinStanding)}
    assert standings == {row.merchant_id: row.granted for row in rows.values()}
    run = found(GradeRun)[0]
    assert (run.done_at, run.programs, sum(run.counts.values())) == (DUE, len(rows), len(rows))
    assert run.protected == sum(row.is_protected for row in rows.values())


# ---- once, in order, under the policy of its instant ----------------------------------------------------------------


@pytest.fixture
def shop(installed) -> Merchant:
    return Platform().shop("2023-06-01")


def test_a_month_is_graded_once_and_the_row_is_never_changed(shop):
    first = grade()
    Platform().coupon(shop, "2024-02-01")

    assert grade() == first
    (row,) = found(Grade)
    assert (row.benefit_days, row.level) == (0, "improving")
    with pytest.raises(DatabaseError), tenancy.platform(), transaction.atomic():
        Grade.objects.filter(pk=row.pk).update(level="quality")


def test_days_of_a_benefit_that_the_clearance_policy_does_not_count_are_no_benefit_days(shop):
    Platform().policy("2024-01-01", paper_rules=["threshold"])
    Platform().coupon(shop, "2024-02-01")
    with tenancy.platform(), transaction.atomic():
        Coverage.objects.of(shop.pk).update(doubts=THRESHOLD)
    grade()

    assert [row.benefit_days for row in found(Grade)] == [0]


def test_months_missed_while_workers_were_down_are_graded_in_order_each_at_its_own_instant(shop):
    Platform().coupon(shop, "2024-01-22", "2024-02-03")
    with tenancy.platform():
        ticks.tick(at=at("2024-01-02 12:00"))

        ticks.tick(at=at("2024-04-10 12:00"))
        ticks.tick(at=at("2024-04-10 12:01"))

    runs = found(GradeRun)
    assert [(str(run), run.at) for run in runs][-3:] == [
        ("2024-01", at("2024-02-01 06:00")),
        ("2024-02", at("2024-03-01 06:00")),
        ("2024-03", at("2024-04-01 06:00")),
    ]
    assert [row.benefit_days for row in found(Grade)][-3:] == [10, 2, 0]
    assert len(found(JobTick, job="grades", done_at=None)) == 0


def test_a_month_is_graded_under_the_policy_in_force_when_it_was_due(shop):
    Platform().coupon(shop, "2024-01-01")
    lines = {f"line.small.{metric}.pass": 0 for metric in ("effective_members", "recruits", "member_share")}
    set_policy("2024-02-10", "2024-02-20", **lines)  # benefit days alone suffice
    set_policy(
        "2024-02-10", "2024-03-01 06:01", **{f"line.small.benefit_days.{n}": 28 for n in ("pass", "high")}
    )
    set_policy("2024-03-02", "2024-03-02", protection_days=3650)

    with tenancy.platform():
        grades.grade_month(due_at=DUE, at=at("2024-03-05"))

    (row,) = found(Grade)
    assert (row.policy_id, row.level, row.is_protected) == (2, "potential", False)


def test_nothing_is_graded_for_an_instant_before_the_installation(installed):
    assert grade(grades_instant(dt.date(2022, 11, 1))) == {}
    assert found(GradeRun) == []


# ---- publishing -----------------------------------------------------------------------------------------------------


def test_a_published_version_says_what_changed_who_did_it_and_why(installed):
    row = set_policy(
        "2024-01-01", "2024-02-01", reason="Small shops starve", **{"line.small.recruits.high": 15}
    )

    (audit,) = found(PlatformAuditRow)
    assert (audit.action, audit.subject_id, audit.actor_label) == (
        "grade_policy.published",
        str(row.pk),
        "Grace",
    )
    assert (audit.reason, audit.at) == ("Small shops starve", at("2024-01-01"))
    assert audit.before == {"line.small.recruits.high": 20}
    assert audit.after == {"line.small.recruits.high": 15, "effective_at": at("2024-02-01").isoformat()}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"starts": "2023-12-31"}, "effective_at"),
        ({"reason": "  "}, "reason"),
        ({"line.small.recruits.high": 4}, "line.small.recruits.high"),
        ({"line.small.recruits.higher": 4}, "line.small.recruits.higher"),
        ({"protection_days": 60}, None),  # as it is
    ],
)
def test_a_bad_version_is_refused_and_nothing_is_published(installed, arguments, field):
    with pytest.raises(Invalid) as refused:
        set_policy("2024-01-01", **{"protection_days": 30, **arguments})

    assert list(refused.value.errors) == ([field] if field else [])
    assert len(found(PolicyRow)) == 1
    assert (found(PlatformAuditRow), found(JoinRule)) == ([], [])


def test_a_shops_category_is_set_with_a_reason_that_its_log_keeps(shop):
    def put(category: str, reason: str = "sells coffee", merchant_id: int = shop.pk) -> None:
        with tenancy.platform():
            grade_policies.set_category(
                merchant_id=merchant_id, category=category, reason=reason, at=at("2024-01-05"), actor=ADMIN
            )

    for bad in ({"category": "nuclear"}, {"category": "dining", "reason": " "}):
        with pytest.raises(Invalid):
            put(**bad)
    with pytest.raises(NotFound):
        put("dining", merchant_id=2**40)
    assert found(ShopCategory) == []

    put("dining")
    put("dining", "again")

    (row,) = found(AuditRow, action="grade.category_set")
    assert (row.before, row.after) == ({"category": "general"}, {"category": "dining"})
    assert (row.reason, row.actor_label) == ("sells coffee", "Grace")
    grade()
    assert found(Grade)[0].category == "dining"


def test_a_merchants_process_writes_no_grade_no_policy_and_no_terms(shop):
    grade()
    for table in ("compliance_grade", "compliance_gradepolicy", "members_joinstanding", "members_joinrule"):
        with pytest.raises(DatabaseError), tenancy.tenant(shop.pk), transaction.atomic():
            connection.cursor().execute(f"delete from {table}")
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert Grade.objects.count() == 1
