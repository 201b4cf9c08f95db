"""The forms of the rules of earning: events, caps, a campaign (domain.md 6)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from members.lib.earning import (
    COMBINES,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_MULTIPLIER,
    MOST_POINTS,
    Campaign,
    Earning,
    When,
)
from members.lib.earning_events import KINDS, MOST_EVENT_POINTS, MOST_TIMES, RULES, Events
from members.lib.periods import local_instant
from members.models import Channel, Tier
from members.selectors.bonus_words import decimal_text
from members.web.forms import OnceField
from members.web.number_fields import MoneyField, RateField, WholeField

WEEKDAYS = [
    (1, _("Monday")),
    (2, _("Tuesday")),
    (3, _("Wednesday")),
    (4, _("Thursday")),
    (5, _("Friday")),
    (6, _("Saturday")),
    (7, _("Sunday")),
]
COMBINE_WORDS = {
    "every": _("Every multiplier counts: × 2 and × 3 make × 6"),
    "best": _("Only the largest multiplier counts for each line"),
}
REFERRAL_WORDS = [
    ("first_order", _("When the friend has a first order that counts")),
    ("joining", _("As soon as the friend has joined")),
]
EVENT_WORDS = {
    "joining": (
        _("Joining"),
        _("Once, for those who join by themselves; not for a list of members that you declare."),
    ),
    "birthday": (
        pgettext_lazy("points", "Birthday"),
        _("Once a year, at 03:00 of the day; who was born on 29 February has it on the 28th in other years."),
    ),
    "check_in": (_("Daily check-in"), _("Once a day of the shop, reported by your shop's system.")),
    "referral": (_("Bringing a friend"), _("For both; told within 30 days of the friend's joining.")),
    "review": (_("Reviews"), _("Once for each review; the cap per day trims the last one.")),
    "survey": (_("Surveys"), _("Once for each survey and member.")),
}
EXTRA_LABELS: dict[str, tuple[Any, int]] = {
    "streak_days": (_("Days in a row for more"), 366),
    "streak_points": (_("Points for a full row"), MOST_EVENT_POINTS),
    "referred_points": (_("Points for the friend"), MOST_EVENT_POINTS),
    "month_most": (_("Friends a month at most"), MOST_TIMES),
    "day_most": (_("Points a day at most"), MOST_EVENT_POINTS),
}
OPTIONAL = ("month_most", "day_most")


class EventsForm(forms.Form):
    """What each kind of event brings: on or off, points, caps."""

    def __init__(self, *args: Any, events: Events, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in KINDS:
            rule = getattr(events, kind)
            shown = rule or RULES[kind]()
            self.fields[f"{kind}_is_active"] = forms.BooleanField(
                label=_("On"), required=False, initial=rule is not None and rule.is_active
            )
            self.fields[f"{kind}_points"] = WholeField(
                label=_("Points"), most=MOST_EVENT_POINTS, initial=str(shown.points)
            )
            for name, (label, most) in EXTRA_LABELS.items():
                if hasattr(shown, name):
                    value = getattr(shown, name)
                    self.fields[f"{kind}_{name}"] = WholeField(
                        label=label,
                        most=most,
                        required=name not in OPTIONAL,
                        initial="" if value is None else str(value),
                        help_text=_("Left empty: no limit.") if name in OPTIONAL else "",
                    )
        self.fields["referral_on"] = forms.ChoiceField(
            label=_("When both get them"),
            choices=REFERRAL_WORDS,
            widget=forms.RadioSelect,
            initial=events.referral.on if events.referral else "first_order",
        )

    @property
    def sections(self) -> list[dict[str, Any]]:
        """One a kind: its words, its switch and its boxes."""
        return [
            {
                "kind": kind,
                "title": EVENT_WORDS[kind][0],
                "note": EVENT_WORDS[kind][1],
                "switch": self[f"{kind}_is_active"],
                "boxes": [
                    self[name] for name in self.fields
                    if name.startswith(f"{kind}_") and name not in (f"{kind}_is_active", "referral_on")
                ],
                "choice": self["referral_on"] if kind == "referral" else None,
            }
            for kind in KINDS
        ]  # fmt: skip

    def events(self) -> Events:
        """As it is filled in; a kind that is off and brings nothing is left out. Raises Invalid."""
        spec: dict[str, dict[str, Any]] = {}
        for kind in KINDS:
            prefix = f"{kind}_"
            said = {
                name.removeprefix(prefix): value
                for name, value in self.cleaned_data.items()
                if name.startswith(prefix)
            }
            is_active = said.pop("is_active")
            if is_active or said["points"]:
                spec[kind] = {**said, "active": is_active}
        return Events.read(spec)


class CapsForm(forms.Form):
    """Caps of orders, and how campaigns combine."""

    order_most = WholeField(
        label=_("Most points of one order"),
        most=MOST_POINTS,
        required=False,
        help_text=_("Left empty: no limit."),
    )
    day_most = WholeField(
        label=_("Most points of a member's orders a day"),
        most=MOST_POINTS,
        required=False,
        help_text=_("Left empty: no limit."),
    )
    combine = forms.ChoiceField(
        label=_("Several campaigns on one line"),
        choices=[(name, COMBINE_WORDS[name]) for name in COMBINES],
        widget=forms.RadioSelect,
    )


class NamesField(forms.CharField):
    """Names, one a line or with commas between; a list in Python."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}))
        super().__init__(max_length=20_000, required=False, **kwargs)

    def clean(self, value: Any) -> list[str]:
        """What is between lines and commas, each once."""
        parts = re.split(r"[\n,，、]", super().clean(value) or "")
        return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


class CampaignForm(forms.Form):
    """A campaign: what it gives, to which orders, and its limits."""

    once = OnceField()
    name = forms.CharField(label=pgettext_lazy("campaign", "Name"), max_length=LONGEST_NAME)
    multiplier = RateField(label=_("Multiplier"), most=MOST_MULTIPLIER, initial="2")
    extra = WholeField(
        label=_("Extra points for each order"),
        most=MOST_POINTS,
        initial="0",
        help_text=_("Added once an order; no multiplier multiplies them."),
    )
    from_on = forms.DateField(
        label=_("First day"),
        required=False,
        widget=forms.DateInput(),
        help_text=_("Left empty: from now on."),
    )
    to_on = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=forms.DateInput(),
        help_text=_("Left empty: until you end it."),
    )
    weekdays = forms.MultipleChoiceField(
        label=_("Days of the week"), choices=WEEKDAYS, required=False, widget=forms.CheckboxSelectMultiple
    )
    tiers = forms.MultipleChoiceField(label=_("Tiers"), required=False, widget=forms.CheckboxSelectMultiple)
    channels = forms.MultipleChoiceField(
        label=_("Channels"), choices=Channel.choices, required=False, widget=forms.CheckboxSelectMultiple
    )
    scenes = NamesField(
        label=_("Scenes"), help_text=_("Such as takeaway, one a line; as your orders name them.")
    )
    categories = forms.MultipleChoiceField(
        label=_("Product categories"), required=False, widget=forms.CheckboxSelectMultiple
    )
    skus = NamesField(
        label=_("SKUs"),
        help_text=_("One a line; SH-* is every SKU that begins with SH-. Left empty: all products."),
    )
    order_most = WholeField(label=_("Most it gives an order"), most=MOST_POINTS, required=False)
    day_most = WholeField(label=_("Most it gives a member a day"), most=MOST_POINTS, required=False)
    member_most = WholeField(label=_("Most it gives a member in all"), most=MOST_POINTS, required=False)

    def __init__(
        self,
        *args: Any,
        tiers: Sequence[Tier],
        categories: Sequence[str],
        currency: str,
        zone: ZoneInfo,
        before: Campaign | None,
        **kwargs: Any,
    ) -> None:
        self.zone, self.before = zone, before
        kwargs.setdefault("initial", _initial(before, zone) if before else None)
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["tiers"]
        choice.choices = [(str(tier.pk), str(tier)) for tier in tiers]
        chosen: Any = self.fields["categories"]
        chosen.choices = [(name, name) for name in categories]
        self.fields["example"] = MoneyField(
            label=_("Example: an order of"), currency=currency, required=False
        )

    def clean(self) -> None:
        """The last day is not before the first, and something is given."""
        super().clean()
        data = self.cleaned_data
        if data.get("from_on") and data.get("to_on") and data["to_on"] < data["from_on"]:
            self.add_error("to_on", ValidationError(_("The last day is not before the first.")))
        if data.get("multiplier") is not None and data.get("extra") is not None:
            if data["multiplier"] < 1:
                self.add_error("multiplier", ValidationError(_("A multiplier is at least 1.")))
            elif data["multiplier"] == 1 and not data["extra"]:
                told = _("Give a multiplier above 1, or extra points; else the campaign gives nothing.")
                self.add_error("multiplier", ValidationError(told))

    def campaign(self) -> Campaign:
        """As it is filled in; a new one gets a code of its own."""
        data, before = self.cleaned_data, self.before
        return Campaign(
            code=before.code if before else data["once"],
            name=data["name"].strip(),
            multiplier=Decimal(data["multiplier"]),
            extra=data["extra"],
            when=When(
                tiers=frozenset(map(int, data["tiers"])),
                channels=frozenset(data["channels"]),
                scenes=frozenset(data["scenes"]),
                categories=tuple(data["categories"]),
                skus=tuple(data["skus"]),
                from_at=_midnight(data["from_on"], self.zone),
                to_at=_midnight(data["to_on"] and data["to_on"] + dt.timedelta(days=1), self.zone),
                weekdays=frozenset(map(int, data["weekdays"])),
            ),
            **{name: data[name] for name in ("order_most", "day_most", "member_most")},
        )


class CategoriesForm(forms.Form):
    """The shop's product categories, each a name and its SKUs, with room for one more; emptied, it is taken away."""

    def __init__(self, *args: Any, categories: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before = self._shown() if self.is_bound else sorted(categories)
        for place, name in enumerate([*self.before, ""]):
            if name:
                self.fields[f"was_{place}"] = forms.CharField(initial=name, widget=forms.HiddenInput())
            self.fields[f"name_{place}"] = forms.CharField(
                label=pgettext_lazy("category", "Name") if name else _("New category"),
                max_length=LONGEST_TEXT,
                required=False,
                initial=name,
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )
            self.fields[f"skus_{place}"] = NamesField(
                label=_("SKUs"),
                initial="\n".join(categories.get(name, ())),
                help_text=_("One a line; SH-* is every SKU that begins with SH-."),
            )

    def _shown(self) -> list[str]:
        """The categories that the page showed, whatever there is by now."""
        found: list[str] = []
        while name := self.data.get(f"was_{len(found)}"):
            found.append(name)
        return found

    @property
    def rows(self) -> list[tuple[Any, Any]]:
        """The boxes of each category."""
        return [(self[f"name_{n}"], self[f"skus_{n}"]) for n in range(len(self.before) + 1)]

    def clean(self) -> None:
        """A category has a name of its own and at least one SKU."""
        super().clean()
        self.categories: dict[str, list[str]] = {}
        self.renamed: dict[str, str] = {}
        for place in range(len(self.before) + 1):
            name, skus = self.cleaned_data.get(f"name_{place}"), self.cleaned_data.get(f"skus_{place}")
            if name is None or skus is None or not (name or skus):
                continue
            if not name:
                self.add_error(f"name_{place}", ValidationError(_("Give the category a name.")))
            elif name in self.categories:
                self.add_error(f"name_{place}", ValidationError(_("Another category has this name.")))
            elif not skus:
                told = _("Name at least one SKU, or empty the name to take the category away.")
                self.add_error(f"skus_{place}", ValidationError(told))
            else:
                self.categories[name] = skus
                if place < len(self.before) and name != self.before[place]:
                    self.renamed[self.before[place]] = name


def _midnight(day: dt.date | None, zone: ZoneInfo) -> dt.datetime | None:
    return None if day is None else local_instant(day, dt.time(), zone).astimezone(zone)


def _initial(campaign: Campaign, zone: ZoneInfo) -> dict[str, Any]:
    when = campaign.when
    last = None if when.to_at is None else (when.to_at - dt.timedelta(microseconds=1)).astimezone(zone).date()
    limits = {name: getattr(campaign, name) for name in ("order_most", "day_most", "member_most")}
    return {
        "name": campaign.name or campaign.code,
        "multiplier": decimal_text(campaign.multiplier),
        "extra": str(campaign.extra),
        "from_on": when.from_at and when.from_at.astimezone(zone).date(),
        "to_on": last,
        "weekdays": sorted(when.weekdays),
        "tiers": [str(tier) for tier in when.tiers],
        "channels": sorted(when.channels),
        "scenes": "\n".join(sorted(when.scenes)),
        "categories": list(when.categories),
        "skus": "\n".join(when.skus),
        **{name: "" if value is None else str(value) for name, value in limits.items()},
    }


def caps_initial(earning: Earning) -> dict[str, str]:
    """What stands in the boxes of the caps."""
    limits = {name: getattr(earning, name) for name in ("order_most", "day_most")}
    return {"combine": earning.combine, **{k: "" if v is None else str(v) for k, v in limits.items()}}
