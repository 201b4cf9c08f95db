"""The clearance rule of a policy in plain sentences, for the pages that explain it."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from benefits.lib.scope import channel_names
from compliance.lib.policy import AgeBoundary, CountingBasis, Policy


def rule_in_words(policy: Policy) -> list[str]:
    """The sentences, in the order in which the rule is read, in the language active now."""
    return [
        _age(policy),
        _window(policy),
        *_cheap(policy),
        *paper_in_words(policy),
        _notice(policy),
        _("Clearance runs at 23:00 Beijing time, first on %(day)s, then on the last day of every month.")
        % {"day": policy.first_run_on.isoformat()},
    ]


def _age(policy: Policy) -> str:
    months = {"months": policy.min_age_months}
    if policy.age_boundary is AgeBoundary.OVER:
        return _("A program first opened more than %(months)s months before the run can be closed.") % months
    return _("A program first opened %(months)s months or more before the run can be closed.") % months


def _window(policy: Policy) -> str:
    days = {"days": policy.window_days}
    if policy.counting_basis is CountingBasis.IN_FORCE:
        return (
            _("It is closed when no qualifying benefit was in force in the %(days)s days before the run.")
            % days
        )
    if policy.counting_basis is CountingBasis.CONFIGURED:
        return (
            _(
                "It is closed when no qualifying benefit was published or materially changed in the %(days)s days "
                "before the run."
            )
            % days
        )
    return (
        _(
            "It is closed when no qualifying benefit was in force, published or materially changed in the %(days)s "
            "days before the run."
        )
        % days
    )


def _cheap(policy: Policy) -> list[str]:
    sentences = []
    if policy.min_cover_days:
        sentences.append(
            ngettext(
                "A benefit in force for less than %(days)s day counts only while it runs.",
                "A benefit in force for less than %(days)s days counts only while it runs.",
                policy.min_cover_days,
            )
            % {"days": policy.min_cover_days}
        )
    if policy.max_lead_days is not None and policy.counting_basis is not CountingBasis.IN_FORCE:
        sentences.append(
            _("Publishing counts only when the benefit comes into force within %(days)s days.")
            % {"days": policy.max_lead_days}
        )
    return sentences


def paper_in_words(policy: Policy) -> list[str]:
    """What does not count besides what nobody can use."""
    sentences = []
    if "threshold" in policy.paper_rules:
        sentences.append(
            _(
                "A benefit does not count when its threshold is above what 95 of 100 orders of 90 days came to."
            )
        )
    if "saving" in policy.paper_rules:
        sentences.append(_("A benefit does not count when it saves less than 1 %."))
    if "scope" in policy.paper_rules:
        sentences.append(_("A benefit does not count when its price list has nothing that the shop sells."))
    if policy.uncounted_channels:
        sentences.append(channels_in_words(policy.uncounted_channels))
    if policy.min_audience:
        text = _("A benefit for certain members does not count when fewer than %(n)s are meant.")
        sentences.append(text % {"n": policy.min_audience})
    return sentences


def channels_in_words(channels: Collection[str]) -> str:
    """Which channels do not count."""
    text = _("A benefit does not count that is to be had only on: %(channels)s.")
    return text % {"channels": channel_names(channels)}


def _notice(policy: Policy) -> str:
    return _(
        "It is closed only if a warning was delivered at least %(days)s days before; otherwise it waits a month."
    ) % {"days": policy.min_notice_days}
