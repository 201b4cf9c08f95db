"""What a kind of benefit is, and the settings that limit its entitlements (domain.md 8)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.checks import (
    MOST_MINOR,
    Settings,
    as_json,
    check_numbers,
    invalid,
    is_count,
    objects,
)
from benefits.lib.kinds.parts.by_order import NAMES as ORDER_NAMES
from benefits.lib.kinds.parts.by_order import ON_ORDER, check_on_order
from benefits.lib.pools import POOL
from members.lib.refusals import Invalid

MOST_PLACE = 100  # characters of a name that is told back
OFF = ("off_minor", "off_percent", "at_least_minor", "max_off_minor")
PRICE = ("percent", "off_minor", "fixed_minor")
# Of every kind that members hold entitlements of: (setting, the most it may be). `uses` of one entitlement, the days
# in which it can be used, how many a member gets, and the money that all of them together may save.
LIMITS = {
    "uses": 1_000,
    "valid_days": 3_650,
    "per_member_day": 1_000_000,
    "per_member_month": 1_000_000,
    "per_member_life": 1_000_000,
    "budget_minor": MOST_MINOR,
}


@dataclass(frozen=True, slots=True)
class Show:
    """How a benefit's settings are told to a member: `gives`, what it gives in one phrase ("" for nothing), money in
    minor units and points as they are written."""

    gives: str
    money: Callable[[int], str]
    points: Callable[[int], str]


class Kind:
    """A kind of benefit. group: where it stands on the page that offers kinds; place: its order among them.

    names: the settings it knows; inner: the names known inside those that hold an object or a list of objects;
    gives: the settings of which one at least says what a member gets, for kinds that give nothing without.
    asked: the settings that the console asks for; usual: those that its form begins with.
    is_redeemed: members hold entitlements of it, with a code for the till, and it knows the settings of `LIMITS`;
    occasion: what brings one by itself ("join", "birthday"). needs_end: it is published with an end. is_exchanged:
    members spend points for it. has_pool: it can hand out a partner's codes from an uploaded pool (setting `pool`).
    moves_points: the program's rules of earning keep it (`benefits.services.point_promises`), which know tiers and no
    segments.
    acts_in_quotes: it lowers what its audience pays by itself, without a code.
    """

    code: ClassVar[str] = ""
    label: ClassVar[Promise | str] = ""
    group: ClassVar[str] = ""
    text: ClassVar[Promise | str] = ""
    place: ClassVar[int] = 0
    is_draw: ClassVar[bool] = False
    is_redeemed: ClassVar[bool] = False
    occasion: ClassVar[str] = ""
    needs_end: ClassVar[bool] = False
    is_exchanged: ClassVar[bool] = False
    has_pool: ClassVar[bool] = False
    moves_points: ClassVar[bool] = False
    acts_in_quotes: ClassVar[bool] = False
    names: ClassVar[tuple[str, ...]] = ()
    inner: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    gives: ClassVar[tuple[str, ...]] = ()
    asked: ClassVar[tuple[str, ...]] = ()
    usual: ClassVar[Mapping[str, Any]] = {}

    @property
    def may_come_with_orders(self) -> bool:
        """Whether it knows the setting `on_order`, by which a member's order brings it."""
        return self.is_redeemed and not (self.occasion or self.is_draw or self.is_exchanged)

    @property
    def may_hold_out(self) -> bool:
        """Whether some members can be held out of it, so that its effect is measured: what is handed out as a code. A
        price is everybody's, a draw and a reward are promised to all."""
        return self.is_redeemed and not (self.is_draw or self.is_exchanged)

    def is_claimed(self, settings: Mapping[str, Any]) -> bool:
        """Whether members claim it: it has codes, and neither an occasion, an order nor points bring them."""
        return self.may_come_with_orders and settings.get(ON_ORDER) is None

    def check(self, settings: Mapping[str, Any], *, currency: str = "CNY", free: bool = False) -> Settings:
        """The settings as they are stored; `free` lets names pass that the kind does not know.

        Raises Invalid, with the errors by field.
        """
        clean = as_json(settings)
        if not free:
            self._check_names(clean)
        check_numbers(clean)
        if self.is_redeemed:
            self._check_limits(clean)
        if self.may_come_with_orders:
            check_on_order(clean.get(ON_ORDER))
        if self.has_pool:
            _check_pool(clean)
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
            if name not in self._inner and isinstance(value, Mapping | list):
                raise invalid(name, _("“%(name)s” is one value, not several.") % {"name": name})

    @property
    def _inner(self) -> Mapping[str, tuple[str, ...]]:
        return {**self.inner, ON_ORDER: ORDER_NAMES} if self.may_come_with_orders else self.inner

    def _unknown(self, settings: Settings) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """(place, name, the names known there) of each unknown name."""
        known = (*self.names, *LIMITS) if self.is_redeemed else self.names
        if self.may_come_with_orders:
            known = (*known, ON_ORDER)
        if self.has_pool:
            known = (*known, POOL)
        inners = self._inner
        for name, value in settings.items():
            if name not in known:
                yield name, name, known
            elif name in inners:
                inner = inners[name]
                for place, each in objects(name, value):
                    yield from (
                        (f"{place}.{inside}", inside, inner) for inside in each if inside not in inner
                    )

    def check_own(self, settings: Settings, currency: str) -> None:
        """The rules of this kind; may complete `settings`. Raises Invalid."""

    def check_complete(self, settings: Mapping[str, Any], *, has_list: bool = False) -> None:
        """What is published says what members get: an empty promise would hold off a clearance and give nothing.

        `has_list`: whether the list that the settings tell of is really there. Raises Invalid.
        """
        if self.gives and all(settings.get(name) in (None, "") for name in self.gives):
            raise invalid(self.gives[0], self.nothing_given())

    def nothing_given(self) -> str:
        """What is said of settings that do not say what members get."""
        return gettext("Say what members get with one of these settings: %(names)s.") % {
            "names": ", ".join(self.gives)
        }

    def is_worthless(self, settings: Mapping[str, Any]) -> bool:
        """Whether these settings give a member nothing. Empty settings say nothing, so they are not worthless."""
        return False

    def worth_minor(self, settings: Mapping[str, Any]) -> int | None:
        """The most that one use saves a member, in minor units; None where the settings do not bound it."""
        return None

    def saved_minor(self, settings: Mapping[str, Any]) -> int | None:
        """What one use saves where nobody says it, in minor units; None where only the till knows."""
        return self.worth_minor(settings)

    def dates_of(self, settings: Settings) -> tuple[dt.date, ...] | None:
        """The only days on which it does anything, ascending; None for all days of its period, and for days that come
        again and again."""
        return None

    def phone_text(self, settings: Mapping[str, Any], show: Show) -> str:
        """What a member reads of it on a phone, under its name; in the language of the moment."""
        return show.gives

    def _check_limits(self, settings: Settings) -> None:
        """Whole numbers within their bounds; a budget needs a bound of what one use saves. Raises Invalid."""
        for name, most in LIMITS.items():
            value = settings.get(name)
            if value is not None and not (is_count(value, most) and value >= 1):
                raise invalid(
                    name,
                    _("“%(name)s” must be a whole number from 1 to %(most)s.")
                    % {"name": name, "most": f"{most:,}"},
                )
        if settings.get("budget_minor") is not None and self.worth_minor(settings) is None:
            raise invalid(
                "budget_minor",
                _(
                    "A budget needs to know the most that one use costs. Give an amount, or the most a share takes off."
                ),
            )


def _check_pool(settings: Settings) -> None:
    """Raises Invalid."""
    value = settings.get(POOL)
    if value is not None and not isinstance(value, bool):
        raise invalid(POOL, _("“%(name)s” is true or false.") % {"name": POOL})
    if value and (settings.get("uses") or 1) > 1:
        raise invalid("uses", _("A code of a pool is given once: leave its uses empty."))
