"""A platform of random programs, written straight into the tables, and what the pure rules say of each."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field

from django.db import transaction

from benefits.lib import coverage as rule
from benefits.models import Benefit, BenefitRevision, Coverage, CoverageDue
from compliance.lib.appeals import Appeal
from compliance.lib.calendar import platform_date
from compliance.lib.danger import danger_gap
from compliance.lib.decide import Decision, Facts, decide
from compliance.lib.policy import CountingBasis, Policy, PolicyHistory, PolicyVersion
from compliance.lib.runs import Run
from compliance.lib.state import Status
from compliance.lib.warnings import SentWarning
from compliance.models import Appeal as AppealRow
from compliance.models import Exemption, Notice, Protection
from compliance.models import Policy as PolicyRow
from compliance.models.policies import columns_of
from members.models import Closure, Installation, Merchant, Program

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
KINDS = ("coupon", "member_price", "lucky_draw")


def policy(dice: random.Random) -> Policy:
    """Windows and notices short enough to meet the histories below."""
    return Policy(
        window_days=dice.choice([5, 12, 30]),
        counting_basis=dice.choice(list(CountingBasis)),
        min_cover_days=dice.choice([0, 0, 3]),
        max_lead_days=dice.choice([None, None, 4]),
        min_age_months=dice.choice([0, 1, 2, 4]),
        age_boundary=dice.choice(["over", "at_least"]),
        min_notice_days=dice.choice([0, 3, 7]),
        uncounted_kinds=dice.choice([frozenset(), frozenset({"lucky_draw"}), frozenset(KINDS[:2])]),
        first_run_on=dt.date(2024, 4, dice.choice([10, 20, 30])),
    )


@dataclass
class Shop:
    """One program and everything the rules read of it."""

    merchant_id: int
    opened_at: dt.datetime
    first_opened_at: dt.datetime
    closures: list[tuple[dt.datetime, dt.datetime | None]]
    benefits: list[list[rule.Revision]]
    protections: list[tuple[dt.datetime, dt.datetime]]
    exemption: tuple[dt.datetime, dt.datetime, dt.datetime | None] | None
    warnings: list[SentWarning]
    appeals: list[Appeal]

    def status(self, at: dt.datetime) -> Status:
        closed = any(start < at and (end is None or end >= at) for start, end in self.closures)
        return Status.CLOSED if closed else Status.OPEN

    def decide(self, history: PolicyHistory, run: Run) -> Decision | None:
        """What the pure rules decide at a run."""
        if self.opened_at >= run.at:
            return None
        known = history.known_before(run.at)
        coverages = rule.program_coverage([rule.known_before(each, run.at) for each in self.benefits])
        protections = [(start, end) for start, end in self.protections if start < run.at]
        exempt = False
        if self.exemption is not None:
            start, end, lifted = self.exemption
            exempt = start < run.at < end and (lifted is None or lifted >= run.at)
        facts = Facts(
            status=self.status(run.at),
            first_opened_on=platform_date(self.first_opened_at),
            gap=danger_gap(coverages, known, self.opened_at, run.at),
            episode_began_at=max([self.opened_at, *(start for start, _ in protections)]),
            is_exempt=exempt,
            protected_until=max((end for _, end in protections), default=None),
            warnings=self.warnings,
            appeals=[each for each in self.appeals if each.filed_at < run.at],
        )
        return decide(facts, run)


@dataclass
class World:
    """The platform: policy versions and shops, told until `until`."""

    seed: int
    size: int = 200
    days: int = 150
    shops: list[Shop] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        versions = [PolicyVersion(number=1, effective_from=START - 60 * DAY, policy=policy(self.dice))]
        starts = [self.moment(0, self.days) for _ in range(self.dice.randint(0, 3))]
        told = [(start - self.dice.choice([0, 2, 20]) * DAY, start) for start in starts]
        # Numbers follow the order of publication, as the service gives them.
        for number, (recorded, start) in enumerate(sorted(told), start=2):
            versions.append(
                PolicyVersion(
                    number=number, effective_from=start, recorded_at=recorded, policy=policy(self.dice)
                )
            )
        self.history = PolicyHistory(versions)

    def moment(self, first: int, last: int) -> dt.datetime:
        """A quarter of a day between two days, so that instants often meet."""
        return START + self.dice.randint(first * 4, last * 4) * DAY / 4

    @transaction.atomic
    def store(self) -> World:
        """Write everything; needs the platform in scope."""
        Installation.objects.create(id=1, installed_at=self.history.installed_at)
        PolicyRow.objects.bulk_create(
            PolicyRow(
                number=v.number,
                published_at=v.known_from,
                effective_at=v.effective_from,
                early_reason="told by a test",
                **columns_of(v.policy),
            )
            for v in self.history.versions
        )
        for number in range(self.size):
            self.shops.append(self._shop(number))
        return self

    def _shop(self, number: int) -> Shop:
        dice = self.dice
        merchant = Merchant.objects.create(slug=f"shop-{number}", name=f"Shop {number}", created_at=START)
        first = self.moment(-60, 60)
        opened = dice.choice([first, first, first, self.moment(60, self.days)])
        closures: list[tuple[dt.datetime, dt.datetime | None]] = []
        if dice.random() < 0.3:
            start = max(opened, self.moment(90, self.days))
            closures = [(start, dice.choice([None, start + dice.randint(0, 30) * DAY / 2]))]
        shop = Shop(
            merchant_id=merchant.pk,
            opened_at=opened,
            first_opened_at=first,
            closures=closures,
            benefits=[self._benefit(opened) for _ in range(dice.choice([0, 1, 1, 2]))],
            protections=[self._stretch() for _ in range(dice.choice([0, 0, 0, 1, 2]))],
            exemption=(*self._stretch(), dice.choice([None, self.moment(90, self.days)]))
            if dice.random() < 0.15
            else None,
            warnings=[self._warning() for _ in range(dice.choice([0, 1, 1, 2, 3]))],
            appeals=self._appeals(),
        )
        _store(shop)
        return shop

    def _stretch(self) -> tuple[dt.datetime, dt.datetime]:
        start = self.moment(30, self.days)
        return start, start + self.dice.randint(1, 60) * DAY / 2

    def _appeals(self) -> list[Appeal]:
        """Some shops appeal, some again and again; one at most is pending for good."""
        dice = self.dice
        found = []
        for number in range(dice.choice([0, 0, 0, 1, 1, 2, 3])):
            filed = self.moment(60, self.days)
            ended = filed + dice.randint(0, 60) * DAY / 4
            found.append(Appeal(filed_at=filed, ended_at=ended, upheld=dice.random() < 0.3, number=number))
        if found and dice.random() < 0.5:
            found[-1] = Appeal(filed_at=found[-1].filed_at, number=found[-1].number)
        return found

    def _warning(self) -> SentWarning:
        return SentWarning(
            days_before=self.dice.randint(0, 30),
            sent_at=self.moment(60, self.days),
            for_run_on=START.date() + self.dice.randint(90, self.days) * DAY,
            danger_at=self.moment(0, self.days),
        )

    def _benefit(self, opened: dt.datetime) -> list[rule.Revision]:
        dice = self.dice
        at = self.moment(-20, 120)
        told = [self._revision(rule.Action.PUBLISH, at)]
        for _ in range(dice.choice([0, 0, 1, 2, 3])):
            at += dice.randint(0, 60) * DAY / 4
            action = dice.choice([rule.Action.CHANGE, rule.Action.PAUSE, rule.Action.RESUME, rule.Action.END])
            told.append(self._revision(action, at))
        return told

    def _revision(self, action: rule.Action, at: dt.datetime) -> rule.Revision:
        starts = at + self.dice.choice([0, 0, 3, 10]) * DAY
        ends = self.dice.choice([None, starts + self.dice.randint(1, 160) * DAY / 4])
        return rule.Revision(
            action=action, at=at, kind=self.dice.choice(KINDS), starts_at=starts, ends_at=ends
        )


def _store(shop: Shop) -> None:
    open_since = next((start for start, end in shop.closures if end is None), None)
    Program.objects.create(
        merchant_id=shop.merchant_id,
        status="open" if open_since is None else "closed",
        opened_at=shop.opened_at,
        first_opened_at=shop.first_opened_at,
        closed_at=open_since,
        created_at=shop.first_opened_at,
    )
    Closure.objects.bulk_create(
        Closure(merchant_id=shop.merchant_id, kind="closed", from_at=start, to_at=end)
        for start, end in shop.closures
    )
    for told in shop.benefits:
        store_benefit(shop.merchant_id, told)
    store_coverage(shop)
    # One instant restores a program once: of two that the dice gave it, the later told is it.
    shop.protections = list(dict(shop.protections).items())
    Protection.objects.bulk_create(
        Protection(merchant_id=shop.merchant_id, from_at=start, until_at=end, cause="restored")
        for start, end in shop.protections
    )
    if shop.exemption is not None:
        start, end, lifted = shop.exemption
        Exemption.objects.create(
            merchant_id=shop.merchant_id, from_at=start, until_at=end, ended_at=lifted, reason="test"
        )
    wanted = {(w.for_run_on, w.days_before): w for w in shop.warnings}
    shop.warnings = list(wanted.values())
    notices = Notice.objects.bulk_create(
        Notice(
            merchant_id=shop.merchant_id,
            sent_at=w.sent_at,
            danger_at=w.danger_at,
            for_run_on=w.for_run_on,
            days_before=w.days_before,
            policy_id=1,
        )
        for w in shop.warnings
    )
    if not notices:
        shop.appeals = []
    for each in shop.appeals:
        AppealRow.objects.create(
            merchant_id=shop.merchant_id,
            notice=notices[0],
            filed_at=each.filed_at,
            due_on=platform_date(each.filed_at),
            ended_at=each.ended_at,
            state="open" if each.ended_at is None else "upheld" if each.upheld else "refused",
        )


def store_benefit(merchant_id: int, told: list[rule.Revision]) -> None:
    """A benefit with its revisions, as the benefits app would have left them."""
    benefit = Benefit.objects.create(
        merchant_id=merchant_id,
        name="b",
        kind=told[-1].kind,
        status="published",
        revision=len(told),
        published_at=told[0].at,
        revision_at=told[-1].at,
    )
    BenefitRevision.objects.bulk_create(
        BenefitRevision(
            merchant_id=merchant_id,
            benefit=benefit,
            number=number,
            at=each.at,
            action=each.action,
            from_at=each.starts_at,
            to_at=each.ends_at,
            kind=each.kind,
            name="b",
        )
        for number, each in enumerate(told, start=1)
    )


def store_coverage(shop: Shop) -> None:
    """The coverage that the revisions amount to, and the due row."""
    rows = rule.program_coverage(shop.benefits)
    Coverage.objects.filter(merchant_id=shop.merchant_id).delete()
    Coverage.objects.bulk_create(
        Coverage(
            merchant_id=shop.merchant_id,
            kind=row.kind,
            in_force=row.in_force,
            configured_at=[each.at for each in row.configured],
            force_from=[each.force_from for each in row.configured],
        )
        for row in rows
    )
    CoverageDue.objects.bulk_create(
        [CoverageDue(merchant_id=shop.merchant_id, changed_at=shop.opened_at)], ignore_conflicts=True
    )
