"""Benefits in words: what a benefit gives, for whom, until when, how it stands, and why it does not count."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from benefits.lib.audience import plans_of, segments_of, tiers_of
from benefits.lib.coverage import EVERYONE
from benefits.lib.kinds import KINDS, label_of
from benefits.lib.kinds.base import Show
from benefits.lib.kinds.parts.by_order import ON_ORDER, condition_of
from benefits.lib.pools import POOL
from benefits.lib.scope import channel_names, channels_of
from benefits.lib.standing import Standing, standing_of
from benefits.lib.usefulness import refused_part, slugs
from benefits.models import Benefit
from benefits.selectors import paper_rules
from benefits.selectors.coverage import paper_reasons
from benefits.selectors.entitlements import Promise
from benefits.selectors.scopes import where
from benefits.web.price_kind_words import fan_price, points_offset
from benefits.web.setting_words import told
from members.models import Channel
from members.templatetags.fmt import discount, money_text, points

NOTHING = "--"
STANDINGS = {
    Standing.IN_FORCE: gettext_lazy("In force"),
    Standing.SCHEDULED: gettext_lazy("Scheduled"),
    Standing.PAUSED: gettext_lazy("Paused"),
    Standing.OVER: gettext_lazy("Ended"),
    Standing.DRAFT: gettext_lazy("Draft"),
}
LEVELS = {
    Standing.IN_FORCE: "success",
    Standing.SCHEDULED: "info",
    Standing.PAUSED: "warning",
    Standing.OVER: "neutral",
    Standing.DRAFT: "neutral",
}
# The setting that says what is given.
GIFTS = {
    "welcome_gift": "gift",
    "birthday_gift": "gift",
    "points_exchange": "item",
}
GROUPS = (
    ("price", gettext_lazy("Price")),
    ("welcome", gettext_lazy("Welcome")),
    ("service", gettext_lazy("Service")),
    ("value", gettext_lazy("Value")),
    ("social", gettext_lazy("Community")),
    ("draw", gettext_lazy("Draws")),
)
FIELDS = {
    "name": gettext_lazy("Name"),
    "kind": gettext_lazy("Kind"),
    "from_at": gettext_lazy("Starts"),
    "to_at": gettext_lazy("Ends"),
    "settings": gettext_lazy("What it gives"),
    "audience": gettext_lazy("For whom"),
    "scope": gettext_lazy("Where it holds"),
    "stock": gettext_lazy("Stock"),
    "holdout_percent": gettext_lazy("Control group (%)"),
}

DELIVERIES = (
    ("code", gettext_lazy("As a code for the till")),
    ("order", gettext_lazy("Ordered and sent to the member")),
)
SKUS_TOLD = 3
LIMITS = {
    "uses": gettext_lazy("Uses of one code"),
    "valid_days": gettext_lazy("Days a code is valid"),
    "per_member_day": gettext_lazy("Per member and day"),
    "per_member_month": gettext_lazy("Per member and month"),
    "per_member_life": gettext_lazy("Per member in all"),
    "budget_minor": gettext_lazy("Budget"),
}


def gives(kind: str, settings: Mapping[str, Any], currency: str) -> str:
    """What settings give a member, in one phrase; "--" where they say nothing."""
    return _gives(
        kind, {name: each for name, each in settings.items() if name not in (ON_ORDER, POOL)}, currency
    )


def show_of(gives: str, currency: str) -> Show:
    """How a benefit of a shop is told to its members."""
    return Show(gives, lambda minor: money_text(minor, currency), points)


def phone_text(kind: str, settings: Mapping[str, Any], currency: str) -> str:
    """What a member reads of a benefit on a phone, under its name; "" for a kind that says nothing."""
    found = KINDS.get(kind)
    gives = gives_when(kind, settings, currency)
    show = show_of("" if gives == NOTHING else gives, currency)
    return found.phone_text(settings, show) if found else show.gives


def gives_when(kind: str, settings: Mapping[str, Any], currency: str) -> str:
    """The same with the order that brings it, where one does: for who does not have it yet."""
    what, condition = gives(kind, settings, currency), condition_of(settings)
    if condition is None:
        return what
    said = {"what": what, "amount": money_text(condition.from_minor, currency)}
    said["skus"] = ", ".join(sorted(condition.skus)[:SKUS_TOLD]) + (
        "…" if len(condition.skus) > SKUS_TOLD else ""
    )
    said["channel"] = str(Channel(condition.channel).label) if condition.channel else ""
    if condition.skus and condition.channel:
        return _("%(what)s, for an order from %(amount)s on %(channel)s with one of: %(skus)s") % said
    if condition.skus:
        return _("%(what)s, for an order from %(amount)s with one of: %(skus)s") % said
    if condition.channel:
        return _("%(what)s, for an order from %(amount)s on %(channel)s") % said
    return _("%(what)s, for an order from %(amount)s") % said


def _gives(kind: str, settings: Mapping[str, Any], currency: str) -> str:
    if kind in ("coupon", "discount", "repurchase_coupon"):
        return _coupon(settings, currency)
    if kind in KINDS and KINDS[kind].moves_points and settings:
        return KINDS[kind].phone_text(settings, show_of("", currency))
    if kind in GIFTS:
        return _gift(kind, settings, currency)
    if kind == "member_price":
        return _member_price(settings, currency)
    if kind == "fan_price":
        return fan_price(_one_price(settings, currency), settings)
    if kind == "points_offset" and (what := points_offset(settings, currency)):
        return what
    if KINDS.get(kind) and KINDS[kind].is_draw:
        return _draw(settings, currency)
    return told(settings, currency) or _plain(settings)


def _gift(kind: str, settings: Mapping[str, Any], currency: str) -> str:
    """A thing with what it is worth and costs."""
    what = settings.get(GIFTS[kind]) or str(label_of(kind))
    worth, price = settings.get("value_minor"), settings.get("points")
    if worth:
        what = _("%(what)s, worth %(amount)s") % {"what": what, "amount": money_text(worth, currency)}
    if kind == "points_exchange" and price:
        what = _("%(what)s for %(points)s points") % {"what": what, "points": points(price)}
    if kind == "points_exchange" and settings.get("money_minor"):
        what = _("%(what)s and %(amount)s") % {
            "what": what,
            "amount": money_text(settings["money_minor"], currency),
        }
    return what


def _coupon(settings: Mapping[str, Any], currency: str) -> str:
    off, share = settings.get("off_minor"), settings.get("off_percent")
    at_least, most = settings.get("at_least_minor"), settings.get("max_off_minor")
    if off is not None:
        what = _("%(amount)s off") % {"amount": money_text(off, currency)}
    elif share is not None:
        what = discount(100 - _decimal(share))
    elif settings.get("percent") is not None:
        what = discount(_decimal(settings["percent"]))
    else:
        return _plain(settings)
    if at_least:
        what = _("%(what)s orders from %(amount)s") % {"what": what, "amount": money_text(at_least, currency)}
    if most:
        what = _("%(what)s, at most %(amount)s") % {"what": what, "amount": money_text(most, currency)}
    return what


def _member_price(settings: Mapping[str, Any], currency: str) -> str:
    listed = settings.get("list")
    if not isinstance(listed, Mapping):
        return _one_price(settings, currency)
    number = int(listed.get("rows", 0))
    return ngettext("%(number)s price", "%(number)s prices", number) % {"number": points(number)}


def _one_price(settings: Mapping[str, Any], currency: str) -> str:
    """A price that every SKU has alike: a share of its own, an amount less, or one amount."""
    if settings.get("percent") is not None:
        return discount(_decimal(settings["percent"]))
    if settings.get("off_minor") is not None:
        return _("%(amount)s off") % {"amount": money_text(settings["off_minor"], currency)}
    if settings.get("fixed_minor") is not None:
        return money_text(settings["fixed_minor"], currency)
    return _plain(settings)


def _draw(settings: Mapping[str, Any], currency: str) -> str:
    prizes = settings.get("prizes")
    if not isinstance(prizes, list) or not prizes:
        return _plain({k: v for k, v in settings.items() if k != "terms"})
    pieces = sum(prize.get("count") or 0 for prize in prizes)
    if any(prize.get("count") is None for prize in prizes):
        text = _("Prizes by odds")
    else:
        text = ngettext("%(number)s prize", "%(number)s prizes", pieces) % {"number": points(pieces)}
    worth = max((prize.get("value_minor") or 0 for prize in prizes), default=0)
    if worth:
        text = _("%(what)s, the best worth %(amount)s") % {
            "what": text,
            "amount": money_text(worth, currency),
        }
    return text


def won(prize: Mapping[str, Any], price_minor: int | None, currency: str) -> str:
    """A prize as a cashier should read it: what was won and what it is worth, or what is paid for it."""
    if price_minor is not None:
        text = _("Right to buy %(what)s for %(amount)s")
        return text % {"what": prize["name"], "amount": money_text(price_minor, currency)}
    amount = money_text(prize["value_minor"], currency)
    return _("%(what)s, worth %(amount)s") % {"what": prize["name"], "amount": amount}


def promised(promise: Promise, currency: str) -> str:
    """What an entitlement gives, for who holds it and for the cashier: of a draw, the one prize that was won."""
    if promise.won:
        return won(promise.won, promise.settings.get("price_minor"), currency)
    return gives(promise.code, promise.settings, currency)


def odds_text(prize: Mapping[str, Any]) -> str:
    """How many pieces of a prize there are, or its odds."""
    count, odds = prize.get("count"), prize.get("one_in")
    if odds is None:
        return points(count or 0)
    text = _("1 in %(odds)s") % {"odds": points(odds)}
    return (
        text if count is None else _("%(odds)s, at most %(count)s") % {"odds": text, "count": points(count)}
    )


def _plain(settings: Mapping[str, Any]) -> str:
    """Settings of kinds that have no words of their own yet, as they are."""
    if not settings:
        return NOTHING
    return json.dumps(settings, ensure_ascii=False, separators=(", ", ": "))[:200]


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)


def audience_text(audience: Any, names: Mapping[str, str] | None = None) -> str:
    """For whom; `names` gives the tiers' names by code, the segments' by id, the plans' by "plan:" and code."""
    if audience == EVERYONE:
        return _("All members")
    known, plans, segments = names or {}, plans_of(audience), segments_of(audience)
    if plans is not None:
        return _("Plan %(name)s") % {"name": ", ".join(known.get(f"plan:{code}", code) for code in plans)}
    if segments is not None:
        return _("Segment %(name)s") % {"name": ", ".join(known.get(each, each) for each in segments)}
    return ", ".join(known.get(code, code) for code in tiers_of(audience) or [])


def where_text(scope: Mapping[str, Any], names: Mapping[str, str] | None = None) -> str:
    """Where a benefit is to be had; `names` gives the stores' names by key."""
    return where(scope, names) or _("Everywhere")


def stock_text(stock: int | None) -> str:
    """Units left."""
    return _("No limit") if stock is None else points(stock)


def moment_text(at: dt.datetime, zone: dt.tzinfo) -> str:
    """An instant as a merchant writes it: a day alone stands for its midnight."""
    local = at.astimezone(zone)
    return local.strftime("%Y-%m-%d" if local.time() == dt.time() else "%Y-%m-%d %H:%M")


def last_day_text(to_at: dt.datetime, zone: dt.tzinfo) -> str:
    """An exclusive end as a merchant writes it: the last day included, or the exact time."""
    local = to_at.astimezone(zone)
    if local.time() == dt.time():
        return (local.date() - dt.timedelta(days=1)).isoformat()
    return local.strftime("%Y-%m-%d %H:%M")


def period_text(from_at: dt.datetime | None, to_at: dt.datetime | None, zone: dt.tzinfo) -> str:
    """From when until when, in the merchant's zone."""
    if from_at is None:
        if to_at is None:
            return _("Open-ended")
        return _("Until %(end)s") % {"end": last_day_text(to_at, zone)}
    start = moment_text(from_at, zone)
    if to_at is None:
        return _("From %(start)s") % {"start": start}
    return _("%(start)s to %(end)s") % {"start": start, "end": last_day_text(to_at, zone)}


PAPER = {
    "stock": gettext_lazy("This benefit does not count: no stock is left, so nobody can use it."),
    "audience": gettext_lazy("This benefit does not count: nobody is in its audience yet."),
    "worth": gettext_lazy("This benefit does not count: it gives members nothing."),
}
DRAW = gettext_lazy("Draws do not count for clearance. Publish another kind of benefit as well.")


def doubts_in_words(benefit: Benefit, currency: str, refused: int) -> list[str]:
    """What speaks against a benefit that members can use, with the figures: of `refused`, the doubts for which the
    platform's rule does not count it (`benefits.selectors.paper_rules`)."""
    known, told = benefit.measured, []
    found = slugs(refused_part(benefit.doubts, refused))
    if "threshold" in found:
        text = _(
            "It may not count: its threshold of %(threshold)s is above %(p95)s, what 95 of 100 orders of the last 90 "
            "days came to. Lower the threshold."
        )
        amounts = {"threshold": known.get("threshold_minor"), "p95": known.get("p95_minor")}
        told.append(text % {name: money_text(each or 0, currency) for name, each in amounts.items()})
    if "saving" in found:
        share = f"{Decimal(known.get('saving') or 0) * 100:.2f}"
        told.append(
            _("It may not count: it saves members %(share)s %%, less than 1 %%. Give more.")
            % {"share": share}
        )
    if "scope" in found:
        told.append(
            _(
                "It may not count: none of the SKUs in its price list is in your price table. List what you sell, or "
                "put these SKUs into the price table first."
            )
        )
    if "channel" in found:
        text = _(
            "It does not count: it is to be had only on channels that do not count (%(channels)s). Add another."
        )
        told.append(text % {"channels": channel_names(channels_of(benefit.scope))})
    if "small" in found:
        told.append(
            ngettext(
                "It may not count: its audience has %(n)s member. Name more tiers or segments, or everyone.",
                "It may not count: its audience has %(n)s members. Name more tiers or segments, or everyone.",
                known.get("audience") or 0,
            )
            % {"n": known.get("audience") or 0}
        )
    return told


def why_not_counted(benefit: Benefit, currency: str, at: dt.datetime) -> list[str]:
    """Why a benefit as it stands does not (or may not) count, in whole sentences; empty when nothing speaks against.
    A query where something may."""
    reasons = [str(PAPER[slug]) for slug in paper_reasons(benefit)]
    if benefit.doubts:
        reasons += doubts_in_words(benefit, currency, paper_rules.refused(at))
    kind = KINDS.get(benefit.kind)
    if kind is not None and kind.is_draw:
        reasons.insert(0, str(DRAW))
    return reasons


def standing_chip(benefit: Benefit, at: dt.datetime) -> dict[str, str]:
    """Level and word of a benefit's standing; one that nobody can use says so."""
    standing = standing_of(status=benefit.status, from_at=benefit.from_at, to_at=benefit.to_at, at=at)
    if standing is Standing.IN_FORCE and paper_reasons(benefit):
        return {"level": "warning", "text": _("In force, nobody can use it"), "standing": str(standing)}
    return {"level": LEVELS[standing], "text": str(STANDINGS[standing]), "standing": str(standing)}


def change_texts(
    changes: list[tuple[str, Any, Any]], kind: str, currency: str, zone: dt.tzinfo, names: Mapping[str, str]
) -> list[dict[str, str]]:
    """What a revision changed: label, before, after."""

    def text(name: str, value: Any) -> str:
        if name in ("settings", "audience"):
            return gives(kind, value, currency) if name == "settings" else audience_text(value, names)
        if name == "scope":
            return where_text(value, names)
        if name == "stock":
            return stock_text(value)
        if name == "kind":
            return str(label_of(value))
        if name == "from_at" and value:
            return moment_text(value, zone)
        if name == "to_at":
            return last_day_text(value, zone) if value else _("Open-ended")
        return str(value or NOTHING)

    return [
        {"label": str(FIELDS[name]), "before": text(name, before), "after": text(name, after)}
        for name, before, after in changes
    ]
