"""A member's tier in whole sentences: how far to the next, until when, and what happens then (domain.md 5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from babel import Locale
from babel.lists import format_list
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from members.lib import tier_sql
from members.lib.periods import daily_job_instant, merchant_day
from members.lib.posting import DayTotals, MemberState, Rules
from members.lib.posting.windows import metrics_on
from members.lib.tier_forecast import Forecast, forecast
from members.lib.tiers import METRICS, Metric, Metrics, Tier, TierStanding, Window
from members.models import DailyTotal, Member, Merchant, TierMove, TierValidity
from members.models import Tier as TierRow
from members.models import TierStanding as StandingRow
from members.selectors import rules as rules_of
from members.templatetags.fmt import money_text
from members.templatetags.fmt import points as points_text


def state_of(*, merchant: Merchant, member: Member, rules: Rules, today: dt.date) -> MemberState:
    """The member as the rule knows it, with the days of the window from today on. Three queries."""
    held = StandingRow.objects.of(merchant.pk).filter(member_id=member.pk).first()
    validity = TierValidity.objects.of(merchant.pk).filter(member_id=member.pk)
    standing = TierStanding(
        tier_id=held.tier_id if held else rules.tiers.base.id,
        since=held.since if held else member.joined_at,
        validity=dict(validity.values_list("tier_id", "valid_until")),
    )
    days = DailyTotal.objects.of(merchant.pk).filter(
        member_id=member.pk, day__gte=tier_sql.earliest_start(rules.tiers.window, today)
    )
    daily = {
        day: DayTotals(spend, orders, points)
        for day, spend, orders, points in days.values_list("day", "spend_minor", "orders", "points")
    }
    return MemberState(member.pk, standing, daily=daily, joined_on=member.joined_on)


def explained(*, merchant: Merchant, member: Member, at: dt.datetime) -> list[str]:
    """What a member's tier is and will be, in the active language. Nothing before there are rules. Eight queries."""
    if rules_of.version_at(merchant_id=merchant.pk, at=at) is None:
        return []
    rules = rules_of.rules_at(merchant_id=merchant.pk, at=at)
    today = merchant_day(at, merchant.zone)
    state = state_of(merchant=merchant, member=member, rules=rules, today=today)
    names = {tier.pk: str(tier) for tier in TierRow.objects.of(merchant.pk)}
    words = _Words(names, merchant.currency, rules.tiers.window, member, today)
    place = rules.tiers.rank.get(state.standing.tier_id, 0)
    coming = rules.tiers.ladder[place + 1] if place + 1 < len(rules.tiers.ladder) else None
    sentences = [words.way(coming, metrics_on(state, rules.tiers, today))] if coming else [words.top(state)]
    sentences += _by_hand(merchant, member, state)
    if not place:
        return sentences
    if not rules.is_open:
        return [*sentences, _("The program is not open: no tier rises or falls until it is.")]
    first = tier_sql.first_job_day(today, is_after_job=daily_job_instant(today, merchant.zone) <= at)
    sentences += words.stay(state, rules.tiers.grace_days, today)
    sentences.append(
        words.then(forecast(state, rules.tiers, at=at, first=first), state, rules.tiers.ladder[place])
    )
    return sentences


def _by_hand(merchant: Merchant, member: Member, state: MemberState) -> list[str]:
    """Whether staff gave the tier that is held, and why. One query."""
    move = TierMove.objects.of(merchant.pk).filter(member_id=member.pk).order_by("-at", "-id").first()
    if move is None or move.cause != "staff" or move.to_tier_id != state.standing.tier_id:
        return []
    told = _("Set by staff on %(day)s: %(reason)s")
    day = merchant_day(move.at, merchant.zone)
    return [told % {"day": day.isoformat(), "reason": move.reason}]


class _Words:
    """Sentences about one member."""

    def __init__(
        self, names: dict[int, str], currency: str, window: Window, member: Member, today: dt.date
    ) -> None:
        self.names, self.currency, self.window = names, currency, window
        self.member, self.today = member, today

    def way(self, coming: Tier, metrics: Metrics) -> str:
        """How far it is to the next tier."""
        progress = [self._progress(m, metrics[METRICS.index(m)], n) for m, n in _in_order(coming)]
        values = {
            "tier": self.names[coming.id],
            "progress": _list(progress, "standard"),
            "days": points_text(self.window.days),
            "day": self.window.start(self.today, self.member.joined_on).isoformat(),
        }
        is_any = coming.needs == "any" and len(progress) > 1
        if self.window.kind == "rolling":
            told = (
                _("For %(tier)s any one is enough: %(progress)s in the last %(days)s days.")
                if is_any
                else _("For %(tier)s: %(progress)s in the last %(days)s days.")
            )
        elif self.window.kind == "lifetime":
            told = (
                _("For %(tier)s any one is enough: %(progress)s in the whole membership.")
                if is_any
                else _("For %(tier)s: %(progress)s in the whole membership.")
            )
        else:
            told = (
                _(
                    "For %(tier)s any one is enough: %(progress)s since %(day)s, when this year began to count."
                )
                if is_any
                else _("For %(tier)s: %(progress)s since %(day)s, when this year began to count.")
            )
        return told % values

    def top(self, state: MemberState) -> str:
        """There is no next tier."""
        return _("%(tier)s is the highest tier.") % {"tier": self.names[state.standing.tier_id]}

    def stay(self, state: MemberState, grace_days: int, today: dt.date) -> list[str]:
        """Until when the tier is held."""
        until = state.standing.valid_until
        if until is None:
            return []
        values = {"tier": self.names[state.standing.tier_id], "day": until.isoformat()}
        if until >= today:
            return [_("Stays %(tier)s until %(day)s.") % values]
        values["last"] = (until + dt.timedelta(days=grace_days)).isoformat()
        return [_("The validity of %(tier)s ended on %(day)s; grace lasts until %(last)s.") % values]

    def then(self, coming: Forecast, state: MemberState, held: Tier) -> str:
        """What the recalculation at the end of validity does, if nothing more is bought."""
        values = {
            "tier": self.names[coming.tier_id],
            "day": coming.on.isoformat() if coming.on else "",
            "until": coming.until.isoformat() if coming.until else "",
        }
        if coming.kind == "renewed":
            return _("The orders so far are enough: on %(day)s %(tier)s is renewed until %(until)s.") % values
        missing = [
            self._missing(metric, at_least - coming.metrics[METRICS.index(metric)])
            for metric, at_least in _in_order(held)
            if at_least > coming.metrics[METRICS.index(metric)]
        ]
        values["missing"] = _list(missing, "or" if held.needs == "any" else "standard")
        return _("Falls to %(tier)s on %(day)s, unless before then %(missing)s.") % values

    def _progress(self, metric: str, now: int, at_least: int) -> str:
        if metric == "spend_minor":
            values = {"now": money_text(now, self.currency), "goal": money_text(at_least, self.currency)}
            return _("%(now)s of %(goal)s spent") % values
        told = {
            "orders": _("%(now)s of %(goal)s orders"),
            "active_days": _("%(now)s of %(goal)s days with an order"),
            "points_earned": _("%(now)s of %(goal)s points earned"),
            "growth": _("%(now)s of %(goal)s growth"),
        }[metric]
        return told % {"now": points_text(now), "goal": points_text(at_least)}

    def _missing(self, metric: str, missing: int) -> str:
        if metric == "spend_minor":
            return _("%(amount)s more is spent") % {"amount": money_text(missing, self.currency)}
        told = {
            "orders": ngettext("%(n)s more order is placed", "%(n)s more orders are placed", missing),
            "active_days": ngettext(
                "there is %(n)s more day with an order", "there are %(n)s more days with an order", missing
            ),
            "points_earned": ngettext("%(n)s more point is earned", "%(n)s more points are earned", missing),
            "growth": _("growth rises by %(n)s"),
        }[metric]
        return told % {"n": points_text(missing)}


def _in_order(tier: Tier) -> list[tuple[Metric, int]]:
    """What a tier asks for: money first."""
    return sorted(tier.requirements, key=lambda asked: METRICS.index(asked[0]))


def _list(parts: Sequence[str], style: str) -> str:
    """Several phrases in one, as the language lists them."""
    locale = Locale.parse((get_language() or "en").replace("-", "_"), sep="_")
    return format_list(list(parts), style=style, locale=locale)  # type: ignore[arg-type]
