"""Grades in words: metrics with their formulas, settings of the policy, privileges, and the way to the next level."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from benefits.models import FindingKind
from compliance.lib.grade_policy import FINDINGS as FINDING_KINDS
from compliance.lib.grade_policy import SETTINGS, WHOLE, GradePolicy, Level, Metric, Privileges
from compliance.lib.grades import Excess, Month, Step
from compliance.models.grades import BAND_WORDS, CATEGORY_WORDS, LEVEL_WORDS

LEVELS: dict[str, Any] = dict(LEVEL_WORDS)
BANDS: dict[str, Any] = dict(BAND_WORDS)
CATEGORIES: dict[str, Any] = dict(CATEGORY_WORDS)
METRICS: dict[Metric, Any] = {
    Metric.BENEFIT_DAYS: gettext_lazy("Benefit days online"),
    Metric.MEMBERS: gettext_lazy("Effective members"),
    Metric.SHARE: gettext_lazy("Member GMV share"),
    Metric.RECRUITS: gettext_lazy("Recruits a day"),
    Metric.USE: gettext_lazy("Benefit use"),
}
_PLAIN: dict[str, Any] = {
    "protection_days": gettext_lazy("Protection of new programs (days)"),
    "protected_level": gettext_lazy("New programs have at least the privileges of"),
    "effective_days": gettext_lazy("A member is effective who bought within (days)"),
    "medium_from": gettext_lazy("Medium shop from (paid orders of the month)"),
    "large_from": gettext_lazy("Large shop from (paid orders of the month)"),
    "enforce.free_join": gettext_lazy("Enforce free joining"),
    "enforce.quota": gettext_lazy("Enforce the quotas of joining"),
}
_OF_LEVEL: dict[str, Any] = {
    "free_join": gettext_lazy("%(level)s: free joining"),
    "joins_day": gettext_lazy("%(level)s: most who join in a day"),
    "joins_month": gettext_lazy("%(level)s: most who join in a month"),
    "placement": gettext_lazy("%(level)s: placement on the platform"),
    "most": gettext_lazy("%(level)s: most that findings of the price guard may weigh in the month"),
}
FINDINGS = gettext_lazy("Findings of the price guard")
LEVEL_CHIPS = {Level.QUALITY: "success", Level.POTENTIAL: "info", Level.IMPROVING: "warning"}


def formula(metric: Metric, policy: GradePolicy) -> str:
    """How a metric is computed, in words."""
    words = {
        Metric.BENEFIT_DAYS: _(
            "Days of the month, by the platform's clock, on which at least one benefit that counts was in force."
        ),
        Metric.MEMBERS: _("Members with a paid order in the %(days)s days before the end of the month."),
        Metric.SHARE: _(
            "Net sales to members divided by all net sales of the month; who was a member when paying counts."
        ),
        Metric.RECRUITS: _(
            "People who joined in the month, without declared lists, divided by the days of the month."
        ),
        Metric.USE: _("Effective members who used a benefit in the month divided by all effective members."),
    }
    return words[metric] % {"days": policy["effective_days"]}


def findings_formula(policy: GradePolicy) -> str:
    """What is counted of the price guard's findings, in words."""
    weights = {policy[f"findings.weight.{kind}"] for kind in FINDING_KINDS}
    text = _("What the price guard found in the shop's prices in the month, warned of or blocked.")
    if weights == {1}:
        return text
    return (
        text
        + " "
        + _("Each weighs: %(weights)s.")
        % {
            "weights": ", ".join(
                f"{FindingKind(kind).label} {policy[f'findings.weight.{kind}']}" for kind in FINDING_KINDS
            )
        }
    )


def findings_text(month: Month) -> str:
    """A month's findings, with what they weigh where that is another number."""
    if month.findings is None:
        return "--"
    if month.findings_weighed == month.findings:
        return f"{month.findings:,}"
    return _("%(n)s (weight %(weight)s)") % {
        "n": f"{month.findings:,}",
        "weight": f"{month.findings_weighed:,}",
    }


def most_text(most: int | None) -> str:
    """The most that findings may weigh for a level."""
    return "--" if most is None else _("at most %(n)s") % {"n": f"{most:,}"}


def excess_text(excess: Excess) -> str:
    """What to do about too many findings, in one sentence."""
    return _("Have the price guard find less: at most %(most)s in the month; it was %(n)s.") % {
        "most": f"{excess.most:,}",
        "n": f"{excess.weighed:,}",
    }


def tenths(value: int) -> str:
    """Tenths as a number: 25 is 2.5, 30 is 3."""
    return f"{value // 10:,}" if value % 10 == 0 else f"{value // 10:,}.{value % 10}"


def percent(value: int) -> str:
    """Basis points as a per cent: 525 is 5.25 %."""
    whole, rest = divmod(value, 100)
    return f"{whole}%" if not rest else f"{whole}.{rest:02d}".rstrip("0") + "%"


def value_text(metric: Metric, value: int | None) -> str:
    """A metric's value or line as people read it."""
    if value is None:
        return "--"
    if metric in (Metric.SHARE, Metric.USE):
        return percent(value)
    return tenths(value) if metric is Metric.RECRUITS else f"{value:,}"


def sales_missing(month: Month, line: int) -> int:
    """Minor units of the month's sales that members would have to pay more, so that their share reaches a line."""
    return max(-(-line * month.all_minor // WHOLE) - month.member_minor, 0)


def step_text(step: Step, month: Month, money: Any) -> str:
    """What to do, in one sentence. `money` writes minor units."""
    missing = step.missing
    if step.metric is Metric.BENEFIT_DAYS:
        text = ngettext(
            "Keep one benefit online %(n)s more day in the month.",
            "Keep one benefit online %(n)s more days in the month.",
            missing,
        )
        return text % {"n": missing}
    if step.metric is Metric.MEMBERS:
        text = ngettext(
            "%(n)s more member who buys.",
            "%(n)s more members who buy.",
            missing,
        )
        return text % {"n": f"{missing:,}"}
    if step.metric is Metric.RECRUITS:
        return _("%(n)s more recruits a day.") % {"n": tenths(missing)}
    if step.metric is Metric.USE:
        return _("%(n)s more of the effective members use a benefit.") % {"n": percent(missing)}
    amount = sales_missing(month, step.line)
    if not amount:
        return _("Have members make %(line)s of sales; the month had none.") % {"line": percent(step.line)}
    return _("Have members make %(line)s of sales: %(amount)s more of the month's sales.") % {
        "line": percent(step.line),
        "amount": money(amount),
    }


def quota_text(most: int | None) -> str:
    """A quota."""
    return _("no limit") if most is None else f"{most:,}"


def privilege_rows(gives: Privileges) -> list[tuple[str, str]]:
    """What a level gives, (what, how much)."""
    return [
        (_("Free joining: people who have not bought may join"), _("yes") if gives.free_join else _("no")),
        (_("Most who join in a day"), quota_text(gives.joins_day)),
        (_("Most who join in a month"), quota_text(gives.joins_month)),
        (_("Placement on the platform"), _("yes") if gives.placement else _("no")),
    ]


def setting_label(name: str) -> str:
    """A setting of the policy in words."""
    if name in _PLAIN:
        return str(_PLAIN[name])
    first, *rest = name.split(".")
    if name.startswith("findings.weight."):
        return _("Weight of a finding: %(kind)s") % {"kind": FindingKind(rest[1]).label}
    if name.startswith("findings.most."):
        first, rest = "most", rest[1:]
    if first == "counts":
        return _("%(metric)s counts") % {"metric": METRICS[Metric(rest[0])]}
    if first == "percent":
        return _("%(category)s: per cent of the lines") % {"category": CATEGORIES[rest[0]]}
    if first == "line":
        words = {"pass": _("%(band)s, %(metric)s: pass line"), "high": _("%(band)s, %(metric)s: high line")}
        return words[rest[2]] % {"band": BANDS[rest[0]], "metric": METRICS[Metric(rest[1])]}
    return str(_OF_LEVEL[first]) % {"level": LEVELS[rest[0]]}


def setting_text(name: str, value: Any) -> str:
    """A setting's value in words."""
    setting = SETTINGS.get(name)
    if setting is None:
        return str(value)
    if setting.kind == "bool":
        return _("yes") if value else _("no")
    if setting.kind == "level":
        return str(LEVELS.get(value, value))
    if name.startswith("line."):
        return value_text(Metric(name.split(".")[2]), value)
    return quota_text(value)


def differences(before: GradePolicy, after: GradePolicy) -> list[tuple[str, str, str]]:
    """(setting, before, after) in words, for the settings that differ."""
    return [
        (setting_label(name), setting_text(name, before[name]), setting_text(name, after[name]))
        for name in after.changes_from(before)
    ]


def rule_in_words() -> list[str]:
    """The rule of the levels, whatever the numbers."""
    return [
        _("Quality: every metric that counts reaches its high line."),
        _("Potential: benefit days reach their pass line, and at least one other metric reaches its own."),
        _("Improving: everything else. A month without sales has no member GMV share: it counts as 0."),
        _(
            "Findings of the price guard are shown with every month. Where the policy sets a most for a grade, a month "
            "with more does not get it."
        ),
        _("Lines depend on the size of the shop, by its paid orders of the month, and on its category."),
    ]
