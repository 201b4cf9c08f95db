"""Publishing a grade policy: always a new version, never an edit; and the category a shop is graded in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from compliance.lib.grade_policy import CATEGORIES
from compliance.lib.grade_policy import GradePolicy as Rule
from compliance.lib.grades import LEVELS
from compliance.models import GradePolicy, ShopCategory
from compliance.selectors import grades as selectors
from members.lib.refusals import Conflict, Invalid, NotFound
from members.models import JoinRule, Merchant
from members.services import audit
from members.services.audit import Actor

LOCK = 0x67726164  # one publication at a time, so that numbers follow each other


def install(*, at: dt.datetime) -> None:
    """The first version, with the defaults; idempotent. Works as platform."""
    if not GradePolicy.objects.exists():
        first = GradePolicy(number=1, published_at=at, effective_at=at, values=Rule().as_json())
        GradePolicy.objects.bulk_create([first], ignore_conflicts=True)


@transaction.atomic
def set_policy(
    *, at: dt.datetime, effective_at: dt.datetime, actor: Actor, values: Mapping[str, Any], reason: str
) -> GradePolicy:
    """Publish a version that takes effect at `effective_at`, now at the earliest. Works as platform.

    values: settings by name; those left out keep what is in force then. Levels change with the next month that is
    graded; what a level may, with the instant the version takes effect. Raises Invalid: a start in the past, no reason,
    a bad value (errors by setting), nothing changed; Conflict before the installation.
    """
    reason = reason.strip()
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    rows = selectors.policy_rows()
    if not rows:
        raise Conflict(_("The platform is not installed yet: it has no policy of grades."))
    before, after = changed(rows, at=at, effective_at=effective_at, values=values)
    if not reason:
        raise Invalid.on("reason", _("Say why the rule changes."))
    names = after.changes_from(before)
    if not names:
        raise Invalid(_("Nothing differs from the version in force then."))
    row = GradePolicy.objects.create(
        number=max(each.number for each in rows) + 1,
        published_at=at,
        effective_at=effective_at,
        values=after.as_json(),
        by_id=actor.user_id,
        by_label=actor.label[:120],
        reason=reason[:500],
    )
    _tell_joining(row, after)
    audit.record_for_platform(
        at=at,
        actor=actor,
        action="grade_policy.published",
        subject=("grade_policy", row.number),
        before={name: before[name] for name in names},
        after={name: after[name] for name in names} | {"effective_at": effective_at.isoformat()},
        reason=reason,
    )
    return row


def changed(
    rows: list[GradePolicy], *, at: dt.datetime, effective_at: dt.datetime, values: Mapping[str, Any]
) -> tuple[Rule, Rule]:
    """The policy in force at `effective_at`, and with some settings changed. Raises Invalid."""
    if effective_at < at:
        raise Invalid.on("effective_at", _("A policy cannot start in the past: choose now or a later time."))
    coming = [row for row in rows if row.effective_at <= effective_at]
    base = max(coming, key=lambda row: (row.effective_at, row.published_at, row.number), default=rows[0])
    return base.rule, base.rule.changed(values)


def _tell_joining(row: GradePolicy, policy: Rule) -> None:
    """What each level may, where joining reads it: members know no grades."""
    terms = {}
    for level in LEVELS:
        gives = policy.privileges(level)
        terms[level.value] = {
            "free_join": gives.free_join,
            "joins_day": gives.joins_day,
            "joins_month": gives.joins_month,
        }
    JoinRule.objects.create(
        number=row.number,
        effective_at=row.effective_at,
        has_free_join=policy["enforce.free_join"],
        has_quota=policy["enforce.quota"],
        terms=terms,
    )


@transaction.atomic
def set_category(*, merchant_id: int, category: str, reason: str, at: dt.datetime, actor: Actor) -> str:
    """Put a merchant into the category in which it is graded from the next month on. Works as platform.

    Raises NotFound, Invalid (no such category, no reason). What changes nothing writes nothing.
    """
    merchant = Merchant.objects.select_for_update(no_key=True).filter(pk=merchant_id).first()
    if merchant is None:
        raise NotFound(_("There is no such merchant."))
    if category not in CATEGORIES:
        raise Invalid.on("category", _("Choose a category."))
    if not reason.strip():
        raise Invalid.on("reason", _("Say why the category changes."))
    before = selectors.category_of(merchant_id=merchant_id)
    if category == before:
        return before
    ShopCategory.objects.update_or_create(
        merchant_id=merchant_id, defaults={"category": category, "set_at": at}
    )
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="grade.category_set",
        subject=("merchant", merchant.slug),
        label=merchant.name,
        before={"category": before},
        after={"category": category},
        reason=reason.strip(),
    )
    return category
