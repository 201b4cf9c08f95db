"""Ledger entries in words: what moved, and the arithmetic behind it, each a whole sentence."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from members.models import Merchant, PointsEntry
from members.selectors import bonus_words, member_entries, request_words
from members.selectors.bonus_words import decimal_text
from members.selectors.member_entries import Why
from members.templatetags.fmt import money_text
from members.templatetags.fmt import points as points_text

CHIPS = {
    "earn": "accent",
    "confirm": "success",
    "clawback": "warning",
    "expire": "warning",
    "adjust": "info",
    "restore": "info",
}
LINES_SHOWN = 6


def short_order(external_id: str) -> str:
    """The end of an order number, enough to tell a member's orders apart."""
    return external_id if len(external_id) <= 8 else f"…{external_id[-6:]}"


def describe(entry: PointsEntry) -> str:
    """One entry in a short sentence."""
    if entry.request is not None:
        return request_words.describe(entry, entry.request)
    order = short_order(entry.order.external_id) if entry.order is not None else ""
    if entry.kind == "earn" and order:
        return (
            _("Order %(order)s") % {"order": order}
            if entry.posting == 1
            else _("Order %(order)s was changed") % {"order": order}
        )
    if entry.kind == "clawback":
        if entry.refund is not None:
            return _("Order %(order)s was refunded") % {"order": order}
        return _("Order %(order)s was cancelled or became smaller") % {"order": order}
    if entry.kind == "confirm":
        return _("Order %(order)s was completed, its wait is over") % {"order": order}
    if entry.kind == "expire":
        return _("Not used by their last usable day")
    return str(entry.get_kind_display())


def opened(merchant: Merchant, member_id: int, sequence: int | None) -> tuple[Why | None, list[str]]:
    """The entry that is asked for, with its sentences; nothing when there is none of that number."""
    if sequence is None:
        return None, []
    why = member_entries.why(merchant=merchant, member_id=member_id, sequence=sequence)
    return why, explain(why, merchant) if why else []


def explain(why: Why, merchant: Merchant) -> list[str]:
    """The sentences of an entry's "why" row, the sum first."""
    if why.order is not None and why.terms is not None:
        return [*_of_order(why, merchant), *_repaid(why)]
    sentences = [*_of_request(why), *_expired(why), *_taken_from(why), *_given_back(why), *_repaid(why)]
    return sentences or [_("This entry was written as it stands; no sum is behind it.")]


def _of_order(why: Why, merchant: Merchant) -> list[str]:
    sentences = (
        [_product(why, merchant)] if why.priced is None else bonus_words.priced(why, why.priced, merchant)
    )
    if why.entry.kind == "clawback":
        sentences += _taken_back(why, merchant)
    elif why.entry.kind == "confirm":
        sentences.append(_waited(why))
    elif not why.is_first:
        sentences += _earned_more(why, merchant)
    if why.entry.kind == "earn" and why.entry.pending:
        sentences.append(_waits(why))
    sentences.append(_where_from(why))
    return sentences


def _product(why: Why, merchant: Merchant) -> str:
    assert why.terms is not None
    values = {
        "amount": money_text(why.amount_minor, merchant.currency),
        "rate": decimal_text(why.terms.per_major),
        "tier": str(why.tier) if why.tier else "--",
        "multiplier": decimal_text(why.terms.multiplier),
        "exact": decimal_text(why.exact),
        "points": points_text(why.whole),
    }
    if why.exact == why.whole:
        return (
            _(
                "%(amount)s × %(rate)s points per currency unit × %(multiplier)s for tier %(tier)s = %(points)s points."
            )
            % values
        )
    return (
        _(
            "%(amount)s × %(rate)s points per currency unit × %(multiplier)s for tier %(tier)s = %(exact)s, "
            "rounded down to %(points)s points."
        )
        % values
    )


def _earned_more(why: Why, merchant: Merchant) -> list[str]:
    values = {
        "before": points_text(why.before),
        "after": points_text(why.after),
        "gained": points_text(why.after - why.before),
    }
    sentences = []
    if why.amount_before_minor is not None and why.amount_before_minor != why.amount_minor:
        sentences.append(
            _("The order was sent again with %(after)s instead of %(before)s.")
            % {
                "after": money_text(why.amount_minor, merchant.currency),
                "before": money_text(why.amount_before_minor, merchant.currency),
            }
        )
    sentences.append(
        _("It stood at %(before)s points and stands at %(after)s now: %(gained)s more.") % values
    )
    return sentences


def _waits(why: Why) -> str:
    days = (why.order.pending_days if why.order else 0) or 0
    return (
        ngettext(
            "They wait until %(days)s day after the order is completed, and can be spent from then on.",
            "They wait until %(days)s days after the order is completed, and can be spent from then on.",
            days,
        )
        % {"days": days}
        if days
        else _("They wait until the order is completed, and can be spent from then on.")
    )


def _waited(why: Why) -> str:
    assert why.order is not None
    days = why.order.pending_days or 0
    values = {"points": points_text(why.entry.points), "days": days}
    if why.order.completed_at is None:
        return _("%(points)s points that waited can be spent from now on.") % values
    values["completed"] = request_words.moment_text(why.order.completed_at)
    return (
        ngettext(
            "The order was completed at %(completed)s and its points waited %(days)s day: %(points)s can be spent "
            "from now on.",
            "The order was completed at %(completed)s and its points waited %(days)s days: %(points)s can be spent "
            "from now on.",
            days,
        )
        % values
    )


def _taken_back(why: Why, merchant: Merchant) -> list[str]:
    sentences = []
    lines = why.lines_concerned if why.refund is not None else []
    for line in lines[:LINES_SHOWN]:
        left = line.amount_minor - line.refunded_minor
        sentences.append(
            _(
                "Line %(line)s has %(left)s of %(amount)s left: it keeps %(stored)s × %(left)s ÷ %(amount)s, "
                "rounded down to %(kept)s of its %(stored)s points."
            )
            % {
                "line": line.number,
                "left": money_text(left, merchant.currency),
                "amount": money_text(line.amount_minor, merchant.currency),
                "stored": points_text(line.stored),
                "kept": points_text(line.kept),
            }
        )
    more = len(lines) - LINES_SHOWN
    if more > 0:
        sentences.append(
            ngettext("%(n)s more line likewise.", "%(n)s more lines likewise.", more) % {"n": more}
        )
    if why.refund is None and why.status != "paid":
        sentences.append(_("The order no longer counts as paid, so it keeps no points."))
    sentences.append(
        _("The order keeps %(after)s of %(before)s points: %(taken)s were taken back.")
        % {
            "after": points_text(why.after),
            "before": points_text(why.before),
            "taken": points_text(why.taken),
        }
    )
    if why.is_trimmed:
        sentences.append(
            _(
                "%(rest)s more would have been due: they had expired already, or the clawback policy in force then "
                "left them."
            )
            % {"rest": points_text(why.before - why.after - why.taken)}
        )
    return [*sentences, *_lost(why), *_taken_from(why)]


def _lost(why: Why) -> list[str]:
    """Of a clawback: what of it never became available, and what was not there to be taken."""
    entry, sentences = why.entry, []
    if entry.pending:
        told = _("%(n)s of them still waited and never became available.")
        sentences.append(told % {"n": points_text(-entry.pending)})
    owed = -entry.points - sum(part.points for part in why.parts)
    if owed > 0:
        told = _("%(n)s were not there: they are a deficit that coming points repay.")
        sentences.append(told % {"n": points_text(owed)})
    return sentences


def _where_from(why: Why) -> str:
    values = {
        "tier": str(why.tier) if why.tier else "--",
        "version": why.order.rules_version if why.order else 0,
    }
    return (
        _(
            "The tier held before this order (%(tier)s) decides the multiplier; rate and multiplier are those of "
            "version %(version)s of the rules and stay with this order whatever changes later."
        )
        % values
    )


def _of_request(why: Why) -> list[str]:
    request = why.entry.request
    return [] if request is None else request_words.explain(why.entry, request)


def _expired(why: Why) -> list[str]:
    lot = why.lot
    if why.entry.kind != "expire" or lot is None or lot.expires_on is None:
        return []
    values = {
        "points": points_text(-why.entry.points),
        "amount": points_text(lot.amount),
        "since": _day(timezone.localtime(lot.available_at).date()),
        "until": _day(lot.expires_on),
    }
    return [
        _("%(amount)s points came on %(since)s and could be used until %(until)s; %(points)s were left.")
        % values
    ]


def _taken_from(why: Why) -> list[str]:
    """Of a debit: from which lots, in spending order."""
    if why.entry.points >= 0:
        return []
    return [
        (
            _("%(points)s came from those that can be used until %(until)s.")
            if part.expires_on
            else _("%(points)s came from those that never expire.")
        )
        % {"points": points_text(part.points), "until": _day(part.expires_on)}
        for part in why.parts
        if part.points > 0
    ]


def _given_back(why: Why) -> list[str]:
    """Of what came back: to which lots, or as a new one."""
    if why.entry.points <= 0:
        return []
    sentences = [
        (
            _("%(points)s went back to those that can be used until %(until)s.")
            if part.expires_on
            else _("%(points)s went back to those that never expire.")
        )
        % {"points": points_text(-part.points), "until": _day(part.expires_on)}
        for part in why.parts
        if part.points < 0
    ]
    if why.lot is not None:
        until = why.lot.expires_on
        sentences.append(
            (
                _("%(points)s new points can be used until %(until)s.")
                if until
                else _("%(points)s new points never expire.")
            )
            % {"points": points_text(why.lot.amount), "until": _day(until)}
        )
    return sentences


def _repaid(why: Why) -> list[str]:
    """Of a credit: what of it repaid a deficit."""
    repaid = sum(part.points for part in why.parts if part.points > 0)
    if why.entry.points <= 0 or not repaid:
        return []
    return [_("%(points)s of them repaid what was owed.") % {"points": points_text(repaid)}]


def _day(day: dt.date | None) -> str:
    return f"{day:%Y-%m-%d}" if day else "--"
