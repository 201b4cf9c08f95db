"""The kinds of benefit (domain.md 8), one small class each: what its settings must be and when they are worth nothing.

Every kind is known by its code and can be published with empty settings; a kind with rules of its own has a class
that says so. Settings are JSON: money in `*_minor` whole numbers, per cents as whole numbers or text. A name that a
kind does not know is refused: misspelt, it would give members nothing and count all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from members.lib.refusals import Invalid

Settings = dict[str, Any]
MOST_MINOR = 10**13
MOST_SETTINGS = 500
TOP_PRIZE_MINOR = {"CNY": 5_000_000}  # the law names 50,000 yuan; no amount in other currencies
MOST_PRIZES = 50
MOST_PLACE = 100  # characters of a name that is told back
OFF = ("off_minor", "off_percent", "at_least_minor", "max_off_minor")
PRICE = ("percent", "off_minor", "fixed_minor")


class Kind:
    """A kind of benefit. group: where it stands on the page that offers kinds.

    names: the settings it knows; inner: the names known inside those that hold an object or a list of objects;
    gives: the settings of which one at least says what a member gets, for kinds that give nothing without.
    """

    code: ClassVar[str] = ""
    label: ClassVar[Promise | str] = ""
    group: ClassVar[str] = ""
    text: ClassVar[Promise | str] = ""
    is_draw: ClassVar[bool] = False
    names: ClassVar[tuple[str, ...]] = ()
    inner: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    gives: ClassVar[tuple[str, ...]] = ()

    def check(self, settings: Mapping[str, Any], *, currency: str = "CNY", free: bool = False) -> Settings:
        """The settings as they are stored; `free` lets names pass that the kind does not know.

        Raises Invalid, with the errors by field.
        """
        clean = _json(settings)
        if not free:
            self._check_names(clean)
        _check_numbers(clean)
        self.check_own(clean, currency)
        return clean

    def _check_names(self, settings: Settings) -> None:
        """Raises Invalid that names every unknown setting by its place with those that are known there, or one that
        holds several values."""
        errors = {
            f"settings.{place}"[:MOST_PLACE]: _(
                "There is no setting “%(name)s” here. Known settings: %(names)s."
            )
            % {"name": name[:MOST_PLACE], "names": ", ".join(known)}
            for place, name, known in self._unknown(settings)
        }
        if errors:
            raise Invalid(next(iter(errors.values())), errors=errors)
        for name, value in settings.items():
            if name not in self.inner and isinstance(value, Mapping | list):
                raise _invalid(name, _("“%(name)s” is one value, not several.") % {"name": name})

    def _unknown(self, settings: Settings) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """(place, name, the names known there) of each unknown name."""
        for name, value in settings.items():
            if name not in self.names:
                yield name, name, self.names
            elif name in self.inner:
                known = self.inner[name]
                for place, each in _objects(name, value):
                    yield from (
                        (f"{place}.{inside}", inside, known) for inside in each if inside not in known
                    )

    def check_own(self, settings: Settings, currency: str) -> None:
        """The rules of this kind; may complete `settings`. Raises Invalid."""

    def check_complete(self, settings: Mapping[str, Any], *, has_list: bool = False) -> None:
        """What is published says what members get: an empty promise would hold off a clearance and give nothing.

        `has_list`: whether the list that the settings tell of is really there. Raises Invalid.
        """
        if self.gives and all(settings.get(name) in (None, "") for name in self.gives):
            raise _invalid(self.gives[0], self.nothing_given())

    def nothing_given(self) -> str:
        """What is said of settings that do not say what members get."""
        return gettext("Say what members get with one of these settings: %(names)s.") % {
            "names": ", ".join(self.gives)
        }

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        """Whether these settings give a member nothing. Empty settings say nothing, so they are not worthless."""
        return False


class MemberPriceKind(Kind):
    """A member price per SKU, from an uploaded list; `list` says how long it is and which list it is."""

    code = "member_price"
    label = _("Member prices")
    group = "price"
    text = _("Your own price per SKU for members, from an uploaded list.")
    names = (*PRICE, "list")
    inner: ClassVar = {"list": ("rows", "lower", "digest")}
    gives = PRICE

    def check_complete(self, settings: Mapping[str, Any], *, has_list: bool = False) -> None:
        """A list of prices, a per cent, an amount off or one price. What tells of a list is written with the list."""
        if has_list:
            return
        if settings.get("list") is not None:
            raise _invalid(
                "list",
                _("This setting is made from the prices themselves. Leave it out and send the prices."),
            )
        if all(settings.get(name) in (None, "") for name in self.gives):
            raise _invalid(
                "prices",
                _("Say what members pay: send a list of prices, a per cent, an amount off or a price."),
            )

    def check_own(self, settings: Settings, currency: str) -> None:
        listed = settings.get("list")
        if isinstance(listed, Mapping) and not all(
            _is_count(listed.get(name, 0), MOST_MINOR) for name in ("rows", "lower")
        ):
            raise _invalid("list", _("A number is needed."))

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
    names = OFF
    gives = OFF[:2]

    def nothing_given(self) -> str:
        return gettext("Say how much the coupon takes off.")

    def check_own(self, settings: Settings, currency: str) -> None:
        off = settings.get("off_minor")
        share = settings.get("off_percent")
        if off is not None and share is not None:
            raise _invalid("off_percent", _("Give an amount off or a share off, not both."))
        at_least = settings.get("at_least_minor")
        if isinstance(off, int) and isinstance(at_least, int) and off > at_least > 0:
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
    names = gives = ("percent", "off_percent", "off_minor")

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        return settings.get("off_minor") == 0 or _is(settings.get("off_percent"), 0)


class _DrawKind(Kind):
    """What draws have in common: prizes with a number of pieces, and the law's limit on the top prize."""

    group = "draw"
    is_draw = True
    names = ("prizes", "terms", "price_minor")
    inner: ClassVar = {"prizes": ("name", "count", "value_minor")}

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


def _plain(code: str, group: str, label: Promise | str, *names: str, gives: tuple[str, ...] = ()) -> Kind:
    kind = type(
        f"{code.title().replace('_', '')}Kind",
        (Kind,),
        {"code": code, "group": group, "label": label, "names": names, "gives": gives},
    )
    return kind()


KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        MemberPriceKind(),
        _plain("fan_price", "price", _("Fan price"), *PRICE, gives=PRICE),
        DiscountKind(),
        CouponKind(),
        _plain("free_shipping", "price", _("Free shipping"), "at_least_minor", "cap_minor", "per_month"),
        _plain("repurchase_coupon", "price", _("Repurchase coupon"), *OFF, "valid_days", gives=OFF[:2]),
        _plain(
            "points_offset",
            "price",
            _("Points offset"),
            "points",
            "off_minor",
            "at_least_minor",
            "max_off_minor",
        ),
        _plain("welcome_gift", "welcome", _("Welcome gift"), "gift", "value_minor", "points"),
        _plain("birthday_gift", "welcome", _("Birthday gift"), "gift", "value_minor", "points"),
        _plain("trial", "welcome", _("Trial"), "item", "value_minor", "days"),
        _plain("priority_shipping", "service", _("Priority shipping"), "within_hours"),
        _plain("dedicated_service", "service", _("Dedicated service"), "contact"),
        _plain("freshness_guarantee", "service", _("Freshness guarantee"), "within_hours", "cap_minor"),
        _plain("free_returns", "service", _("Free returns"), "per_month", "cap_minor"),
        _plain("fast_refund", "service", _("Fast refund"), "within_hours", "cap_minor"),
        _plain("points_multiplier", "value", _("Points multiplier"), "multiplier"),
        _plain("points_exchange", "value", _("Points exchange"), "item", "points", "value_minor"),
        _plain("partner_benefit", "value", _("Partner benefit"), "partner", "value_minor"),
        _plain("subscription_box", "value", _("Subscription box"), "contents", "price_minor", "months"),
        _plain("event_access", "value", _("Event access"), "event", "seats"),
        _plain("exclusive_product", "value", _("Exclusive product"), "item", "price_minor"),
        _plain("early_access", "value", _("Early access"), "item", "hours"),
        _plain("community_access", "social", _("Community access"), "group"),
        _plain("check_in", "social", _("Check-in"), "points"),
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


def _objects(name: str, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects that a setting holds, each with its place."""
    if isinstance(value, Mapping):
        yield name, value
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _objects(f"{name}[{number}]", each)


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
    if worth is not None and not _is_count(worth, MOST_MINOR):
        raise _invalid(
            "prizes", _("Prize %(number)d: its value is a whole number of minor units.") % {"number": number}
        )
    top = TOP_PRIZE_MINOR.get(currency)
    if top is not None and worth is not None and worth > top:
        raise _invalid(
            "prizes",
            _("Prize %(number)d is worth more than 50,000 yuan, the most that the law allows in a draw.")
            % {"number": number},
        )
