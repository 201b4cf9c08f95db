"""What the forms of all benefits share, and of those with codes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from benefits.lib.audience import plans_of, segments_of, tiers_of
from benefits.lib.coverage import EVERYONE
from benefits.lib.holdouts import MOST_PERCENT
from benefits.lib.kinds import KINDS, LIMITS
from benefits.lib.kinds.parts.by_order import ON_ORDER
from benefits.lib.pools import POOL, is_pooled
from benefits.lib.scope import CHANNELS, PARTS
from benefits.models import Benefit
from benefits.services.arguments import Arguments
from benefits.web.fields import CountField, MomentField, MoneyField
from benefits.web.words import FIELDS
from benefits.web.words import LIMITS as LIMIT_WORDS
from members.models import Channel, Merchant
from members.web.earning_forms import NamesField
from members.web.forms import OnceField

ORDER = ("order_from_minor", "order_skus", "order_channel")
HOLDOUT_TEXT = _(
    "So many of the members never get it, chosen by chance, so that you see what it really changed. It cannot be "
    "changed later. Empty: everybody gets it."
)


class BenefitForm(forms.Form):
    """What every benefit is asked for. Subclasses add their kind's settings."""

    kind = ""
    name = forms.CharField(
        label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    from_at = MomentField(
        label=_("Starts"), required=False, help_text=_("A day or a time. Empty: as soon as it is published.")
    )
    to_at = MomentField(
        label=_("Ends"),
        required=False,
        last=True,
        help_text=_("The last day, included, or a time. Empty: no end."),
    )
    audience = forms.ChoiceField(
        label=_("For whom"),
        widget=forms.RadioSelect,
        choices=[("everyone", _("All members")), ("tiers", _("Members of certain tiers"))],
        initial="everyone",
    )
    tiers = forms.MultipleChoiceField(label=_("Tiers"), required=False, widget=forms.CheckboxSelectMultiple)
    plans = forms.MultipleChoiceField(label=_("Plans"), required=False, widget=forms.CheckboxSelectMultiple)
    segments = forms.MultipleChoiceField(
        label=_("Segments"), required=False, widget=forms.CheckboxSelectMultiple
    )
    stock = CountField(
        label=_("Stock"), required=False, help_text=_("How many times in all. Empty: no limit.")
    )
    channels = forms.MultipleChoiceField(
        label=_("Channels"),
        choices=list(CHANNELS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    stores = forms.MultipleChoiceField(label=_("Stores"), required=False, widget=forms.CheckboxSelectMultiple)
    scenes = NamesField(
        label=_("Scenes"), help_text=_("Such as takeaway, one a line; as your orders name them.")
    )
    once = OnceField()

    def __init__(
        self,
        *args: Any,
        merchant: Merchant,
        tiers: Sequence[tuple[str, str]] = (),
        segments: Sequence[tuple[str, str]] = (),
        plans: Sequence[tuple[str, str]] = (),
        stores: Sequence[tuple[str, str]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.merchant = merchant
        for field in self.fields.values():
            if isinstance(field, MomentField):
                field.zone = merchant.zone
            if isinstance(field, MoneyField):
                field.currency = merchant.currency
        if KINDS[self.kind].acts_in_quotes:
            self.fields.pop("stock")  # nothing is taken from one
            segments = segments if self.initial.get("audience") == "segments" else ()
        if KINDS[self.kind].moves_points:
            plans = plans if self.initial.get("audience") == "plans" else ()
        self._offer_audiences(tiers, segments, plans)
        if stores and "stores" in self.fields:
            self.fields["stores"].choices = list(stores)  # type: ignore[attr-defined]
        else:
            self.fields.pop("stores", None)

    def _offer_audiences(
        self,
        tiers: Sequence[tuple[str, str]],
        segments: Sequence[tuple[str, str]],
        plans: Sequence[tuple[str, str]],
    ) -> None:
        """With one tier there is nothing to choose by it: everyone is in it."""
        self.fields["tiers"].choices = list(tiers)  # type: ignore[attr-defined]
        self.fields["segments"].choices = list(segments)  # type: ignore[attr-defined]
        self.fields["plans"].choices = list(plans)  # type: ignore[attr-defined]
        choices = [("everyone", _("All members"))]
        if len(tiers) > 1:
            choices.append(("tiers", _("Members of certain tiers")))
        else:
            self.fields.pop("tiers")
        if plans:
            choices.append(("plans", _("Members with certain plans")))
        else:
            self.fields.pop("plans")
        if segments:
            choices.append(("segments", _("Members of certain segments")))
        else:
            self.fields.pop("segments")
        self.fields["audience"].choices = choices  # type: ignore[attr-defined]
        if len(choices) == 1:
            self.fields.pop("audience")

    def clean(self) -> dict[str, Any]:
        """The period is in order, and a named audience is named."""
        values = super().clean() or {}
        self._keep_instants(values)
        start, end = values.get("from_at"), values.get("to_at")
        if start and end and end <= start:
            self.add_error("to_at", _("The benefit ends before it starts. Choose an end after its start."))
        if values.get("audience") == "tiers" and not values.get("tiers") and "tiers" not in self.errors:
            self.add_error("tiers", _("Choose at least one tier, or all members."))
        if values.get("audience") == "plans" and not values.get("plans") and "plans" not in self.errors:
            self.add_error("plans", _("Choose at least one plan, or all members."))
        if (
            values.get("audience") == "segments"
            and not values.get("segments")
            and "segments" not in self.errors
        ):
            self.add_error("segments", _("Choose at least one segment, or all members."))
        return values

    def _keep_instants(self, values: dict[str, Any]) -> None:
        """What is shown is cut to the minute; left as it was shown it stays the instant it is, else a form that changes
        nothing would configure the benefit anew."""
        for name in ("from_at", "to_at"):
            stored = self.initial.get(name)
            if isinstance(stored, dt.datetime) and self[name].data == self.fields[name].prepare_value(stored):
                values[name] = stored

    def scope_fields(self) -> list[forms.BoundField]:
        """For the page: where it is to be had."""
        return [self[name] for name in PARTS if name in self.fields]

    def is_confined(self) -> bool:
        """Whether the form shows a benefit that is not to be had everywhere."""
        return any(bound.value() or bound.errors for bound in self.scope_fields())

    def check_not_over(self, at: dt.datetime) -> None:
        """An end that lies in the past is a slip of the pen: nobody could ever use such a benefit."""
        end = self.cleaned_data.get("to_at")
        if end and end <= at:
            self.add_error("to_at", _("This end is past already. Choose a later one."))

    def settings(self) -> dict[str, Any]:
        """The kind's settings from the entries."""
        return {}

    def arguments(self) -> Arguments:
        """What the services take."""
        values = self.cleaned_data
        named = values.get("audience")
        chosen = {named: values[named]} if named in ("tiers", "plans", "segments") else EVERYONE
        return Arguments(
            kind=self.kind,
            name=values["name"],
            from_at=values["from_at"],
            to_at=values["to_at"],
            settings=self.settings(),
            audience=chosen,
            stock=values.get("stock"),
            scope={part: found for part in PARTS if (found := self._part(part))},
        )

    def _part(self, part: str) -> list[str]:
        """A part of the scope as it is said; as it was where the form does not ask, as for stores in a shop without."""
        found: list[str] = (self.cleaned_data if part in self.fields else self.initial).get(part) or []
        return found

    @classmethod
    def initial_of(cls, benefit: Benefit) -> dict[str, Any]:
        """The entries that a benefit stands for."""
        named = {
            "tiers": tiers_of(benefit.audience),
            "plans": plans_of(benefit.audience),
            "segments": segments_of(benefit.audience),
        }
        return {
            "name": benefit.name,
            "from_at": benefit.from_at,
            "to_at": benefit.to_at,
            "audience": next((name for name, each in named.items() if each is not None), EVERYONE),
            **{name: each or [] for name, each in named.items()},
            "stock": benefit.stock,
            **{part: benefit.scope.get(part, []) for part in ("channels", "stores")},
            "scenes": "\n".join(benefit.scope.get("scenes", [])),
            **cls.initial_settings(benefit.settings),
        }

    @classmethod
    def initial_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The entries that settings stand for."""
        return {}


class LimitedForm(BenefitForm):
    """A benefit with codes: how often each is used, how long, by whom how often, and what all may cost."""

    uses = CountField(
        label=LIMIT_WORDS["uses"], most=LIMITS["uses"], required=False, help_text=_("Empty: once.")
    )
    valid_days = CountField(
        label=LIMIT_WORDS["valid_days"],
        most=LIMITS["valid_days"],
        required=False,
        help_text=_("After the day of issue. Empty: as long as the benefit."),
    )
    per_member_day = CountField(
        label=LIMIT_WORDS["per_member_day"], most=LIMITS["per_member_day"], required=False
    )
    per_member_month = CountField(
        label=LIMIT_WORDS["per_member_month"], most=LIMITS["per_member_month"], required=False
    )
    per_member_life = CountField(
        label=LIMIT_WORDS["per_member_life"], most=LIMITS["per_member_life"], required=False
    )
    budget_minor = MoneyField(
        label=LIMIT_WORDS["budget_minor"],
        required=False,
        help_text=_("What all codes together may save at most. Empty: no limit."),
    )

    pool = forms.BooleanField(
        label=_("Codes come from a list that I upload"),
        required=False,
        help_text=_(
            "Each member gets one code of your partner's. You upload them on the benefit's page; until then nobody can "
            "get it. Its stock is the codes that are left."
        ),
    )
    order_from_minor = MoneyField(
        label=_("Comes with an order from"),
        required=False,
        help_text=_("Each paid order of a member from this amount on brings one. Empty: members claim it."),
    )
    order_skus = forms.CharField(
        label=_("With one of these SKUs"),
        required=False,
        max_length=2000,
        help_text=_("Separated by spaces. Empty: any order."),
    )
    order_channel = forms.ChoiceField(
        label=_("On the channel"), required=False, choices=[("", _("Any channel")), *Channel.choices]
    )

    holdout_percent = CountField(
        label=FIELDS["holdout_percent"], most=MOST_PERCENT, required=False, help_text=HOLDOUT_TEXT
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not KINDS[self.kind].may_come_with_orders:
            for name in ORDER:
                self.fields.pop(name)
        if not KINDS[self.kind].may_hold_out:
            self.fields.pop("holdout_percent")
        if not KINDS[self.kind].has_pool:
            self.fields.pop(POOL)

    def arguments(self) -> Arguments:
        """With the share of members held out."""
        return replace(super().arguments(), holdout_percent=self.cleaned_data.get("holdout_percent") or 0)

    def clean(self) -> dict[str, Any]:
        """SKUs and a channel are of the orders that bring it."""
        values = super().clean()
        named = values.get("order_skus") or values.get("order_channel")
        if named and not values.get("order_from_minor") and "order_from_minor" not in self.errors:
            self.add_error("order_from_minor", _("Say from which amount an order brings it."))
        if values.get(POOL) and values.get("stock") is not None:
            self.add_error("stock", _("Its stock is the codes that you upload: leave it empty."))
        return values

    def limits(self) -> dict[str, Any]:
        """The limits that are set, and which order brings it."""
        values = self.cleaned_data
        found = {name: values[name] for name in LIMITS if values.get(name) is not None}
        if values.get(POOL):
            found[POOL] = True
        if values.get("order_from_minor"):
            order: dict[str, Any] = {"from_minor": values["order_from_minor"]}
            if skus := values["order_skus"].split():
                order["skus"] = skus
            if values["order_channel"]:
                order["channel"] = values["order_channel"]
            found[ON_ORDER] = order
        return found

    def asked_of_orders(self) -> list[forms.BoundField]:
        """For the page: which order brings it, where one can."""
        return [self[name] for name in ORDER if name in self.fields]

    def asked_of_pool(self) -> forms.BoundField | None:
        """For the page: whether its codes are uploaded, where they can be."""
        return self[POOL] if POOL in self.fields else None

    @classmethod
    def initial_of(cls, benefit: Benefit) -> dict[str, Any]:
        order = benefit.settings.get(ON_ORDER) or {}
        said = {
            "order_from_minor": order.get("from_minor"),
            "order_skus": " ".join(order.get("skus") or ()),
            "order_channel": order.get("channel") or "",
        }
        if is_pooled(benefit.settings):  # counted, not said
            said["stock"] = None
        held = {"holdout_percent": benefit.holdout_percent or None}
        return {**super().initial_of(benefit), **said, **held}

    def limit_fields(self) -> list[forms.BoundField]:
        """For the page."""
        return [self[name] for name in LIMITS]
