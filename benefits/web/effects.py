"""What a benefit or campaign changed: those who may have it beside its control group, and what it cost (domain 8)."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from benefits.lib.effects import (
    FEWEST_BUYERS,
    FEWEST_MEMBERS,
    USUAL_DAYS,
    WINDOWS,
    Effect,
    Interval,
    Verdict,
    effect_of,
)
from benefits.models import Benefit, BenefitStatus, GiftCampaign
from benefits.selectors import effects as selectors
from benefits.selectors.effects import Counted
from benefits.web.benefits import found_or_404, reads
from benefits.web.campaigns import campaign_or_404
from members.templatetags.fmt import money_text, points
from members.web import csv_files
from members.web.forms import asked
from members.web.request import StaffRequest

HALF, REACH = 500, 460  # of a drawing: where zero is, and how far bounds go from it
VERDICTS: dict[Verdict, tuple[str, Any]] = {
    Verdict.MORE: ("success", gettext_lazy("More than by chance")),
    Verdict.LESS: ("critical", gettext_lazy("Less than by chance")),
    Verdict.UNCLEAR: ("neutral", gettext_lazy("Cannot tell")),
    Verdict.TOO_FEW: ("neutral", gettext_lazy("Too few")),
}


def percent(value: int) -> str:
    """Hundredths of a per cent: 1234 is 12.34%."""
    sign, (whole, rest) = "\u2212" if value < 0 else "", divmod(abs(value), 100)
    return f"{sign}{whole}.{rest:02d}%"


def _of_benefit(request: StaffRequest, public_id: str) -> Benefit:
    """Raises Http404 for one without a control group."""
    benefit = found_or_404(request, public_id)
    if not benefit.holdout_percent or benefit.status == BenefitStatus.DRAFT:
        raise Http404
    return benefit


def _of_campaign(request: StaffRequest, campaign_id: str) -> GiftCampaign:
    """Raises Http404 for one without a control group."""
    campaign = campaign_or_404(request, campaign_id)
    if not campaign.holdout_percent:
        raise Http404
    return campaign


def _days(request: StaffRequest) -> int:
    """The window that the address asks for."""
    given = asked(request, "days", most=3)
    return int(given) if given in map(str, WINDOWS) else USUAL_DAYS


def _counted(request: StaffRequest, benefit: Benefit, campaign: GiftCampaign | None) -> Counted | None:
    return selectors.counted(
        merchant=request.merchant,
        benefit=benefit,
        campaign=campaign,
        days=_days(request),
        at=timezone.now(),
    )


def _page(
    request: StaffRequest, benefit: Benefit, campaign: GiftCampaign | None, csv_url: str
) -> HttpResponse:
    counted, days = _counted(request, benefit, campaign), _days(request)
    context: dict[str, Any] = {
        "benefit": benefit,
        "campaign": campaign,
        "days": days,
        "percent": (campaign or benefit).holdout_percent,
        "windows": [(each, f"{request.path}?days={each}", each == days) for each in WINDOWS],
        "csv_url": f"{csv_url}?days={days}",
        "fewest_members": FEWEST_MEMBERS,
        "fewest_buyers": FEWEST_BUYERS,
        "counted": counted,
    }
    if counted is not None:
        effect = effect_of(counted.figures)
        context |= _shown(effect, request.merchant.currency)
    return render(request, "benefits/effects/page.html", context)


def _shown(effect: Effect, currency: str) -> dict[str, Any]:
    """An effect in words and drawings."""
    treated, held = effect.figures.treated, effect.figures.held
    return {
        "headline": _headline(effect, currency),
        "level": VERDICTS[effect.spend.verdict][0],
        "rows": [_row(label, interval, text) for label, interval, text in _measures(effect, currency)],
        "members": (points(treated.members), points(held.members)),
        "over": points(treated.over + held.over),
        "all": points(treated.members + held.members),
        "is_over": treated.over + held.over == treated.members + held.members,
        "extra": [money_text(each, currency) for each in effect.extra] if effect.is_enough else None,
        "cost": effect.figures.cost,
        "saved": money_text(effect.figures.cost.saved_minor, currency),
    }


def _measures(effect: Effect, currency: str) -> list[tuple[str, Interval, Any]]:
    """(what, its comparison, how its numbers are written)."""
    return [
        (_("Members who bought"), effect.buyers, percent),
        (_("Orders of 1,000 members"), effect.orders, points),
        (_("Sales of a member"), effect.spend, lambda value: money_text(value, currency)),
    ]


def _row(label: str, interval: Interval, text: Any) -> dict[str, Any]:
    span = max(abs(interval.low), abs(interval.high), 1)
    low, dot, high = (
        HALF + value * REACH // span for value in (interval.low, interval.difference, interval.high)
    )
    return {
        "label": label,
        "treated": text(interval.treated),
        "held": text(interval.held),
        "difference": text(interval.difference),
        "low": text(interval.low),
        "high": text(interval.high),
        "verdict": VERDICTS[interval.verdict],
        "x": low,
        "width": max(high - low, 2),
        "dot": min(max(dot, 0), 2 * HALF),
    }


def _headline(effect: Effect, currency: str) -> str:
    """What sales say, in one sentence."""
    spend = effect.spend
    if spend.verdict is Verdict.TOO_FEW:
        text = _(
            "Too few to tell: each group needs %(members)s members or more, and both together %(buyers)s buyers."
        )
        return text % {"members": FEWEST_MEMBERS, "buyers": FEWEST_BUYERS}
    if spend.verdict is Verdict.UNCLEAR:
        return _("Cannot tell: what was sold to both groups differs no more than by chance.")
    less, more = sorted((abs(spend.low), abs(spend.high)))
    texts = {
        Verdict.MORE: _("It brings sales: %(less)s to %(more)s more of each member who may have it."),
        Verdict.LESS: _("It costs sales: %(less)s to %(more)s less of each member who may have it."),
    }
    return texts[spend.verdict] % {"less": money_text(less, currency), "more": money_text(more, currency)}


def _file(request: StaffRequest, benefit: Benefit, campaign: GiftCampaign | None) -> HttpResponse:
    head = [
        _("What"),
        _("May have it"),
        _("Control group"),
        _("Difference"),
        _("Interval from"),
        _("Interval to"),
        _("It says"),
    ]
    counted = _counted(request, benefit, campaign)
    rows = [] if counted is None else _lines(effect_of(counted.figures), request.merchant.currency)
    return csv_files.answer("effect.csv", head, rows)


def _lines(effect: Effect, currency: str) -> list[list[Any]]:
    treated, held, cost = effect.figures.treated, effect.figures.held, effect.figures.cost
    extra, low, high = (money_text(each, currency) for each in effect.extra)
    return [
        [_("Members"), treated.members, held.members],
        [_("Members whose window is over"), treated.over, held.over],
        [_("Orders"), treated.orders, held.orders],
        [_("Sales"), money_text(treated.spend_minor, currency), money_text(held.spend_minor, currency)],
        *(
            [label, *map(text, (i.treated, i.held, i.difference, i.low, i.high)), VERDICTS[i.verdict][1]]
            for label, i, text in _measures(effect, currency)
        ),
        [_("Sales that it brought in all"), "", "", extra, low, high, VERDICTS[effect.spend.verdict][1]],
        [_("Members who got it"), cost.had],
        [_("Uses"), cost.uses],
        [_("What members saved"), money_text(cost.saved_minor, currency)],
        [_("Uses whose saving nobody told"), cost.unknown],
    ]


@reads
@require_safe
def effects_page(request: StaffRequest, public_id: str) -> HttpResponse:
    """What a benefit changed."""
    benefit = _of_benefit(request, public_id)
    return _page(request, benefit, None, reverse("benefits:effects_csv", args=[public_id]))


@reads
@require_safe
def effects_csv(request: StaffRequest, public_id: str) -> HttpResponse:
    """The same as a file."""
    return _file(request, _of_benefit(request, public_id), None)


@reads
@require_safe
def effects_campaign(request: StaffRequest, campaign_id: str) -> HttpResponse:
    """What a campaign changed."""
    campaign = _of_campaign(request, campaign_id)
    return _page(
        request, campaign.benefit, campaign, reverse("benefits:effects_campaign_csv", args=[campaign_id])
    )


@reads
@require_safe
def effects_campaign_csv(request: StaffRequest, campaign_id: str) -> HttpResponse:
    """The same as a file."""
    campaign = _of_campaign(request, campaign_id)
    return _file(request, campaign.benefit, campaign)
