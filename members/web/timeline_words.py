"""Lines of a member's timeline in words: what happened, why, and where more of it is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from members.lib import masks
from members.lib.tiers import METRICS
from members.models import Member, MemberStatus, Merchant, OrderStatus
from members.selectors import entry_words
from members.selectors.timeline import Line, sources
from members.templatetags.fmt import money_text
from members.templatetags.fmt import points as points_text
from members.templatetags.fmt import signed as signed_text
from members.web import audit_words

KIND_WORDS = {
    "membership": gettext_lazy("Membership"),
    "orders": gettext_lazy("Orders"),
    "points": gettext_lazy("Points"),
    "tiers": gettext_lazy("Tiers"),
    "benefits": gettext_lazy("Benefits"),
    "tags": gettext_lazy("Tags"),
    "notices": gettext_lazy("Notices"),
    "acts": gettext_lazy("By hand and imports"),
}
CAUSES = {
    "order": gettext_lazy("by an order"),
    "rules": gettext_lazy("by an edit of the rules"),
    "recalculation": gettext_lazy("by the daily recalculation"),
    "plan": gettext_lazy("by a paid plan"),
    "staff": gettext_lazy("by staff"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A line in words. `url` leads to the explanation, where there is one that the reader may enter."""

    what: str
    why: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Of which member and shop lines are told."""

    merchant: Merchant
    member: Member

    @property
    def is_erased(self) -> bool:
        """Whether the person is gone: then free text is left out too, since it may name them."""
        return self.member.status == MemberStatus.ERASED


def told(line: Line, reader: Reader) -> Told:
    """One line in the active language."""
    return _TELLERS[line.source](line, reader)


def sentences(*parts: str) -> str:
    """Those that say something, side by side."""
    return " · ".join(part for part in parts if part)


def _joined(line: Line, reader: Reader) -> Told:
    member = line.row
    values = {"channel": member.get_channel_display(), "source": member.get_source_display()}
    why = "" if reader.is_erased else member.consent_source
    return Told(_("Joined on %(channel)s (%(source)s)") % values, why)


def _identity(line: Line, reader: Reader) -> Told:
    identity = line.row
    values = {"channel": identity.get_channel_display(), "id": masks.masked_id(identity.external_id)}
    return Told(_("Known on %(channel)s as %(id)s") % values)


def _agreed(line: Line, reader: Reader) -> Told:
    return Told(_("Agreed to e-mails"), line.row.email_consent_source)


def _order(line: Line, reader: Reader) -> Told:
    order = line.row
    values = {
        "order": entry_words.short_order(order.external_id),
        "amount": money_text(order.total_minor, reader.merchant.currency),
        "channel": order.get_channel_display(),
    }
    what = (
        _("Order %(order)s paid: %(amount)s on %(channel)s")
        if line.source == "order"
        else _("Order %(order)s arrived unpaid: %(amount)s on %(channel)s")
    )
    state = order.get_status_display() if order.status == "cancelled" else ""
    rule = (
        _("It comes to %(points)s points by now, under version %(version)s of the rules")
        % {"points": points_text(order.posted), "version": order.rules_version}
        if order.rules_version is not None
        else _("It earned no points")
        if order.status == "paid"
        else ""
    )
    return Told(what % values, sentences(state, rule))


def _refund(line: Line, reader: Reader) -> Told:
    refund = line.row
    values = {
        "order": entry_words.short_order(refund.order.external_id),
        "amount": money_text(refund.amount_minor, reader.merchant.currency),
    }
    whole = _("Order %(order)s refunded whole: %(amount)s")
    return Told((whole if refund.is_whole else _("Order %(order)s refunded in part: %(amount)s")) % values)


def _revision(line: Line, reader: Reader) -> Told:
    before, order = line.row, line.row.order
    amount = sum(amount for _sku, _quantity, amount in before.lines)
    values = {
        "amount": money_text(amount, reader.merchant.currency),
        "state": OrderStatus(before.status).label,
    }
    return Told(
        _("Order %(order)s was sent again, changed") % {"order": entry_words.short_order(order.external_id)},
        _("before: %(amount)s, %(state)s") % values,
    )


def _brought(line: Line, reader: Reader) -> Told:
    referral = line.row
    rewarded = (
        _("rewarded %(day)s") % {"day": f"{timezone.localtime(referral.rewarded_at):%Y-%m-%d}"}
        if referral.rewarded_at
        else _("not rewarded yet")
    )
    url = reverse("members:members_page", args=[referral.referred.public_id])
    return Told(_("Brought another member"), rewarded, url)


def _entry(line: Line, reader: Reader) -> Told:
    entry = line.row
    words = str(entry.get_kind_display()) if reader.is_erased else entry_words.describe(entry)
    pending = _("pending %(points)s") % {"points": signed_text(entry.pending)} if entry.pending else ""
    balance = _("balance %(points)s") % {"points": points_text(entry.balance_after)}
    page = reverse("members:members_page", args=[reader.member.public_id])
    return Told(
        _("%(points)s points: %(what)s") % {"points": signed_text(entry.points), "what": words},
        sentences(str(entry.get_kind_display()), pending, balance),
        f"{page}?why={entry.sequence}#entry-{entry.sequence}",
    )


def _move(line: Line, reader: Reader) -> Told:
    move = line.row
    values = {"tier": str(move.to_tier), "before": str(move.from_tier)}
    what = _("Tier %(before)s → %(tier)s") if move.from_tier else _("Tier %(tier)s")
    told_metrics = {
        "spend_minor": (_("spend"), money_text(move.spend_minor, reader.merchant.currency)),
        "orders": (_("orders"), points_text(move.orders)),
        "active_days": (_("active days"), points_text(move.active_days)),
        "points_earned": (_("points earned"), points_text(move.points_earned)),
        "growth": (_("growth value"), points_text(move.growth)),
    }
    numbers = [
        _("%(metric)s %(value)s") % {"metric": told_metrics[name][0], "value": told_metrics[name][1]}
        for name in METRICS
        if name in told_metrics and getattr(move, name)
    ]
    version = _("version %(version)s of the rules") % {"version": move.rules_version}
    reason = "" if reader.is_erased else move.reason
    return Told(what % values, sentences(str(CAUSES[move.cause]), reason, *numbers, version))


def _tag(line: Line, reader: Reader) -> Told:
    return Told(_("Tag “%(tag)s” put on") % {"tag": line.row.name})


def _tagged(line: Line, reader: Reader) -> Told:
    row = line.row
    change = row.after if row.action == "member.tagged" else row.before or row.after
    values = {"tag": (change or {}).get("tag", "--")}
    what = _("Tag “%(tag)s” put on") if row.action == "member.tagged" else _("Tag “%(tag)s” taken off")
    return Told(what % values, row.actor_label)


def _notice(line: Line, reader: Reader) -> Told:
    notice, email = line.row, line.beside
    values = {"points": points_text(notice.points), "day": f"{notice.expires_on:%Y-%m-%d}"}
    rule = ngettext(
        "The rule tells at most %(n)s day before", "The rule tells at most %(n)s days before", notice.days
    ) % {"n": notice.days}
    sent = _("e-mail: %(state)s") % {"state": email.get_state_display()} if email else _("no e-mail")
    return Told(_("Told that %(points)s points expire after %(day)s") % values, sentences(rule, sent))


def _bulk(line: Line, reader: Reader) -> Told:
    row, act = line.row, line.row.act
    values = {
        "tag": act.arguments.get("tag", ""),
        "tier": act.arguments.get("tier", ""),
        "points": signed_text(act.arguments.get("points", 0)),
    }
    what = {
        "tag": _("Act on many members: tag “%(tag)s” put on"),
        "untag": _("Act on many members: tag “%(tag)s” taken off"),
        "tier": _("Act on many members: tier set to %(tier)s"),
        "points": _("Act on many members: %(points)s points"),
    }[act.kind] % values
    refused = _("not done: %(why)s") % {"why": row.why} if row.outcome == "refused" else ""
    undone = _("taken back later") if row.undone == "undone" else ""
    url = reverse("members:acts_page", args=[act.public_id])
    return Told(what, sentences(act.by_label, act.reason, refused, undone), url)


def _import(line: Line, reader: Reader) -> Told:
    row, job = line.row, line.row.job
    made, found = _("Came with an import, line %(line)s"), _("Was named by an import, line %(line)s")
    filled = (
        _("completed: %(fields)s") % {"fields": audit_words.text(row.filled, "member", "fields")}
        if row.filled
        else ""
    )
    undone = _("taken back later") if row.undone == "taken" else ""
    url = reverse("members:order_imports_page", args=[job.public_id])
    return Told((made if row.made else found) % {"line": row.line}, sentences(filled, undone), url)


def _audit(line: Line, reader: Reader) -> Told:
    row = line.row
    return Told(audit_words.label(row.action), sentences(row.actor_label, row.reason))


Teller = Callable[[Line, Reader], Told]
_TELLERS: dict[str, Teller] = {
    "joined": _joined,
    "identity": _identity,
    "agreed": _agreed,
    "order": _order,
    "unpaid": _order,
    "refund": _refund,
    "entry": _entry,
    "move": _move,
    "tag": _tag,
    "tagged": _tagged,
    "notice": _notice,
    "bulk": _bulk,
    "import": _import,
    "audit": _audit,
    "revision": _revision,
    "brought": _brought,
}


def register(tellers: Mapping[str, Teller]) -> None:
    """Say how the lines of sources that another app added are told, by their names."""
    _TELLERS.update(tellers)


def kind_label(kind: str) -> Any:
    """A kind of line in words."""
    return KIND_WORDS[kind]


def rows(lines: Iterable[Line], reader: Reader) -> list[dict[str, Any]]:
    """Lines as a page shows them: when, of which kind, told."""
    kind_of = {source.name: source.kind for source in sources()}
    return [
        {"at": line.mark.at, "kind": kind_label(kind_of[line.source]), "told": told(line, reader)}
        for line in lines
    ]
