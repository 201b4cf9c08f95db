"""The policy of grades: lines by size band and category, privileges by level (domain.md 3, Grade).

A version is never edited; a change is a new version from an instant on. Settings are flat, name by name, so that form,
difference and audit say the same: `line.small.recruits.high`, `free_join.quality`.

Units: days; members; shares in basis points (500 is 5 %); recruits in tenths of a person a day (100 is 10 a day).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

from members.lib.refusals import Invalid
from members.lib.words import sentence as _


class Level(StrEnum):
    """The three grades, lowest first."""

    IMPROVING = "improving"
    POTENTIAL = "potential"
    QUALITY = "quality"


class Metric(StrEnum):
    """What a grade is computed from."""

    BENEFIT_DAYS = "benefit_days"
    MEMBERS = "effective_members"
    SHARE = "member_share"
    RECRUITS = "recruits"
    USE = "benefit_use"


class Band(StrEnum):
    """How big a shop is, by its paid orders of the month."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


CATEGORIES = (
    "general", "apparel", "beauty", "food", "home", "electronics", "mother_baby", "sports", "dining", "services",
)  # fmt: skip
GENERAL = CATEGORIES[0]
FINDINGS = ("bait", "conditions", "comparison", "floor")  # kinds of what the price guard finds
OTHERS = (Metric.MEMBERS, Metric.SHARE, Metric.RECRUITS, Metric.USE)
SCALED = (Metric.MEMBERS, Metric.SHARE, Metric.RECRUITS, Metric.USE)  # by the category's per cent
WHOLE = 10_000  # basis points
_MOST = 1_000_000_000
_MOST_OF = {Metric.BENEFIT_DAYS: 28, Metric.SHARE: WHOLE, Metric.USE: WHOLE}  # every month has 28 days


class Lines(NamedTuple):
    """The line that `potential` asks for, and the one that `quality` asks for."""

    passing: int
    high: int


class Setting(NamedTuple):
    """What a setting may be: `int` from least to most, `limit` (the same or None for no limit), `bool`, `level`."""

    kind: str
    default: Any
    least: int = 0
    most: int = _MOST


_LINES: dict[Band, dict[Metric, Lines]] = {
    Band.SMALL: {
        Metric.BENEFIT_DAYS: Lines(15, 25),
        Metric.MEMBERS: Lines(50, 300),
        Metric.SHARE: Lines(100, 500),
        Metric.RECRUITS: Lines(5, 20),
        Metric.USE: Lines(500, 2000),
    },
    Band.MEDIUM: {
        Metric.BENEFIT_DAYS: Lines(15, 25),
        Metric.MEMBERS: Lines(300, 2000),
        Metric.SHARE: Lines(200, 500),
        Metric.RECRUITS: Lines(20, 60),
        Metric.USE: Lines(500, 2000),
    },
    Band.LARGE: {
        Metric.BENEFIT_DAYS: Lines(20, 28),
        Metric.MEMBERS: Lines(2000, 10000),
        Metric.SHARE: Lines(300, 500),
        Metric.RECRUITS: Lines(50, 100),
        Metric.USE: Lines(500, 2000),
    },
}
_QUOTAS: dict[str, dict[Level, int | None]] = {
    "joins_day": {Level.IMPROVING: 100, Level.POTENTIAL: 500, Level.QUALITY: None},
    "joins_month": {Level.IMPROVING: 1000, Level.POTENTIAL: 10000, Level.QUALITY: None},
}


def line_name(band: Band, metric: Metric, which: str) -> str:
    """The setting of a line; `which` is "pass" or "high"."""
    return f"line.{band}.{metric}.{which}"


def _settings() -> dict[str, Setting]:
    found = {
        "protection_days": Setting("int", 60, most=3650),
        "protected_level": Setting("level", Level.POTENTIAL.value),
        "effective_days": Setting("int", 365, least=1, most=3650),
        "medium_from": Setting("int", 300, least=1),
        "large_from": Setting("int", 3000, least=1),
    }
    found |= {f"counts.{metric}": Setting("bool", metric is not Metric.USE) for metric in OTHERS}
    found |= {f"findings.weight.{kind}": Setting("int", 1, most=100) for kind in FINDINGS}
    found |= {f"findings.most.{level}": Setting("limit", None) for level in (Level.POTENTIAL, Level.QUALITY)}
    for band, lines in _LINES.items():
        for metric, (passing, high) in lines.items():
            most = _MOST_OF.get(metric, _MOST)
            found[line_name(band, metric, "pass")] = Setting("int", passing, most=most)
            found[line_name(band, metric, "high")] = Setting("int", high, most=most)
    found |= {f"percent.{category}": Setting("int", 100, least=1, most=1000) for category in CATEGORIES}
    found |= {f"free_join.{level}": Setting("bool", level is not Level.IMPROVING) for level in Level}
    for name, quotas in _QUOTAS.items():
        found |= {f"{name}.{level}": Setting("limit", most) for level, most in quotas.items()}
    found |= {f"placement.{level}": Setting("bool", level is Level.QUALITY) for level in Level}
    found |= {"enforce.free_join": Setting("bool", False), "enforce.quota": Setting("bool", False)}
    return found


SETTINGS: Mapping[str, Setting] = MappingProxyType(_settings())
DEFAULTS: Mapping[str, Any] = MappingProxyType({name: each.default for name, each in SETTINGS.items()})


class Privileges(NamedTuple):
    """What a level gives: joining without having bought, joins a day and a month (None: no limit), placement."""

    free_join: bool
    joins_day: int | None
    joins_month: int | None
    placement: bool


@dataclass(frozen=True, slots=True)
class GradePolicy:
    """The settings of one version, each by its name in `SETTINGS`; those left out have their default.

    Raises Invalid, with errors by setting, for an unknown name, a value of the wrong type or range, or settings that
    contradict each other.
    """

    values: Mapping[str, Any]

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        given = {**DEFAULTS, **(values or {})}
        errors = {name: problem for name, value in given.items() if (problem := _problem(name, value))}
        errors = errors or _contradictions(given)
        if errors:
            raise Invalid(next(iter(errors.values())), errors=errors)
        object.__setattr__(self, "values", MappingProxyType(given))

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def changed(self, values: Mapping[str, Any]) -> GradePolicy:
        """This policy with some settings changed. Raises Invalid."""
        return GradePolicy({**self.values, **values})

    def changes_from(self, before: GradePolicy) -> list[str]:
        """The names of the settings that differ, in their order."""
        return [name for name in SETTINGS if self[name] != before[name]]

    def as_json(self) -> dict[str, Any]:
        """Every setting."""
        return dict(self.values)

    def counts(self, metric: Metric) -> bool:
        """Whether a metric counts at all; benefit days always do."""
        return metric is Metric.BENEFIT_DAYS or bool(self[f"counts.{metric}"])

    def most_findings(self, level: Level) -> int | None:
        """The most that findings of a month may weigh for a level; None where they keep nobody from it."""
        return None if level is Level.IMPROVING else self[f"findings.most.{level}"]

    def weighed(self, findings: Mapping[str, int]) -> int:
        """What numbers of findings by kind weigh together."""
        return sum(self[f"findings.weight.{kind}"] * count for kind, count in findings.items())

    def lines(self, band: Band, category: str) -> dict[Metric, Lines]:
        """The lines of a band, those of people and sales scaled by the category's per cent and rounded up."""
        percent = self[f"percent.{category}"]
        found = {}
        for metric in Metric:
            pair = [self[line_name(band, metric, which)] for which in ("pass", "high")]
            if metric in SCALED:
                most = _MOST_OF.get(metric, _MOST)
                pair = [min(-(-line * percent // 100), most) for line in pair]
            found[metric] = Lines(*pair)
        return found

    def privileges(self, level: Level) -> Privileges:
        """What a level gives."""
        return Privileges(
            *(self[f"{name}.{level}"] for name in ("free_join", "joins_day", "joins_month", "placement"))
        )


def _problem(name: str, value: Any) -> Any:
    """What is wrong with one value; None when nothing is."""
    setting = SETTINGS.get(name)
    if setting is None:
        return _("There is no setting “%(name)s” of grades.", name=name)
    if setting.kind == "bool":
        return None if isinstance(value, bool) else _("Yes or no is needed.")
    if setting.kind == "level":
        return (
            None
            if isinstance(value, str) and value in set(Level)
            else _("There is no grade “%(name)s”.", name=str(value))
        )
    if setting.kind == "limit" and value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not setting.least <= value <= setting.most:
        return _(
            "A whole number from %(least)s to %(most)s is needed.", least=setting.least, most=setting.most
        )
    return None


def _contradictions(values: Mapping[str, Any]) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    if values["medium_from"] >= values["large_from"]:
        errors["large_from"] = _("A large shop has more orders than a medium one: choose a higher number.")
    if not any(values[f"counts.{metric}"] for metric in SCALED):
        errors["counts.recruits"] = _("Beside benefit days at least one metric that is measured must count.")
    for band in Band:
        for metric in Metric:
            high = line_name(band, metric, "high")
            if values[line_name(band, metric, "pass")] > values[high]:
                errors[high] = _("The high line is not below the pass line.")
    most, most_high = (values[f"findings.most.{level}"] for level in (Level.POTENTIAL, Level.QUALITY))
    if most is not None and (most_high is None or most_high > most):
        errors["findings.most.quality"] = _("A higher grade lets no more findings pass than a lower one.")
    levels = list(Level)
    for lower, higher in pairwise(levels):
        for name in ("free_join", "placement"):
            if values[f"{name}.{lower}"] and not values[f"{name}.{higher}"]:
                errors[f"{name}.{higher}"] = _("A higher grade gives no less than a lower one.")
        for name in _QUOTAS:
            low, high_quota = values[f"{name}.{lower}"], values[f"{name}.{higher}"]
            if high_quota is not None and (low is None or low > high_quota):
                errors[f"{name}.{higher}"] = _("A higher grade gives no less than a lower one.")
    for level in levels:
        of_day, of_month = values[f"joins_day.{level}"], values[f"joins_month.{level}"]
        if of_day is not None and of_month is not None and of_day > of_month:
            errors[f"joins_day.{level}"] = _("A day's quota is not above the month's.")
    return errors
