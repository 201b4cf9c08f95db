"""When points lose their validity: rolling months, a fixed date each year, or never (domain.md 6)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, cast

from members.lib.periods import add_months
from members.lib.refusals import Invalid
from members.lib.words import sentence as _

ExpiryKind = Literal["never", "rolling", "yearly"]
MOST_MONTHS = 120
GRACE_DAYS = 30  # of points that come back after their last usable day
_LEAP_YEAR = 2024
_KEYS: dict[str, tuple[str, ...]] = {"never": (), "rolling": ("months",), "yearly": ("month", "day")}


@dataclass(frozen=True, slots=True)
class Expiry:
    """A rule of expiry. `months` belongs to "rolling" (1 to 120), `month` and `day` to "yearly".

    Raises `Invalid` for an unknown kind, months out of range, or a day that no year has.
    """

    kind: ExpiryKind = "never"
    months: int = 0
    month: int = 0
    day: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in _KEYS:
            raise Invalid(
                _("Points expire never, rolling or yearly, not %(kind)s.", kind=self.kind),
                errors={"expiry": "kind"},
            )
        if self.kind == "rolling" and not 1 <= self.months <= MOST_MONTHS:
            raise Invalid(
                _("Points live 1 to %(most)s months, not %(months)s.", most=MOST_MONTHS, months=self.months),
                errors={"expiry": "months"},
            )
        if self.kind == "yearly" and not (
            1 <= self.month <= 12 and 1 <= self.day <= monthrange(_LEAP_YEAR, self.month)[1]
        ):
            raise Invalid(
                _("No year has the day %(month)s-%(day)s.", month=self.month, day=self.day),
                errors={"expiry": "day"},
            )

    @classmethod
    def read(cls, spec: Mapping[str, Any]) -> Expiry:
        """The rule from its stored form, such as {"kind": "rolling", "months": 12}. Raises `Invalid`."""
        if not isinstance(spec, Mapping):
            raise Invalid(_("An expiry is an object of names and values."), errors={"expiry": "kind"})
        kind = spec.get("kind", "never")
        wanted = _KEYS.get(kind, ()) if isinstance(kind, str) else ()
        if unknown := sorted(set(spec) - {"kind", *wanted}):
            raise Invalid(
                _("An expiry of this kind has no “%(key)s”.", key=unknown[0]), errors={"expiry": "unknown"}
            )
        for name in wanted:
            if not isinstance(spec.get(name), int) or isinstance(spec[name], bool):
                raise Invalid(
                    _("An expiry of this kind needs a whole number as “%(key)s”.", key=name),
                    errors={"expiry": name},
                )
        return cls(cast(ExpiryKind, kind), **{name: spec[name] for name in wanted})

    def stored(self) -> dict[str, Any]:
        """The form that is stored."""
        return {"kind": self.kind, **{name: getattr(self, name) for name in _KEYS[self.kind]}}

    def last_day(self, available_on: date) -> date | None:
        """The last usable day of points that become available on that merchant day; None when they stay.

        31 January + 1 month is the last of February; a yearly date is the first on or after the day, and
        29 February means the last of February.
        """
        if self.kind == "never":
            return None
        if self.kind == "rolling":
            return add_months(available_on, self.months)
        this_year = self._in_year(available_on.year)
        return this_year if this_year >= available_on else self._in_year(available_on.year + 1)

    def last_day_after_switch(self, today: date) -> date | None:
        """The last usable day of points that never expired until the rule was switched `today`.

        As if they became available today, but under a yearly date the first one at least 12 months later:
        nothing lapses for one full period.
        """
        return self.last_day(add_months(today, 12) if self.kind == "yearly" else today)

    def _in_year(self, year: int) -> date:
        return date(year, self.month, min(self.day, monthrange(year, self.month)[1]))


def living_day(today: date, expired_through: date | None) -> date:
    """The day on which points are brought: `today`, but never one whose points have expired already.

    Else points that came while a clock was set back would be dead from the beginning.
    """
    if expired_through is None or today > expired_through:
        return today
    return expired_through + timedelta(days=1)


def day_of_return(expires_on: date | None, today: date) -> date | None:
    """The last usable day of points that come back to a lot `today`: its own, or 30 days from now where it is past."""
    if expires_on is None or expires_on >= today:
        return expires_on
    return today + timedelta(days=GRACE_DAYS)
