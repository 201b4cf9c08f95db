"""What is said about a benefit: the arguments of a publication, checked and brought into their stored form."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from benefits.lib.audience import Audience, normalise_audience, plans_of, segments_of, tiers_of
from benefits.lib.coverage import EVERYONE
from benefits.lib.holdouts import check_percent
from benefits.lib.kinds import Kind, Settings, kind_of
from benefits.lib.kinds.parts.by_order import condition_of
from benefits.lib.pools import is_pooled
from benefits.lib.prices import PriceRow, list_facts
from benefits.lib.scope import Scope, normalise_scope
from benefits.models import Benefit
from benefits.selectors.audiences import is_empty, segment_names, tier_names
from benefits.selectors.scopes import store_names
from benefits.selectors.subscriptions import plan_names
from members.lib.refusals import Invalid
from members.models import Merchant
from members.services.member_lists import check_channel

MOST_STOCK = 2_000_000_000
UNKNOWN = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What a merchant says about a benefit. Without `from_at` it starts when it is published."""

    kind: str
    name: str = ""
    from_at: dt.datetime | None = None
    to_at: dt.datetime | None = None
    settings: Mapping[str, Any] | None = None
    audience: Any = EVERYONE
    stock: int | None = None
    scope: Any = None
    holdout_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Arguments that were found right, in the form in which they are stored."""

    kind: str
    name: str
    from_at: dt.datetime | None
    to_at: dt.datetime | None
    settings: Settings
    audience: Audience
    scope: Scope
    stock: int | None
    holdout_percent: int
    audience_empty: bool
    worthless: bool


def check(
    merchant_id: int,
    arguments: Arguments,
    at: dt.datetime,
    prices: list[PriceRow] | None = None,
    *,
    stored: Arguments | None = None,
    as_scripted: bool = False,
    complete: bool = False,
) -> Checked:
    """The arguments as they are stored, judged now by the ladder in force. Raises Invalid, with the errors by field.

    `stored`: what a benefit that is changed says now; settings not given and an audience that stays are not judged.
    `as_scripted` (a play's words, whose contract names neither) lets names of settings pass that the kind does not
    know, and names of tiers that the ladder has not: such an audience is empty; stores that the merchant
    has not pass too. `complete` (what is published)
    refuses settings that do not say what members get, unless they are as they were stored.
    """
    kind = kind_of(arguments.kind)
    name = str(arguments.name).strip()
    if len(name) > 80 or "\x00" in name:
        raise _invalid("name", _("A name has at most 80 characters."))
    from_at, to_at = _instant("from_at", arguments.from_at), _instant("to_at", arguments.to_at)
    if to_at is not None and from_at is not None and to_at <= from_at:
        raise _invalid("to_at", _("The benefit ends before it starts. Choose an end after its start."))
    audience = _audience(merchant_id, arguments.audience, at, stored, as_scripted)
    if (
        not as_scripted
        and kind.moves_points
        and (segments_of(audience) is not None or plans_of(audience) is not None)
        and not (stored and audience == stored.audience)
    ):
        raise _invalid(
            "audience", _("This kind of benefit is for all members, or for those of certain tiers.")
        )
    is_kept = stored is not None and (stored.kind, stored.audience) == (kind.code, audience)
    if kind.acts_in_quotes and segments_of(audience) and not is_kept:
        # Who was in a segment at an instant nobody knows later, and a quote of then must stay what it was.
        text = _(
            "A price is for everyone, for tiers or for plans. Give members of a segment coupons instead."
        )
        raise _invalid("audience", text)
    if kind.occasion == "join" and plans_of(audience) is not None and not is_kept:
        # Nobody has a term at the instant of joining: nobody would ever get one.
        text = _("Joining and reaching a tier bring this: nobody is in a plan yet when they join.")
        raise _invalid("audience", text)
    settings = _settings(merchant_id, kind, arguments.settings, stored, as_scripted)
    if complete and not (stored is not None and arguments.settings is stored.settings):
        kept = stored is not None and settings.get("list") == (stored.settings or {}).get("list", UNKNOWN)
        kind.check_complete(settings, has_list=bool(prices) or kept)
        if kind.needs_end and to_at is None:
            raise _invalid("to_at", _("Say when entries close: a draw is published with its times."))
    if (
        is_pooled(settings)
        and arguments.stock is not None
        and not (stored is not None and arguments.stock == stored.stock)
    ):
        raise _invalid("stock", _("Its stock is the codes that you upload: leave it empty."))
    if prices is not None:
        settings["list"] = list_facts(prices)
    return Checked(
        kind=kind.code,
        name=name,
        from_at=from_at,
        to_at=to_at,
        settings=settings,
        audience=audience,
        scope=_scope(merchant_id, arguments.scope, stored, as_scripted),
        stock=check_stock(arguments.stock),
        holdout_percent=check_percent(arguments.holdout_percent, kind),
        audience_empty=is_empty(merchant_id=merchant_id, audience=audience, at=at),
        worthless=kind.is_worthless(settings),
    )


def _scope(merchant_id: int, value: Any, stored: Arguments | None, free: bool) -> Scope:
    """Raises Invalid for a scope that is none, or one that names a store of nobody."""
    scope = normalise_scope(value)
    if free or "stores" not in scope or (stored is not None and scope == stored.scope):
        return scope
    known = store_names(merchant_id=merchant_id, keys=scope["stores"])
    if gone := [key for key in scope["stores"] if key not in known]:
        text = _("There is no store “%(store)s”. Choose others.") % {"store": gone[0]}
        raise _invalid("scope", text)
    return scope


def check_audience(merchant_id: int, value: Any, at: dt.datetime) -> Audience:
    """An audience as it is stored. Raises Invalid, as a benefit's."""
    return _audience(merchant_id, value, at, None, False)


def _audience(
    merchant_id: int, value: Any, at: dt.datetime, stored: Arguments | None, free: bool
) -> Audience:
    """Raises Invalid for an audience that is none, or names a tier of no ladder, or a plan or segment of nobody."""
    if stored is not None and value is stored.audience:
        return stored.audience
    audience = normalise_audience(value)
    ids = segments_of(audience) or []
    if ids and (stored is None or audience != stored.audience):
        known = dict(segment_names(merchant_id=merchant_id))
        if gone := [each for each in ids if each not in known]:
            text = _("There is no segment “%(segment)s”. Choose others.") % {"segment": gone[0]}
            raise _invalid("audience", text)
    plans = plans_of(audience) or []
    if plans and (stored is None or audience != stored.audience):
        sold = dict(plan_names(merchant_id=merchant_id))
        if gone := [each for each in plans if each not in sold]:
            raise _invalid("audience", _("There is no plan “%(plan)s”. Choose others.") % {"plan": gone[0]})
    codes = tiers_of(audience)
    if codes and not free and (stored is None or audience != stored.audience):
        ladder = [code for code, _name in tier_names(merchant_id=merchant_id, at=at)]
        if unknown := sorted(set(codes) - set(ladder)):
            text = _("There is no tier “%(tier)s”. Tiers: %(tiers)s.") % {
                "tier": unknown[0],
                "tiers": ", ".join(ladder),
            }
            raise _invalid("audience", text)
    return audience


def _settings(merchant_id: int, kind: Kind, value: Any, stored: Arguments | None, free: bool) -> Settings:
    """Raises Invalid for settings that the kind refuses."""
    if stored is not None and value is stored.settings:
        return dict(stored.settings)
    currency = Merchant.objects.values_list("currency", flat=True).get(pk=merchant_id)
    settings = kind.check({} if value is None else value, currency=currency, free=free)
    condition = condition_of(settings) if kind.may_come_with_orders else None
    if condition is not None and condition.channel:
        check_channel(condition.channel)
    return settings


def check_stock(stock: Any) -> int | None:
    if stock is None:
        return None
    if not isinstance(stock, int) or isinstance(stock, bool) or not 0 <= stock <= MOST_STOCK:
        raise _invalid(
            "stock", _("Stock is a whole number of units, 0 or more; leave it empty for no limit.")
        )
    return stock


def _instant(field: str, value: dt.datetime | None) -> dt.datetime | None:
    if value is not None and value.tzinfo is None:
        raise _invalid(field, _("This time has no time zone."))
    return value


def _invalid(field: str, text: Any) -> Invalid:
    return Invalid(text, errors={field: text})


def arguments_of(benefit: Benefit) -> Arguments:
    """What was said about a benefit, as it stands now."""
    return Arguments(
        kind=benefit.kind,
        name=benefit.name,
        from_at=benefit.from_at,
        to_at=benefit.to_at,
        settings=benefit.settings,
        audience=benefit.audience,
        stock=benefit.stock,
        scope=benefit.scope,
        holdout_percent=benefit.holdout_percent,
    )


def facts(benefit: Benefit) -> dict[str, Any]:
    """A benefit as the audit log shows it (JSON values)."""
    return {
        "name": benefit.name,
        "kind": benefit.kind,
        "status": str(benefit.status),
        "from": benefit.from_at and benefit.from_at.astimezone(dt.UTC).isoformat(),
        "to": benefit.to_at and benefit.to_at.astimezone(dt.UTC).isoformat(),
        "settings": benefit.settings,
        "audience": benefit.audience,
        "scope": benefit.scope,
        "stock": benefit.stock,
        **({"holdout_percent": benefit.holdout_percent} if benefit.holdout_percent else {}),
    }
