"""What one policy says otherwise than another, in plain sentences: for the pages that announce a version or a draft."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext

from benefits.lib.kinds import label_of
from compliance.lib.policy import AgeBoundary, CountingBasis, Policy
from compliance.lib.words import channels_in_words

# A setting that is one number of days, months or a date: what is so now instead of before.
_SENTENCES = {
    "min_age_months": gettext_noop(
        "Only a program at least %(after)s months old can be closed, instead of %(before)s."
    ),
    "window_days": gettext_noop(
        "A program is closed after %(after)s days without a qualifying benefit instead of %(before)s."
    ),
    "min_notice_days": gettext_noop(
        "A warning must have been delivered %(after)s days before the run instead of %(before)s."
    ),
    "warn_days": gettext_noop("Warnings are sent %(after)s days before a run instead of %(before)s."),
    "first_run_on": gettext_noop("The first run is on %(after)s instead of %(before)s."),
    "protection_days": gettext_noop(
        "A program that was restored is protected for %(after)s days instead of %(before)s."
    ),
    "max_clear_share": gettext_noop(
        "A run that would close more than %(after)s of the programs waits for a person, instead of more than "
        "%(before)s."
    ),
    "final_notice_days": gettext_noop(
        "The final notice begins %(after)s days before a run instead of %(before)s."
    ),
    "at_risk_days": gettext_noop(
        "A program is at risk from %(after)s days before a run on instead of %(before)s."
    ),
    "observing_days": gettext_noop(
        "A program is observed after %(after)s days without a qualifying benefit instead of %(before)s."
    ),
    "reopen_wait_days": gettext_noop(
        "A program that was closed can be opened again after %(after)s days instead of %(before)s."
    ),
    "appeal_hold_days": gettext_noop(
        "An appeal holds a program out of runs once in %(after)s days instead of %(before)s."
    ),
    "appeal_decision_days": gettext_noop(
        "Appeals are decided within %(after)s working days instead of %(before)s."
    ),
    "min_cover_days": gettext_noop(
        "A benefit in force for less than %(after)s days, instead of %(before)s, counts only while it runs."
    ),
    "max_lead_days": gettext_noop(
        "Publishing counts when the benefit comes into force within this many days: %(after)s instead of %(before)s."
    ),
}
_BASES = {
    CountingBasis.IN_FORCE_OR_CONFIGURED: gettext_noop(
        "A benefit counts by being in force and by being published or changed."
    ),
    CountingBasis.IN_FORCE: gettext_noop(
        "A benefit counts only by being in force, no longer by being published or changed."
    ),
    CountingBasis.CONFIGURED: gettext_noop(
        "A benefit counts only by being published or changed, no longer by being in force."
    ),
}
# A rule of paper that is switched on or off (True or False).
_PAPER = {
    ("threshold", True): gettext_noop(
        "A benefit does not count when its threshold is above what 95 of 100 orders of 90 days came to."
    ),
    ("threshold", False): gettext_noop("A benefit counts from then on however high its threshold is."),
    ("saving", True): gettext_noop("A benefit does not count when it saves less than 1 %."),
    ("saving", False): gettext_noop("A benefit counts from then on however little it saves."),
    ("scope", True): gettext_noop(
        "A benefit does not count when its price list has nothing that the shop sells."
    ),
    ("scope", False): gettext_noop("A benefit counts from then on whatever its price list has."),
}
_AGES = {
    AgeBoundary.OVER: gettext_noop("A program of exactly that age is not old enough to be closed yet."),
    AgeBoundary.AT_LEAST: gettext_noop("A program of exactly that age is old enough to be closed."),
}


def changes_in_words(before: Policy, after: Policy) -> list[str]:
    """One sentence or two for each setting that differs, in the language active now; [] where nothing does."""
    return [sentence for name in after.changes_from(before) for sentence in _told(name, before, after)]


def _told(name: str, before: Policy, after: Policy) -> list[str]:
    if name == "counting_basis":
        return [_(_BASES[after.counting_basis])]
    if name == "age_boundary":
        return [_(_AGES[after.age_boundary])]
    if name == "uncounted_kinds":
        return _kinds(before, after)
    if name == "paper_rules":
        return _paper(before, after)
    if name == "uncounted_channels":
        return [_channels(after.uncounted_channels)]
    if name == "min_audience":
        return [_audience(before.min_audience, after.min_audience)]
    shown = _SHOWN.get(name, str)
    values = {"before": shown(getattr(before, name)), "after": shown(getattr(after, name))}
    return [_(_SENTENCES[name]) % values]


def _kinds(before: Policy, after: Policy) -> list[str]:
    gone, back = (
        after.uncounted_kinds - before.uncounted_kinds,
        before.uncounted_kinds - after.uncounted_kinds,
    )
    told = []
    if gone:
        told.append(_("No longer counted: %(kinds)s.") % {"kinds": _named(gone)})
    if back:
        told.append(_("Counted from then on: %(kinds)s.") % {"kinds": _named(back)})
    return told


def _paper(before: Policy, after: Policy) -> list[str]:
    turned = sorted(before.paper_rules ^ after.paper_rules)
    return [_(_PAPER[rule, rule in after.paper_rules]) for rule in turned]


def _channels(after: frozenset[str]) -> str:
    if after:
        return channels_in_words(after)
    return _("A benefit counts from then on whatever channels it is for.")


def _audience(before: int, after: int) -> str:
    if not after:
        return _("A benefit for certain members counts from then on however few are meant.")
    if not before:
        text = _("A benefit for certain members does not count when fewer than %(n)s are meant.")
        return text % {"n": after}
    text = _(
        "A benefit for certain members does not count when fewer than %(after)s are meant, instead of %(before)s."
    )
    return text % {"before": before, "after": after}


def _named(kinds: frozenset[str]) -> str:
    return ", ".join(str(label_of(kind)) for kind in sorted(kinds))


def _share(share: Decimal) -> str:
    return f"{(share * 100).normalize():f}%"


_SHOWN: dict[str, Callable[[Any], str]] = {
    "warn_days": lambda days: ", ".join(str(each) for each in days),
    "max_clear_share": _share,
    "max_lead_days": lambda days: pgettext("days", "no limit") if days is None else str(days),
}
