"""The kinds of benefit (domain.md 8), one small class each: what its settings must be and when they are worth nothing.

Every kind is known by its code and can be published with empty settings; a kind with rules of its own has a class
that says so. Settings are JSON: money in `*_minor` whole numbers, per cents as whole numbers or text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from members.lib.refusals import Invalid

Settings = dict[str, Any]
MOST_MINOR = 10**13
MOST_SETTINGS = 500
TOP_PRIZE_MINOR = {"CNY": 5_000_000}  # the law names 50,000 yuan; no amount in other currencies
MOST_PRIZES = 50


class Kind:
    """A kind of benefit. group: where it stands on the page that offers kinds."""

    code: ClassVar[str] = ""
    label: ClassVar[Promise | str] = ""
    group: ClassVar[str] = ""
    text: ClassVar[Promise | str] = ""
    is_draw: ClassVar[bool] = False

    def check(self, settings: Mapping[str, Any], *, currency: str = "CNY") -> Settings:
        """The settings as they are stored. Raises Invalid, with the errors by field."""
        clean = _json(settings)
        _check_numbers(clean)
        self.check_own(clean, currency)
        return clean

    def check_own(self, settings: Settings, currency: str) -> None:
        """The rules of this kind; may complete `settings`. Raises Invalid."""

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        """Whether these settings give a member nothing. Empty settings say nothing, so they are not worthless."""
        return False


class MemberPriceKind(Kind):
    """A member price per SKU, from an uploaded list; `list` says how long it is and which list it is."""

    code = "member_price"
    label = _("Member prices")
    group = "price"
    text = _("Your own price per SKU for members, from an uploaded list.")

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        listed = settings.get("list")
        if isinstance(listed, Mapping):
            return listed.get("lower") == 0
        return _is(settings.get("percent"), 100) or settings.get("off_minor") == 0


class CouponKind(Kind):
    """A coupon: `off_minor` or `off_percent` off an order of at least `at_least_minor`, at most `max_off_minor`."""

    code = "coupon"
    label = _("Coupon")
    group = "price"
    text = _("An amount or a share off an order, from a threshold on.")

    def check_own(self, settings: Settings, currency: str) -> None:
        off = settings.get("off_minor")
        share = settings.get("off_percent")
        if off is not None and share is not None:
            raise _invalid("off_percent", _("Give an amount off or a share off, not both."))
        at_least = settings.get("at_least_minor")
        if off and at_least and off > at_least:
            raise _invalid(
                "off_minor",
                _(
                    "The coupon takes off more than the order it needs: a discount over 100 %. Lower the discount."
                ),
            )

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        return settings.get("off_minor") == 0 or _is(settings.get("off_percent"), 0)


class DiscountKind(Kind):
    """A share off everything."""

    code = "discount"
    label = _("Discount")
    group = "price"
    text = _("A share off for members.")

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        return settings.get("off_minor") == 0 or _is(settings.get("off_percent"), 0)


class _DrawKind(Kind):
    """What draws have in common: prizes with a number of pieces, and the law's limit on the top prize."""

    group = "draw"
    is_draw = True

    def check_own(self, settings: Settings, currency: str) -> None:
        prizes = settings.get("prizes", [])
        if not isinstance(prizes, list) or len(prizes) > MOST_PRIZES:
            raise _invalid("prizes", _("Give a list of at most %(most)d prizes.") % {"most": MOST_PRIZES})
        for number, prize in enumerate(prizes, start=1):
            _check_prize(number, prize, currency)
        if prizes and sum(prize["count"] for prize in prizes) == 0:
            raise _invalid("prizes", _("A draw needs at least one piece of at least one prize."))


class LuckyDrawKind(_DrawKind):
    """A lucky draw 抽奖."""

    code = "lucky_draw"
    label = _("Lucky draw")
    text = _("Members draw for prizes.")


class DrawPurchaseKind(_DrawKind):
    """A draw for the right to buy 抽签购."""

    code = "draw_purchase"
    label = _("Draw to purchase")
    text = _("Members draw for the right to buy something scarce.")


def _plain(code: str, group: str, label: Promise | str) -> Kind:
    kind = type(
        f"{code.title().replace('_', '')}Kind", (Kind,), {"code": code, "group": group, "label": label}
    )
    return kind()


KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        MemberPriceKind(),
        _plain("fan_price", "price", _("Fan price")),
        DiscountKind(),
        CouponKind(),
        _plain("free_shipping", "price", _("Free shipping")),
        _plain("repurchase_coupon", "price", _("Repurchase coupon")),
        _plain("points_offset", "price", _("Points offset")),
        _plain("welcome_gift", "welcome", _("Welcome gift")),
        _plain("birthday_gift", "welcome", _("Birthday gift")),
        _plain("trial", "welcome", _("Trial")),
        _plain("priority_shipping", "service", _("Priority shipping")),
        _plain("dedicated_service", "service", _("Dedicated service")),
        _plain("freshness_guarantee", "service", _("Freshness guarantee")),
        _plain("free_returns", "service", _("Free returns")),
        _plain("fast_refund", "service", _("Fast refund")),
        _plain("points_multiplier", "value", _("Points multiplier")),
        _plain("points_exchange", "value", _("Points exchange")),
        _plain("partner_benefit", "value", _("Partner benefit")),
        _plain("subscription_box", "value", _("Subscription box")),
        _plain("event_access", "value", _("Event access")),
        _plain("exclusive_product", "value", _("Exclusive product")),
        _plain("early_access", "value", _("Early access")),
        _plain("community_access", "social", _("Community access")),
        _plain("check_in", "social", _("Check-in")),
        LuckyDrawKind(),
        DrawPurchaseKind(),
    )
}


def kind_of(code: str) -> Kind:
    """The kind of a code. Raises Invalid for one that does not exist."""
    kind = KINDS.get(code) if isinstance(code, str) else None
    if kind is None:
        raise Invalid(
            _("There is no kind of benefit “%(kind)s”.") % {"kind": str(code)[:40]},
            errors={"kind": _("Choose a kind of benefit.")},
        )
    return kind


def label_of(code: str) -> Promise | str:
    """The name of a kind for people; the code itself for one that no longer exists."""
    kind = KINDS.get(code)
    return kind.label if kind else code


def _invalid(field: str, text: Promise | str) -> Invalid:
    return Invalid(text, errors={field: text})


def _is(value: object, number: int) -> bool:
    try:
        return value is not None and Decimal(str(value)) == number
    except InvalidOperation:
        return False


def _json(value: Any) -> Settings:
    """A copy with fractions as text: no binary fraction is ever stored. Raises Invalid when it is no JSON object."""
    if not isinstance(value, Mapping):
        raise _invalid("settings", _("Settings are a set of names and values."))
    if sum(1 for _each in _leaves(value)) > MOST_SETTINGS:
        raise _invalid("settings", _("These settings are too long."))
    return {str(key): _exact(each) for key, each in value.items()}


def _exact(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _exact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(each) for each in value]
    if isinstance(value, float | Decimal):
        exact = Decimal(str(value))
        if not exact.is_finite():
            raise _invalid("settings", _("A number is needed."))
        return int(exact) if exact == exact.to_integral_value() else str(exact)
    if value is None or isinstance(value, bool | int) or (isinstance(value, str) and "\x00" not in value):
        return value
    raise _invalid("settings", _("Settings are a set of names and values."))


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, str(key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each, name)
    else:
        yield name, value


def _check_numbers(settings: Settings) -> None:
    """Money is whole and not negative; no discount is over 100 %, under whatever name."""
    for name, value in _leaves(settings):
        if value is None:
            continue
        if name.endswith("_minor") and not _is_count(value, MOST_MINOR):
            raise _invalid(
                name, _("“%(name)s” must be a whole number of minor units, 0 or more.") % {"name": name}
            )
        if "percent" in name:
            _check_percent(name, value)


def _check_percent(name: str, value: Any) -> None:
    try:
        share = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        share = Decimal("NaN")
    if not share.is_finite() or share < 0:
        raise _invalid(name, _("“%(name)s” must be a number from 0 to 100.") % {"name": name})
    if share > 100:
        raise _invalid(
            name, _("%(share)s %% is more than 100 %%. Give a number from 0 to 100.") % {"share": share}
        )


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _check_prize(number: int, prize: Any, currency: str) -> None:
    if not isinstance(prize, dict) or not str(prize.get("name") or "").strip():
        raise _invalid("prizes", _("Prize %(number)d has no name.") % {"number": number})
    if not _is_count(prize.get("count"), 10_000_000):
        raise _invalid(
            "prizes",
            _("Prize %(number)d: say how many pieces there are, a whole number.") % {"number": number},
        )
    worth = prize.get("value_minor")
    top = TOP_PRIZE_MINOR.get(currency)
    if top is not None and worth is not None and worth > top:
        raise _invalid(
            "prizes",
            _("Prize %(number)d is worth more than 50,000 yuan, the most that the law allows in a draw.")
            % {"number": number},
        )
