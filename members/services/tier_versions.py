"""Two people edit the ladder at once: the second is told what the first saved, and overwrites nothing (domain.md 5)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext as _

from members.lib.refusals import Conflict
from members.models import Merchant, RulesVersion, Tier, User
from members.selectors import rules as selector
from members.services import programs

TIER_FIELDS = ("ladder", "window", "validity_months", "grace_days", "downgrade", "growth")


def check_seen(*, merchant_id: int, seen: int, at: dt.datetime) -> None:
    """Raises Conflict, naming who saved what and when, if the tiers changed since version `seen`. Takes the program's
    lock, so that of two at once the second sees the first. A change of the points alone is none.
    """
    programs.lock_for_close(merchant_id=merchant_id)
    present = selector.version_at(merchant_id=merchant_id, at=at)
    if present is None or present.number == seen:
        return
    began = RulesVersion.objects.of(merchant_id).filter(number=seen).first()
    changed = [
        name for name in TIER_FIELDS if began is None or getattr(began, name) != getattr(present, name)
    ]
    if not changed:
        return
    # The last version that changed the tiers: points may have been saved after it.
    later = RulesVersion.objects.of(merchant_id).filter(number__gt=seen, at__lte=at).order_by("number")
    last, former = present, began
    for version in later:
        if former is None or any(getattr(former, name) != getattr(version, name) for name in TIER_FIELDS):
            last = version
        former = version
    raise Conflict(
        _(
            "%(who)s saved version %(number)s of the tiers at %(time)s, after you opened this page: %(what)s. "
            "What you typed is kept below. Saving again replaces that version."
        )
        % {
            "who": _name(last),
            "number": last.number,
            "time": last.at.astimezone(Merchant.objects.get(pk=merchant_id).zone).strftime("%Y-%m-%d %H:%M"),
            "what": _what(began, present, changed),
        }
    )


def _name(version: RulesVersion) -> str:
    user = User.objects.filter(pk=version.by_id).first() if version.by_id else None
    return (user.name or user.email) if user else _("The system")


def _what(began: RulesVersion | None, present: RulesVersion, changed: list[str]) -> str:
    """What is different now, in words."""
    words = {
        "window": _("the days that count"),
        "validity_months": _("validity"),
        "grace_days": _("grace"),
        "downgrade": _("how members fall"),
        "growth": _("the weights of growth"),
    }
    told: list[Any] = []
    if "ladder" in changed:
        tiers = ", ".join(_tiers_changed(began, present))
        told.append(_("the ladder (%(tiers)s)") % {"tiers": tiers} if tiers else _("the ladder"))
    told += [words[name] for name in changed if name in words]
    return "; ".join(told)


def _tiers_changed(began: RulesVersion | None, present: RulesVersion) -> list[str]:
    """The names of the tiers that came, went or ask for something else."""
    rungs: list[dict[int, Any]] = [
        {rung["tier"]: rung for rung in (version.ladder if version else [])} for version in (began, present)
    ]
    ids = [tier for tier in {**rungs[0], **rungs[1]} if rungs[0].get(tier) != rungs[1].get(tier)]
    names = {tier.pk: str(tier) for tier in Tier.objects.of(present.merchant_id).filter(pk__in=ids)}
    return [names[tier] for tier in ids if tier in names]
