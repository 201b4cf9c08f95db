"""Rules of earning beside the rate: campaigns and caps of orders (domain.md 6). What they do to one order is
`members.lib.bonus`; what joining, a birthday and other events bring is `members.lib.earning_events`.

How several campaigns meet in one order (domain.md 6: "x every multiplier"): every multiplier that applies to a line
multiplies it, in the order in which the campaigns stand. A merchant may ask for "best" instead: then each line has
only its largest multiplier (of equal ones the campaign that stands first). Extra points are added beside that and
are never multiplied. A campaign's own limits trim what it gives, then there is one floor for the whole order, and
the order's cap and the day's cap come last.

A campaign's dates are those of payment (of arrival, while an order is not paid): a channel that hands over its orders
an hour after midnight takes nothing from those who bought in time. Which campaigns there are is said by the version of
the rules in force when the order arrives, as for the rate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from members.lib.check_ins import CheckIn, own_rule
from members.lib.check_ins import read as read_check_in
from members.lib.check_ins import stored as stored_check_in
from members.lib.earning_events import Events
from members.lib.periods import instant_of
from members.lib.refusals import Invalid
from members.lib.words import sentence as _

Combine = Literal["every", "best"]
COMBINES: tuple[Combine, ...] = ("every", "best")
MOST_CAMPAIGNS = 50
MOST_MULTIPLIER = 100
MOST_POINTS = 10**9
LONGEST_NAME, LONGEST_TEXT, MOST_NAMED, MOST_CATEGORIES = 60, 128, 500, 30
ONE = Decimal(1)
CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_LIMITS = ("order_most", "day_most", "member_most")
_NAMED = ("channels", "scenes", "categories", "skus")


@dataclass(frozen=True, slots=True)
class When:
    """Which orders, and which of their lines, a campaign is for. What is empty asks for nothing.

    `tiers` are ids, held before the order; `skus` and the SKUs of `categories` choose lines; `[from_at, to_at)` is
    half-open. Days are the merchant's: a day is meant by `weekdays` (1, Monday, to 7), `month_days` (1 to 31; a shorter
    month leaves it out) or `dates`, whichever names it; none named, every day is.
    """

    tiers: frozenset[int] = frozenset()
    channels: frozenset[str] = frozenset()
    scenes: frozenset[str] = frozenset()
    categories: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    from_at: datetime | None = None
    to_at: datetime | None = None
    weekdays: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    dates: frozenset[date] = frozenset()

    def holds(self, *, tier_id: int, channel: str, scene: str, paid: datetime, zone: ZoneInfo) -> bool:
        """Whether an order is one of those; its lines are looked at by `Campaign.covers`."""
        if (self.from_at is not None and paid < self.from_at) or (
            self.to_at is not None and paid >= self.to_at
        ):
            return False
        return (
            (not self.tiers or tier_id in self.tiers)
            and (not self.channels or channel in self.channels)
            and (not self.scenes or scene in self.scenes)
            and (self.is_daily or self.has_day(paid.astimezone(zone).date()))
        )

    @property
    def is_daily(self) -> bool:
        """Whether it asks for no day."""
        return not (self.weekdays or self.month_days or self.dates)

    def has_day(self, day: date) -> bool:
        """Whether it names a merchant day."""
        return day.isoweekday() in self.weekdays or day.day in self.month_days or day in self.dates


@dataclass(frozen=True, slots=True)
class Campaign:
    """More points for some orders. `multiplier` is at least 1; `extra` points are added once an order.

    Limits are of what the campaign gives a member beyond the rate: in one order, on one merchant day, in all. `owner`
    names what keeps it, a benefit: nobody else changes it.
    """

    code: str
    name: str = ""
    multiplier: Decimal = ONE
    extra: int = 0
    when: When = field(default_factory=When)
    order_most: int | None = None
    day_most: int | None = None
    member_most: int | None = None
    owner: str = ""

    @property
    def is_limited(self) -> bool:
        """Whether it must be known what members had of it already."""
        return self.day_most is not None or self.member_most is not None

    @property
    def counted_as(self) -> str:
        """Under which code its limits are counted: of an owner's campaigns, one after the other, together."""
        return self.owner or self.code


@dataclass(frozen=True)
class Earning:
    """All rules of earning beside the rate, of one version. Raises `Invalid` for what cannot be.

    `categories` names sets of SKUs (`SH-*` is every SKU that begins with `SH-`), since products are the shop's own.
    """

    combine: Combine = "every"
    order_most: int | None = None
    day_most: int | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    campaigns: tuple[Campaign, ...] = ()
    events: Events = field(default_factory=Events)
    check_ins: tuple[CheckIn, ...] = ()
    prices_orders: bool = field(
        default=False, init=False
    )  # an order costs one look at this when there is nothing

    def __post_init__(self) -> None:
        is_more = bool(self.campaigns) or self.order_most is not None or self.day_most is not None
        object.__setattr__(self, "prices_orders", is_more)
        if self.combine not in COMBINES:
            raise Invalid.on("combine", _("Campaigns combine by “every” or “best”."))
        if len(self.campaigns) > MOST_CAMPAIGNS:
            raise Invalid.on(
                "campaigns", _("A program has at most %(most)s campaigns at a time.", most=MOST_CAMPAIGNS)
            )
        codes = [campaign.code for campaign in self.campaigns]
        for code in codes:
            if codes.count(code) > 1:
                raise Invalid.on("code", _("Two campaigns have the code “%(code)s”.", code=code))
        for campaign in self.campaigns:
            for name in campaign.when.categories:
                if name not in self.categories:
                    raise Invalid.on("categories", _("There is no category “%(name)s”.", name=name))

    def check_ins_of(self, *, tier_id: int | None, at: datetime) -> list[CheckIn]:
        """The rules by which a member of a tier checks in now, the program's own first."""
        own = self.events.active("check_in")
        kept = [rule for rule in self.check_ins if rule.holds(tier_id=tier_id, at=at)]
        return [own_rule(own), *kept] if own is not None else kept

    def skus_of(self, campaign: Campaign) -> tuple[str, ...]:
        """The SKUs that a campaign chooses, categories put in; empty: every line."""
        when = campaign.when
        return (*when.skus, *(sku for name in when.categories for sku in self.categories[name]))

    def with_campaigns(self, campaigns: Iterable[Campaign]) -> Earning:
        """The same rules with other campaigns."""
        return replace(self, campaigns=tuple(campaigns))

    @classmethod
    def read(cls, spec: Any) -> Earning:
        """The rules from their stored form (`stored`); nothing at all for {} or []. Raises `Invalid`."""
        if not spec:
            return cls()
        said = _object(
            "earning",
            spec,
            ("combine", "order_most", "day_most", "categories", "campaigns", "events", "check_ins"),
        )
        categories = said.get("categories", {})
        if not isinstance(categories, Mapping):
            raise Invalid.on("categories", _("Categories are sets of SKUs by name."))
        campaigns = said.get("campaigns", [])
        if not isinstance(campaigns, list):
            raise Invalid.on("campaigns", _("Campaigns are a list."))
        combine = said.get("combine", "every")
        return cls(
            combine=cast(Combine, combine if isinstance(combine, str) else ""),
            order_most=points_of("order_most", said.get("order_most")),
            day_most=points_of("day_most", said.get("day_most")),
            categories={
                _text("categories", name): _texts("categories", skus) for name, skus in categories.items()
            },
            campaigns=tuple(campaign_of(each) for each in campaigns),
            events=Events.read(said.get("events", {})),
            check_ins=tuple(read_check_in(each) for each in said.get("check_ins", [])),
        )

    def stored(self) -> dict[str, Any]:
        """The form that is stored: only what is said."""
        found: dict[str, Any] = {}
        if self.combine != "every":
            found["combine"] = self.combine
        for name in ("order_most", "day_most"):
            if getattr(self, name) is not None:
                found[name] = getattr(self, name)
        if self.categories:
            found["categories"] = {name: list(skus) for name, skus in sorted(self.categories.items())}
        if self.campaigns:
            found["campaigns"] = [stored_campaign(campaign) for campaign in self.campaigns]
        if events := self.events.stored():
            found["events"] = events
        if self.check_ins:
            found["check_ins"] = [stored_check_in(rule) for rule in self.check_ins]
        return found


def campaign_of(spec: Any) -> Campaign:
    """A campaign from its stored form. Raises `Invalid`, naming the field."""
    said = _object("campaigns", spec, ("code", "name", "multiplier", "extra", "when", "owner", *_LIMITS))
    code = said.get("code")
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise Invalid.on(
            "code", _("A campaign's code has 1 to 32 small letters, digits, hyphens or underscores.")
        )
    name = said.get("name", "")
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise Invalid.on("name", _("A campaign's name has at most %(most)s characters.", most=LONGEST_NAME))
    campaign = Campaign(
        code=code,
        name=name.strip(),
        multiplier=_multiplier(said.get("multiplier", "1")),
        extra=points_of("extra", said.get("extra", 0)) or 0,
        when=_when(said.get("when", {})),
        owner=str(said.get("owner", ""))[:LONGEST_NAME],
        **{limit: points_of(limit, said.get(limit)) for limit in _LIMITS},
    )
    if campaign.multiplier == ONE and not campaign.extra:
        raise Invalid.on("multiplier", _("A campaign gives a multiplier above 1, or extra points."))
    return campaign


def stored_campaign(campaign: Campaign) -> dict[str, Any]:
    """A campaign's stored form: only what is said."""
    when: dict[str, Any] = {}
    if campaign.when.dates:
        when["dates"] = [day.isoformat() for day in sorted(campaign.when.dates)]
    for name in ("tiers", "channels", "scenes", "weekdays", "month_days"):
        if chosen := getattr(campaign.when, name):
            when[name] = sorted(chosen)
    for name in ("categories", "skus"):
        if chosen := getattr(campaign.when, name):
            when[name] = list(chosen)
    for name in ("from_at", "to_at"):
        if (instant := getattr(campaign.when, name)) is not None:
            when[name] = instant.isoformat()
    found: dict[str, Any] = {"code": campaign.code}
    if campaign.owner:
        found["owner"] = campaign.owner
    if campaign.name:
        found["name"] = campaign.name
    if campaign.multiplier != ONE:
        found["multiplier"] = f"{campaign.multiplier.normalize():f}"
    if campaign.extra:
        found["extra"] = campaign.extra
    if when:
        found["when"] = when
    return found | {name: limit for name in _LIMITS if (limit := getattr(campaign, name)) is not None}


def is_one_of(sku: str, patterns: Iterable[str]) -> bool:
    """Whether a SKU is named, itself or by its beginning (`SH-*`)."""
    return any(sku.startswith(p[:-1]) if p.endswith("*") else sku == p for p in patterns)


def points_of(name: str, value: Any) -> int | None:
    """A whole number of points, or None. Raises `Invalid`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_POINTS:
        raise Invalid.on(name, _("Give whole points, 0 to %(most)s.", most=MOST_POINTS))
    return value


def _multiplier(value: Any) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str | int | Decimal) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not 1 <= number <= MOST_MULTIPLIER:
        raise Invalid.on(
            "multiplier", _("A campaign's multiplier lies between 1 and %(most)s.", most=MOST_MULTIPLIER)
        )
    if -int(number.normalize().as_tuple().exponent) > 6:
        raise Invalid.on("multiplier", _("A multiplier has at most 6 decimals."))
    return number


def _when(spec: Any) -> When:
    said = _object("when", spec, ("tiers", "weekdays", "month_days", "dates", "from_at", "to_at", *_NAMED))
    tiers, weekdays, month_days = (said.get(name, []) for name in ("tiers", "weekdays", "month_days"))
    for name, values, least, most in (
        ("tiers", tiers, 1, 2**62),
        ("weekdays", weekdays, 1, 7),
        ("month_days", month_days, 1, 31),
    ):
        if not isinstance(values, list) or not all(
            isinstance(each, int) and not isinstance(each, bool) and least <= each <= most for each in values
        ):
            raise Invalid.on(name, _("This is not a list of %(name)s.", name=name))
    when = When(
        tiers=frozenset(tiers),
        channels=frozenset(_texts("channels", said.get("channels", []))),
        scenes=frozenset(_texts("scenes", said.get("scenes", []))),
        categories=_texts("categories", said.get("categories", [])),
        skus=_texts("skus", said.get("skus", [])),
        from_at=_instant("from_at", said.get("from_at")),
        to_at=_instant("to_at", said.get("to_at")),
        weekdays=frozenset(weekdays),
        month_days=frozenset(month_days),
        dates=frozenset(_date(day) for day in _texts("dates", said.get("dates", []))),
    )
    if when.from_at and when.to_at and when.to_at <= when.from_at:
        raise Invalid.on("to_at", _("A campaign ends after it begins."))
    return when


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid.on("dates", _("“%(text)s” is no day; write it like 2026-11-11.", text=text)) from None


def _instant(name: str, value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    try:
        return instant_of(value if isinstance(value, str) else "")
    except ValueError as error:
        raise Invalid.on(name, str(error)) from None


def _object(name: str, spec: Any, known: Iterable[str]) -> Mapping[str, Any]:
    if not isinstance(spec, Mapping):
        raise Invalid.on(name, _("“%(name)s” is an object of names and values.", name=name))
    if unknown := sorted(set(map(str, spec)) - set(known)):
        raise Invalid.on(name, _("“%(name)s” has no “%(key)s”.", name=name, key=unknown[0]))
    return spec


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_TEXT:
        raise Invalid.on(name, _("A name here has 1 to %(most)s characters.", most=LONGEST_TEXT))
    return value.strip()


def _texts(name: str, values: Any) -> tuple[str, ...]:
    if not isinstance(values, list | tuple) or len(values) > MOST_NAMED:
        raise Invalid.on(name, _("This is a list of at most %(most)s names.", most=MOST_NAMED))
    return tuple(dict.fromkeys(_text(name, value) for value in values))
