"""What moved points beside an order's arithmetic, in words: who asked, which lots, what waits (domain.md 6).

The sentences that `entry_words` puts into the "why" of an entry, the sum first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from members.models import PointsEntry, PointsRequest, PointsVerb
from members.selectors.entry_lots import Part
from members.selectors.member_entries import Why
from members.templatetags.fmt import MINUS
from members.templatetags.fmt import points as points_text

LOTS_SHOWN = 6


def moment_text(at: dt.datetime | None) -> str:
    """2026-06-30 14:05 in the active time zone."""
    return "--" if at is None else timezone.localtime(at).strftime("%Y-%m-%d %H:%M")


def day_text(day: dt.date) -> str:
    """2026-06-30."""
    return day.isoformat()


def describe(entry: PointsEntry, request: PointsRequest) -> str:
    """An entry that somebody or a rule asked for, in a short sentence."""
    what = request.reason or request.key
    if entry.kind == "restore" and request.verb == PointsVerb.GIVE_BACK:
        return _("Expired points given back: %(what)s") % {"what": what}
    if is_reversal(entry):
        return _("Reversed: %(what)s") % {"what": request.details.get("reversal_reason") or what}
    if entry.kind == "release" and entry.cause == "rule":
        return _("The time of a hold was over: %(what)s") % {"what": what}
    sentences = {
        "redeem": _("Redemption: %(what)s"),
        "hold": _("Set aside for: %(what)s"),
        "release": _("A hold was released: %(what)s"),
        "capture": _("A hold was spent: %(what)s"),
        "restore": _("A redemption was cancelled: %(what)s"),
    }
    if entry.kind in sentences:
        return sentences[entry.kind] % {"what": what}
    if entry.kind == "adjust" and request.actor_label:
        return _("%(who)s: %(what)s") % {"who": request.actor_label, "what": what}
    return what


def is_reversal(entry: PointsEntry) -> bool:
    """Whether the entry undoes an adjustment or an award: the second entry of its request."""
    return (
        entry.request is not None
        and entry.request.verb in (PointsVerb.ADJUST, PointsVerb.AWARD)
        and entry.posting > 1
    )


def explain(why: Why) -> list[str]:
    """The sentences of an entry that no order's arithmetic explains; none for one without a story."""
    entry = why.entry
    if entry.kind == "expire":
        return [*_lapsed(why), _version(why)]
    if entry.kind == "confirm":
        return [_balance(entry), _confirmed(why), *_usable(why)]
    if entry.request is None:
        return []
    if entry.kind == "capture":
        told = _("The points that the hold set aside on %(at)s are spent now; the balance moved then.")
        return [told % {"at": moment_text(entry.request.at)}, _asked(entry.request)]
    return [_balance(entry), *_told(entry, entry.request), *_lots(why), *_usable(why)]


def afterwards(why: Why) -> list[str]:
    """What became of the points that an order earned: until when they wait, or can be used."""
    if why.entry.kind != "earn":
        return []
    if not why.entry.pending:
        return [*_lots(why), *_usable(why)]
    days = why.terms.pending_days if why.terms else 0
    lots = why.lots
    rule = ngettext(
        "Points of an order wait until %(days)s day after it is completed.",
        "Points of an order wait until %(days)s days after it is completed.",
        days,
    ) % {"days": days}
    if not lots.waits:
        return [rule, _("None of them waits any more.")]
    if lots.due_at is None:
        return [rule, _("The order is not completed yet: %(n)s wait.") % {"n": points_text(lots.waits)}]
    told = _("%(n)s wait: the first daily job after %(at)s makes them available.")
    return [rule, told % {"n": points_text(lots.waits), "at": moment_text(lots.due_at)}]


def taken_from(why: Why) -> list[str]:
    """Where a clawback took from: what waited, lots, and what became a deficit."""
    entry = why.entry
    sentences = []
    if entry.pending:
        sentences.append(
            _("%(n)s of them still waited and never became available.") % {"n": points_text(-entry.pending)}
        )
    sentences += _lots(why)
    owed = -entry.points - sum(part.points for part in why.lots.parts)
    if owed > 0:
        sentences.append(
            _("%(n)s were not there: they are a deficit that coming points repay.") % {"n": points_text(owed)}
        )
    return sentences


def _balance(entry: PointsEntry) -> str:
    return _("Balance: %(before)s %(sign)s %(points)s = %(after)s.") % {
        "before": points_text(entry.balance_after - entry.points),
        "sign": "+" if entry.points >= 0 else MINUS,
        "points": points_text(abs(entry.points)),
        "after": points_text(entry.balance_after),
    }


def _asked(request: PointsRequest) -> str:
    return _("%(who)s asked for it at %(at)s under the key %(key)s.") % {
        "who": request.actor_label or "--",
        "at": moment_text(request.at),
        "key": request.key,
    }


def _told(entry: PointsEntry, request: PointsRequest) -> list[str]:
    """Who asked, and what became of it."""
    details = request.details
    values = {
        "who": request.actor_label or "--",
        "at": moment_text(request.at),
        "until": moment_text(request.ends_at),
        "reason": request.reason or "--",
    }
    if is_reversal(entry):
        return [
            _("%(who)s reversed what was posted at %(at)s: %(reason)s")
            % {
                "who": details.get("reversed_by", "--"),
                "at": values["at"],
                "reason": details.get("reversal_reason", "--"),
            }
        ]
    if request.verb in (PointsVerb.ADJUST, PointsVerb.GIVE_BACK):
        return _by_hand(entry, request, values)
    if entry.kind == "hold":
        return [_asked(request), _("Held until %(until)s; what is not spent by then comes back.") % values]
    if entry.kind == "release" and entry.cause == "rule":
        return [_("Nobody spent the hold of %(at)s by %(until)s, so it ended by itself.") % values]
    if entry.kind == "release":
        return [_("The hold of %(at)s was released before its time was over.") % values]
    if entry.kind == "restore":
        return [_("The redemption of %(at)s was cancelled.") % values]
    return [_asked(request)]


def _by_hand(entry: PointsEntry, request: PointsRequest, values: dict[str, str]) -> list[str]:
    details = request.details
    if request.verb == PointsVerb.GIVE_BACK:
        return [_("%(who)s gave expired points back: %(reason)s") % values]
    sentences = [_("%(who)s adjusted by hand: %(reason)s") % values]
    if details.get("decided_by"):
        approved = _("It was over the limit for one person: %(who)s approved it.")
        sentences.append(approved % {"who": details["decided_by"]})
    if details.get("reversed_by"):
        undone = _("%(who)s reversed it at %(at)s: %(reason)s")
        sentences.append(
            undone
            % {
                "who": details["reversed_by"],
                "at": moment_text(request.settled_at),
                "reason": details.get("reversal_reason", "--"),
            }
        )
    return sentences


def _lots(why: Why) -> list[str]:
    """Which lots points were taken from, or went back to."""
    parts = why.lots.parts
    if not parts:
        return []
    if why.entry.points > 0 and parts[0].points > 0:
        repaid = sum(part.points for part in parts)
        return [_("%(n)s of them repaid a deficit.") % {"n": points_text(repaid)}]
    lead = _("Taken in spending order, the earliest expiry first:")
    if parts[0].points < 0:
        lead = _("Back in the lots that they came from:")
    elif why.entry.kind == "clawback" or is_reversal(why.entry):
        lead = _("Taken from its own points first, then in spending order:")
    return [lead, *_listed(parts)]


def _listed(parts: Iterable[Part]) -> list[str]:
    rows = list(parts)
    sentences = [_part(part) for part in rows[:LOTS_SHOWN]]
    more = len(rows) - LOTS_SHOWN
    if more > 0:
        sentences.append(ngettext("%(n)s more lot.", "%(n)s more lots.", more) % {"n": more})
    return sentences


def _part(part: Part) -> str:
    values = {
        "n": points_text(abs(part.points)),
        "since": day_text(timezone.localtime(part.since).date()),
        "until": day_text(part.expires_on) if part.expires_on else "",
        "order": part.order,
    }
    if part.order and part.expires_on:
        return _("%(n)s of order %(order)s, available since %(since)s, usable until %(until)s.") % values
    if part.order:
        return _("%(n)s of order %(order)s, available since %(since)s, without expiry.") % values
    if part.expires_on:
        return _("%(n)s available since %(since)s, usable until %(until)s.") % values
    return _("%(n)s available since %(since)s, without expiry.") % values


def _usable(why: Why) -> list[str]:
    """Until when what the entry brought can be used."""
    made = why.lots.made
    if made is None:
        return []
    if made.expires_on is None:
        return [_("These points do not expire.")]
    if why.entry.kind == "restore" and why.lots.parts:
        told = _("%(n)s whose last usable day had passed came back and can be used until %(day)s.")
        return [told % {"n": points_text(made.amount), "day": day_text(made.expires_on)}]
    return [_("They can be used until %(day)s.") % {"day": day_text(made.expires_on)}]


def _lapsed(why: Why) -> list[str]:
    lot, entry = why.lots.lapsed, why.entry
    if lot is None or lot.expires_on is None:
        return [_balance(entry)]
    return [
        _balance(entry),
        _(
            "%(left)s of %(amount)s points available since %(since)s were left on their last usable day, %(day)s."
        )
        % {
            "left": points_text(-entry.points),
            "amount": points_text(lot.amount),
            "since": day_text(timezone.localtime(lot.available_at).date()),
            "day": day_text(lot.expires_on),
        },
    ]


def _version(why: Why) -> str:
    return _("The daily job wrote it under version %(version)s of the rules.") % {
        "version": why.entry.rules_version or "--"
    }


def _confirmed(why: Why) -> str:
    order, days = why.order, why.terms.pending_days if why.terms else 0
    return ngettext(
        "Order %(order)s was completed at %(at)s; its points waited %(days)s day from then on.",
        "Order %(order)s was completed at %(at)s; its points waited %(days)s days from then on.",
        days,
    ) % {
        "order": order.external_id if order else "--",
        "at": moment_text(order.completed_at if order else None),
        "days": days,
    }
