"""The grade page: the level, each metric against its lines, the cheapest way to the next level, what it gives."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from compliance.lib import grades as rule
from compliance.lib.grade_policy import GradePolicy, Level, Lines, Metric
from compliance.lib.grades import Month
from compliance.models import Grade
from compliance.selectors import grade_words as words
from compliance.selectors import grades as selectors
from members.lib.periods import merchant_day
from members.models import ProgramStatus
from members.services import joining
from members.templatetags.fmt import money
from members.web import gates
from members.web.request import StaffRequest


@gates.staff(read=gates.READERS)
@require_safe
def grade(request: StaffRequest) -> HttpResponse:
    """The latest month's grade with all it follows from; reachable in every state."""
    at, merchant = timezone.now(), request.merchant
    rows = selectors.history(merchant_id=merchant.pk)
    latest = rows[0] if rows else None
    in_force = selectors.policy_at(at=at)
    context: dict[str, Any] = {"at": at, "rows": [_row(row) for row in rows], "rule": words.rule_in_words()}
    if in_force is not None:
        policy = in_force.rule
        today = merchant_day(at, merchant.zone)
        so_far = selectors.month_until(merchant=merchant, today=today, at=at, policy=policy)
        context |= _standing(request, latest, so_far, policy)
        context |= {
            "grade": None if latest is None else _row(latest),
            "is_open": request.program is not None and request.program.status == ProgramStatus.OPEN,
            "is_counted": so_far is not None,
            "version": in_force.number,
            "privileges": _privileges(latest, policy),
            "terms": joining.terms_of(merchant_id=merchant.pk, at=at),
            "joined": joining.joined(merchant=merchant, at=at),
        }
    return render(request, "compliance/grade/page.html", context)


def _standing(
    request: StaffRequest, latest: Grade | None, so_far: Month | None, policy: GradePolicy
) -> dict[str, Any]:
    """The metrics against their lines, and the way to the next level: of the month graded, else of this one so far."""
    if latest is not None:
        month, lines, judged = latest.facts, latest.lines, latest.policy.rule
        level = Level(latest.level)
    elif so_far is not None:
        category = selectors.category_of(merchant_id=request.merchant.pk)
        month, lines, judged = so_far, selectors.lines_now(so_far, policy, category), policy
        level = rule.graded(so_far, lines, policy)
    else:
        return {}
    counting = rule.counted(month.measures, judged)
    wanted = rule.next_level(level)
    steps = () if wanted is None else rule.way_to(wanted, month, lines, judged)
    amount = partial(money, currency=request.merchant.currency)
    now = None if so_far is None else so_far.measures
    return {
        "metrics": [
            *(_metric(metric, month, lines[metric], judged, counting, now) for metric in Metric),
            _findings(month, judged, so_far),
        ],
        "level": _level(level),
        "wanted": None if wanted is None else words.LEVELS[wanted],
        "steps": [_step(step, month, amount) for step in steps],
        "is_choice": wanted is Level.POTENTIAL,
    }


def _step(step: rule.Step | rule.Excess, month: Month, amount: Any) -> dict[str, Any]:
    """What to do, and how much of it: per cent rounded up."""
    percent = {"percent": math.ceil(100 * step.effort)}
    if isinstance(step, rule.Excess):
        return {"text": words.excess_text(step), "sub": _("%(percent)s %% of them are too many") % percent}
    return {
        "text": words.step_text(step, month, amount),
        "sub": _("%(percent)s %% of its line is missing") % percent,
    }


def _findings(month: Month, policy: GradePolicy, now: Month | None) -> dict[str, Any]:
    """The findings of the price guard, as one of the metrics: the less the better."""
    most = {level: policy.most_findings(level) for level in (Level.POTENTIAL, Level.QUALITY)}
    if most[Level.QUALITY] is None:
        chip = ("neutral", _("Shown, keeps from no grade"))
    elif rule.is_kept_from(Level.POTENTIAL, month, policy):
        chip = ("warning", _("Too many for “%(level)s”") % {"level": words.LEVELS[Level.POTENTIAL]})
    elif rule.is_kept_from(Level.QUALITY, month, policy):
        chip = ("warning", _("Too many for “%(level)s”") % {"level": words.LEVELS[Level.QUALITY]})
    else:
        chip = ("success", _("Few enough"))
    return {
        "label": words.FINDINGS,
        "formula": words.findings_formula(policy),
        "value": words.findings_text(month),
        "passing": words.most_text(most[Level.POTENTIAL]),
        "high": words.most_text(most[Level.QUALITY]),
        "now": "--" if now is None else words.findings_text(now),
        "chip": chip,
    }


def _metric(
    metric: Metric,
    month: Month,
    lines: Lines,
    policy: GradePolicy,
    counting: tuple[Metric, ...],
    now: dict[Metric, int | None] | None,
) -> dict[str, Any]:
    value = month.measures[metric]
    if not policy.counts(metric):
        chip = ("neutral", _("Does not count"))
    elif metric not in counting:
        chip = ("neutral", _("Not measured yet"))
    elif (value or 0) >= lines.high:
        chip = ("success", _("High line reached"))
    elif (value or 0) >= lines.passing:
        chip = ("info", _("Pass line reached"))
    else:
        chip = ("warning", _("Below the pass line"))
    return {
        "label": words.METRICS[metric],
        "formula": words.formula(metric, policy),
        "value": words.value_text(metric, value),
        "passing": words.value_text(metric, lines.passing),
        "high": words.value_text(metric, lines.high),
        "now": "--" if now is None else words.value_text(metric, now[metric]),
        "chip": chip,
        "level": min(1000, 1000 * (value or 0) // lines.high) if lines.high else 1000,
        "mark": 1000 * lines.passing // lines.high if lines.high else 0,
    }


def _level(level: Level) -> dict[str, Any]:
    return {"word": words.LEVELS[level], "chip": words.LEVEL_CHIPS[level], "name": level.value}


def _row(row: Grade) -> dict[str, Any]:
    """A month of the history."""
    measures = row.facts.measures
    return {
        "month": f"{row.run.month:%Y-%m}",
        "at": row.run.at,
        "level": _level(Level(row.level)),
        "granted": words.LEVELS[row.granted] if row.granted != row.level else "",
        "is_protected": row.is_protected,
        "band": row.get_band_display(),
        "category": row.get_category_display(),
        "orders": row.orders,
        "version": row.policy_id,
        "values": [
            (words.METRICS[metric], words.value_text(metric, measures[metric]))
            for metric in Metric
            if metric is not Metric.USE or measures[metric] is not None
        ]
        + ([] if row.findings is None else [(words.FINDINGS, words.findings_text(row.facts))]),
    }


def _privileges(latest: Grade | None, policy: GradePolicy) -> list[dict[str, Any]]:
    """What each level gives under the policy in force; the merchant's own marked."""
    return [
        {
            "level": _level(level),
            "rows": words.privilege_rows(policy.privileges(level)),
            "is_own": latest is not None and latest.granted == level,
        }
        for level in reversed(rule.LEVELS)
    ]
