"""Ledger entries in words: what moved, and the arithmetic behind it, each a whole sentence."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from members.models import Merchant, PointsEntry
from members.selectors import member_entries
from members.selectors.member_entries import Why
from members.templatetags.fmt import money_text
from members.templatetags.fmt import points as points_text
from members.web import movement_words

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
        return movement_words.describe(entry, entry.request)
    order = short_order(entry.order.external_id) if entry.order is not None else ""
    if entry.kind == "earn":
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


def decimal_text(value: Decimal) -> str:
    """1.20 -> 1.2; never an exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def opened(merchant: Merchant, member_id: int, sequence: int | None) -> tuple[Why | None, list[str]]:
    """The entry that is asked for, with its sentences; nothing when there is none of that number."""
    if sequence is None:
        return None, []
    why = member_entries.why(merchant=merchant, member_id=member_id, sequence=sequence)
    return why, explain(why, merchant) if why else []


def explain(why: Why, merchant: Merchant) -> list[str]:
    """The sentences of an entry's "why" row, the sum first."""
    if why.order is None or why.terms is None or why.entry.kind == "confirm":
        told = movement_words.explain(why)
        return told or [_("This entry was written as it stands; no sum is behind it.")]
    sentences = [_product(why, merchant)]
    if why.entry.kind == "clawback":
        sentences += _taken_back(why, merchant)
    elif not why.is_first:
        sentences += _earned_more(why, merchant)
    sentences += movement_words.afterwards(why)
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
        "gained": points_text(why.entry.points + why.entry.pending),
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


def _taken_back(why: Why, merchant: Merchant) -> list[str]:
    sentences = []
    for line in why.lines[:LINES_SHOWN]:
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
    more = len(why.lines) - LINES_SHOWN
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
                "%(rest)s more were due: they had expired already, or the clawback policy in force then "
                "did not take them."
            )
            % {"rest": points_text(why.before - why.after - why.taken)}
        )
    return [*sentences, *movement_words.taken_from(why)]


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
