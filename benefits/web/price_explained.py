"""One price explained: which candidates each layer tried, which won, and why (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from benefits.lib import codes
from benefits.lib.price_edits import PLAN, plan_column
from benefits.lib.price_guard import Basis
from benefits.lib.quotes import MOST_QUANTITY
from benefits.lib.scope import CHANNELS, LONGEST_SCENE, place_at
from benefits.selectors import audiences, guard_words, price_guard, quotes, scopes, subscriptions
from benefits.selectors.quotes import Basket, Explained
from benefits.web import price_words
from benefits.web.benefits import reads
from benefits.web.fields import CountField, MomentField, MoneyField
from members.lib.refusals import Invalid, NotFound
from members.models import Member
from members.selectors import members as members_of
from members.selectors.members import MemberFilter
from members.web.forms import answer, one_line
from members.web.request import StaffRequest

ROWS = 10  # lines that the page takes; the API takes 200
OFFERED = 200  # SKUs offered while typing
LAYERS = ("sale", "member", "fan", "plan", "spend_and_save", "coupon", "points", "shipping")


ACTING = {
    "fan": gettext_lazy("Fan prices of benefits"),
    "coupon": gettext_lazy("Coupons and discounts"),
    "points": gettext_lazy("Points"),
    "shipping": gettext_lazy("Free shipping"),
}


class ExplainForm(forms.Form):
    """Who buys, and when. The basket's lines stand beside it in the address."""

    buyer = forms.ChoiceField(label=gettext_lazy("Buyer"), required=False)
    member = forms.CharField(
        label=gettext_lazy("A certain member"),
        max_length=128,
        required=False,
        help_text=gettext_lazy(
            "Whole phone number, name, customer id or member id. Counts instead of the tier."
        ),
    )
    follows = forms.BooleanField(label=gettext_lazy("Follows the shop"), required=False)
    coupon = forms.CharField(
        label=gettext_lazy("A certain coupon"),
        max_length=20,
        required=False,
        help_text=gettext_lazy("The code of one of the member's coupons. Empty: the best one."),
    )
    points = forms.BooleanField(label=gettext_lazy("Pays with points as far as they go"), required=False)
    shipping_minor = MoneyField(
        label=gettext_lazy("Shipping fee"),
        required=False,
        help_text=gettext_lazy("What you would charge for shipping."),
    )
    place = forms.ChoiceField(
        label=gettext_lazy("Where it is bought"),
        required=False,
        help_text=gettext_lazy("Some benefits are to be had on some channels or in some stores alone."),
    )
    scene = forms.CharField(label=gettext_lazy("Scene"), max_length=LONGEST_SCENE, required=False)
    without = forms.MultipleChoiceField(
        label=gettext_lazy("Leave out"),
        choices=list(ACTING.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("To see what benefits do to a price. A till leaves none of them out."),
    )
    at = MomentField(
        label=gettext_lazy("When"),
        required=False,
        help_text=gettext_lazy("A day or a time that is past; empty is now."),
    )

    def __init__(
        self,
        *args: Any,
        request: StaffRequest,
        now: dt.datetime,
        tiers: dict[str, str],
        plans: dict[str, str],
    ) -> None:
        super().__init__(*args)
        self.request, self.now, self.found = request, now, None
        cast(MomentField, self.fields["at"]).zone = request.merchant.zone
        cast(MoneyField, self.fields["shipping_minor"]).currency = request.merchant.currency
        cast(forms.ChoiceField, self.fields["buyer"]).choices = [
            ("", _("A visitor")),
            *((code, _("A member of tier %(tier)s") % {"tier": name}) for code, name in tiers.items()),
            *(
                (plan_column(code), _("A member with the plan %(plan)s") % {"plan": name})
                for code, name in plans.items()
            ),
        ]
        stores = scopes.stores(merchant_id=request.merchant.pk)
        cast(forms.ChoiceField, self.fields["place"]).choices = [
            ("", _("Not said")),
            *CHANNELS.items(),
            *stores,
        ]

    found: Member | None

    def clean_member(self) -> str:
        """Somebody, and one person alone."""
        text: str = one_line(self.cleaned_data["member"])
        if not text:
            return ""
        rows = members_of.listed(merchant=self.request.merchant, wanted=MemberFilter(search=text))[:2]
        people = list(rows)
        if not people:
            raise ValidationError(_("Nobody is found by “%(text)s”."), params={"text": text})
        if len(people) > 1:
            raise ValidationError(
                _("“%(text)s” finds several members. Give the whole phone number or the member id."),
                params={"text": text},
            )
        self.found = people[0]
        return text

    def clean_coupon(self) -> str:
        """A code as it is stored, however it was typed."""
        typed: str = one_line(self.cleaned_data["coupon"])
        if not typed:
            return ""
        if self.found is None:
            raise ValidationError(_("Only a member has coupons. Say whose basket it is."))
        return codes.read_code(typed) or typed

    def clean_at(self) -> dt.datetime:
        """Now, or an instant that is past."""
        at: dt.datetime = self.cleaned_data["at"] or self.now
        if at > self.now:
            raise ValidationError(
                _("Prices of the future are not known yet. Choose an instant that is past.")
            )
        return at

    def basket(self, lines: list[tuple[str, int]]) -> Basket:
        """What was asked for."""
        values = self.cleaned_data
        buyer = "" if self.found else values["buyer"]
        plan = buyer.removeprefix(PLAN) if buyer.startswith(PLAN) else None
        return Basket(
            lines=lines,
            member=self.found.public_id if self.found else None,
            as_tier=None if plan else buyer or None,
            as_plan=plan,
            follows=values["follows"],
            coupon=values["coupon"],
            points=None if values["points"] else 0,
            shipping_minor=values["shipping_minor"] or 0,
            place=place_at(values["place"], one_line(values["scene"])),
            without=frozenset(values["without"]),
        )


def _lines(request: StaffRequest, form: ExplainForm) -> tuple[list[dict[str, str]], list[tuple[str, int]]]:
    """The basket as typed, and as understood; what is wrong with it is added to the form."""
    skus = [one_line(text, most=64) for text in request.GET.getlist("sku")[:ROWS]]
    counts = [one_line(text, most=20) for text in request.GET.getlist("quantity")[:ROWS]]
    typed = [
        {"sku": sku, "quantity": counts[place] if place < len(counts) else ""}
        for place, sku in enumerate(skus)
    ]
    basket = []
    for row in typed:
        if not row["sku"]:
            continue
        try:
            quantity = CountField(most=MOST_QUANTITY).clean(row["quantity"] or "1")
        except ValidationError as error:
            form.add_error(None, f"{row['sku']}: {error.messages[0]}")
            continue
        basket.append((row["sku"], quantity or 0))
    if form.is_bound and not basket and not form.non_field_errors():
        form.add_error(None, _("Name at least one SKU."))
    return typed, basket


@reads
@require_safe
def prices_explain(request: StaffRequest) -> HttpResponse:
    """What a basket costs somebody at an instant, as a waterfall and as a receipt."""
    now = timezone.now()
    merchant = request.merchant
    tiers = dict(audiences.tier_names(merchant_id=merchant.pk, at=now))
    plans = dict(subscriptions.plan_names(merchant_id=merchant.pk))
    form = ExplainForm(request.GET or None, request=request, now=now, tiers=tiers, plans=plans)
    form.is_valid()
    typed, basket = _lines(request, form)
    found = None
    if form.is_bound and form.is_valid():
        try:
            found = quotes.explained(
                merchant_id=merchant.pk, basket=form.basket(basket), at=form.cleaned_data["at"]
            )
        except (Invalid, NotFound) as refusal:
            for detail in {str(text) for text in refusal.errors.values()} or {str(refusal.detail)}:
                form.add_error(None, detail)
    context: dict[str, Any] = {
        "form": form,
        "typed": [*typed, *({"sku": "", "quantity": ""} for _n in range(max(1, 3 - len(typed))))][:ROWS],
        "skus": quotes.some_skus(merchant_id=merchant.pk, at=now, most=OFFERED),
        "found": found,
    }
    if found is not None:
        at = form.cleaned_data["at"]
        bases = price_guard.bases(merchant_id=merchant.pk, skus={sku for sku, _n in basket}, at=at)
        left_out = ", ".join(str(ACTING[each]) for each in form.cleaned_data["without"])
        shown = _shown(found, tiers, plans, merchant.currency, bases)
        context |= shown | {"at": at, "left_out": left_out}
    return answer(request, "benefits/prices/explain.html", context, form)


def _shown(
    found: Explained, tiers: dict[str, str], plans: dict[str, str], currency: str, bases: dict[str, Basis]
) -> dict[str, Any]:
    quote = found.quote
    rows = price_words.receipt_rows(quote.receipt, tiers, currency, found.names, plans)
    whole = sum(line.list_minor * line.quantity for line in quote.lines)
    fee = quote.shipping_minor + sum(
        each.gives_minor for each in quote.receipt if each.won and each.layer == "shipping"
    )
    steps: list[tuple[str, int]] = [(_("List price"), whole)]
    for layer in LAYERS:
        gives = sum(each.gives_minor for each in quote.receipt if each.won and each.layer == layer)
        if any(each.layer == layer for each in quote.receipt):
            steps.append((str(price_words.LAYERS[layer]), -gives))
        if layer == "points" and fee:
            steps.append((_("Shipping fee"), fee))
    return {
        "steps": steps,
        "end": (_("To pay"), quote.total_minor),
        "tier_name": tiers.get(found.tier or "", found.tier),
        "stack": price_words.STACKS[found.stack],
        "lines": [
            {
                "line": line,
                "tried": [row for row in rows if row["line"] == number],
                "basis": guard_words.basis(bases[line.sku], currency) if line.sku in bases else "",
            }
            for number, line in enumerate(quote.lines, start=1)
        ],
        "basket": [row for row in rows if row["line"] == 0],
        "codes": [codes.shown(code) for code in quote.codes],
    }
