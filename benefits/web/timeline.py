"""What benefits add to the timeline of a member, in words."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from benefits.models import Entitlement, EntitlementState, PaidWith
from benefits.web import words
from members.selectors.timeline import Line
from members.templatetags.fmt import money_text, points
from members.web import audit_words
from members.web.timeline_words import Reader, Told, sentences


def _points(count: int) -> str:
    return _("%(points)s points") % {"points": points(count)}


def _page(entitlement: Entitlement) -> str:
    """Where its code stands."""
    return reverse("benefits:entitlements_detail", args=[entitlement.code])


def _right(line: Line, reader: Reader) -> Told:
    row = line.row
    paid = (
        _points(row.paid_amount)
        if row.paid_with == PaidWith.POINTS
        else money_text(row.paid_amount, reader.merchant.currency)
        if row.paid_with == PaidWith.MONEY
        else ""
    )
    uses = ngettext("%(n)s use", "%(n)s uses", row.uses_total) % {"n": row.uses_total}
    until = (
        _("valid until %(day)s") % {"day": words.last_day_text(row.valid_until, reader.merchant.zone)}
        if row.valid_until
        else ""
    )
    gone = _("taken back later") if row.state == EntitlementState.REVOKED else ""
    why = sentences(row.get_source_display(), paid, uses if row.uses_total > 1 else "", until, gone)
    return Told(_("Benefit “%(benefit)s” received") % {"benefit": row.benefit}, why, _page(row))


def _used(line: Line, reader: Reader) -> Told:
    use, right = line.row, line.row.entitlement
    saved = (
        _("saved %(amount)s") % {"amount": money_text(use.saved_minor, reader.merchant.currency)}
        if use.saved_minor
        else ""
    )
    left = ngettext("%(n)s use left", "%(n)s uses left", use.left_after) % {"n": use.left_after}
    what = _("Benefit “%(benefit)s”: %(what)s") % {
        "benefit": right.benefit,
        "what": use.get_action_display(),
    }
    why = sentences(use.actor_label, saved, left if right.uses_total > 1 else "")
    return Told(what, why, _page(right))


def _lapsed(line: Line, reader: Reader) -> Told:
    right = line.row
    what = _("Benefit “%(benefit)s”: %(what)s") % {
        "benefit": right.benefit,
        "what": EntitlementState.EXPIRED.label,
    }
    return Told(what, "", _page(right))


def _draw_entry(line: Line, reader: Reader) -> Told:
    entry = line.row
    paid = _points(entry.points) if entry.points else ""
    values = {"draw": entry.draw.benefit, "number": entry.number}
    return Told(_("Entry %(number)s in the draw “%(draw)s”") % values, sentences(entry.actor_label, paid))


def _reward(line: Line, reader: Reader) -> Told:
    order = line.row
    money = money_text(order.money_minor, reader.merchant.currency) if order.money_minor else ""
    return Told(
        _("Reward “%(reward)s” ordered") % {"reward": order.item},
        sentences(_points(order.points), money, _("now: %(state)s") % {"state": order.get_state_display()}),
        _order_page(order.public_id),
    )


def _term(line: Line, reader: Reader) -> Told:
    row = line.row
    paid = money_text(row.paid_minor, reader.merchant.currency)
    until = _("valid until %(day)s") % {"day": words.last_day_text(row.to_at, reader.merchant.zone)}
    what = _("Paid for the plan “%(plan)s”") % {"plan": row.plan.name}
    return Told(what, sentences(paid, until), _term_page(row.public_id))


def _term_page(public_id: str) -> str:
    return reverse("benefits:subscriptions_page", args=[public_id])


def _by_hand(line: Line, reader: Reader) -> Told:
    """What the audit log has: what was done, with which benefit or reward, who did it and why."""
    row = line.row
    what = _("%(what)s: “%(name)s”") % {"what": audit_words.label(row.action), "name": row.subject_label}
    pages = {"reward_act": _order_page, "term_act": _term_page}
    url = pages[line.source](row.subject_id) if line.source in pages else ""
    return Told(what, sentences(row.actor_label, row.reason), url)


def _order_page(public_id: str) -> str:
    return reverse("benefits:rewardorders_page", args=[public_id])


TELLERS = {
    "right": _right,
    "used": _used,
    "lapsed": _lapsed,
    "draw_entry": _draw_entry,
    "reward": _reward,
    "reward_act": _by_hand,
    "term": _term,
    "term_act": _by_hand,
    "right_act": _by_hand,
}
