"""What a point rule means, in words: each sentence says one consequence of what the form says now (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from members.lib.expiry import Expiry
from members.lib.periods import local_instant, merchant_day, next_daily_job
from members.lib.refusals import Invalid
from members.models import Merchant, RulesVersion
from members.selectors.member_page import worth_minor
from members.templatetags.fmt import money_text
from members.templatetags.fmt import points as points_text
from members.web.point_forms import PointsForm

SHOWN_WORTH = 1_000  # points
_INSTANT = dt.timedelta(microseconds=1)


def consequences(
    form: PointsForm, version: RulesVersion | None, merchant: Merchant, at: dt.datetime
) -> list[str]:
    """The sentences; those whose fields are not filled in rightly yet are left out. `form` was cleaned."""
    return [
        *_wait(form, version, at, merchant.zone),
        *_expiry(form, version, merchant_day(at, merchant.zone)),
        *_clawback(form, version),
        *_by_hand(form),
        *_worth(form, merchant.currency),
    ]


def _wait(form: PointsForm, version: RulesVersion | None, at: dt.datetime, zone: ZoneInfo) -> Iterator[str]:
    days = form.cleaned_data.get("pending_days")
    if days is None:
        return
    if days == 0:
        yield _("Points can be used as soon as their order is completed.")
    else:
        local = at.astimezone(zone)
        due = local_instant(local.date() + dt.timedelta(days=days), local.time(), zone)
        day = merchant_day(next_daily_job(due - _INSTANT, zone), zone)
        yield _("Points of an order completed now become available on %(day)s.") % {"day": day.isoformat()}
    if version is not None and version.pending_days != days:
        yield _("Orders stored already keep the wait they came with.")


def _expiry(form: PointsForm, version: RulesVersion | None, today: dt.date) -> Iterator[str]:
    try:
        rule = form.rule()
    except (Invalid, KeyError):  # not filled in rightly yet
        return
    last_day = rule.last_day(today)
    if last_day is None:
        yield _("Points do not expire.")
    else:
        yield _("Points that become available today can be used until %(day)s.") % {
            "day": last_day.isoformat()
        }
    before = Expiry.read(version.expiry) if version is not None else rule
    if before == rule:
        return
    if before.kind == "never":
        until = rule.last_day_after_switch(today)
        yield _(
            "Points that members hold now had no expiry: they can be used until %(day)s. Nothing lapses for one "
            "full period."
        ) % {"day": until.isoformat() if until else "--"}
    else:
        yield _(
            "Points that are available already keep their last usable day; the change holds for those that become "
            "available from now on."
        )


def _clawback(form: PointsForm, version: RulesVersion | None) -> Iterator[str]:
    policy = form.cleaned_data.get("clawback")
    if version is not None and policy and policy != version.clawback:
        yield _(
            "The change holds for refunds from now on, of older orders too; refunds made already stay as they are."
        )


def _by_hand(form: PointsForm) -> Iterator[str]:
    if "adjust_limit" not in form.errors:
        limit = form.cleaned_data.get("adjust_limit")
        if limit is None:
            yield _("Whoever may adjust points does so alone, whatever the number.")
        elif limit == 0:
            yield _("Every adjustment waits until a second person has approved it.")
        else:
            yield _(
                "An adjustment of more than %(n)s points waits until a second person has approved it."
            ) % {"n": points_text(limit)}
    days = form.cleaned_data.get("give_back_days")
    if days == 0:
        yield _("Expired points are not given back.")
    elif days is not None:
        yield ngettext(
            "Staff can give expired points back for %(days)s day, as points of 30 days.",
            "Staff can give expired points back for %(days)s days, as points of 30 days.",
            days,
        ) % {"days": days}


def _worth(form: PointsForm, currency: str) -> Iterator[str]:
    cost = None if "point_cost" in form.errors else form.cost()
    if cost is not None:
        yield _("%(n)s points are shown as ≈ %(value)s.") % {
            "n": points_text(SHOWN_WORTH),
            "value": money_text(worth_minor(SHOWN_WORTH, cost), currency),
        }
