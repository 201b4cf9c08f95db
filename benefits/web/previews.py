"""A benefit as a member will see it on a phone, in every language, beside its form while it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from benefits.lib.kinds import KINDS
from benefits.lib.scope import PARTS
from benefits.models import Benefit
from benefits.selectors import scopes
from benefits.web.base_forms import BenefitForm
from benefits.web.benefits import writes
from benefits.web.forms import FORMS
from benefits.web.own import told
from members.lib.refusals import Refusal
from members.models import Merchant
from members.web.request import StaffRequest


def phones(form: BenefitForm) -> list[dict[str, Any]]:
    """What a form says, as a member reads it in each language, the shop's first; what is not right yet is left out."""
    merchant, benefit = form.merchant, _benefit(form)
    codes = sorted((code for code, _name in settings.LANGUAGES), key=lambda code: code != merchant.language)
    names = dict(settings.LANGUAGES)
    stores = scopes.store_names(merchant_id=merchant.pk, keys=benefit.scope.get("stores", ()))
    return [
        {"code": code, "language": names[code], **_in_language(benefit, merchant, stores, code)}
        for code in codes
    ]


def _in_language(
    benefit: Benefit, merchant: Merchant, stores: Mapping[str, str], code: str
) -> dict[str, Any]:
    with translation.override(code):
        said = told(benefit, merchant, stores)
        left = said["left"]
        return {
            "shop": merchant.name,
            "name": said["name"],
            "says": said["says"],
            "where": said["where"],
            "until": _("until %(day)s") % {"day": said["until"]} if said["until"] else "",
            "left": "" if left is None else ngettext("%(n)s left", "%(n)s left", left) % {"n": left},
            "button": str(_button(benefit)),
        }


def _button(benefit: Benefit) -> str:
    kind = KINDS[benefit.kind]
    if kind.is_claimed(benefit.settings):
        return translation.pgettext("benefit", "Claim")
    if kind.is_draw:
        return _("Enter")
    return _("Check in") if benefit.kind == "check_in" else ""


def _benefit(form: BenefitForm) -> Benefit:
    """The benefit that a form stands for so far; it is never saved."""
    values = dict(form.initial)
    if form.is_bound:
        form.is_valid()
        values = {name: form.cleaned_data.get(name) for name in form.fields}
    benefit = Benefit(merchant_id=form.merchant.pk, kind=form.kind, name=str(values.get("name") or ""))
    benefit.to_at, benefit.stock = values.get("to_at"), values.get("stock")
    benefit.scope = _scope(values)
    benefit.settings = _settings(form, values)
    return benefit


def _scope(values: dict[str, Any]) -> dict[str, list[str]]:
    """Where it is to be had, as far as that is said; scenes not sent yet are one text, one a line."""
    said = {part: values[part] for part in PARTS if values.get(part)}
    return {part: each.splitlines() if isinstance(each, str) else each for part, each in said.items()}


def _settings(form: BenefitForm, values: dict[str, Any]) -> dict[str, Any]:
    """The settings of a form that may not be right yet."""
    kind = KINDS[form.kind]
    known = (*kind.names, "on_order")
    if not form.is_bound:
        return {name: each for name, each in values.items() if name in known and each not in (None, "")}
    form.cleaned_data = values
    try:
        return kind.check(form.settings(), currency=form.merchant.currency)
    except (Refusal, KeyError, TypeError, AttributeError, ValueError, ArithmeticError):
        return {}


@writes
@require_POST
def benefits_preview(request: StaffRequest, kind: str) -> HttpResponse:
    """The phones alone, for a form that is being written."""
    if kind not in FORMS:
        raise Http404
    merchant = request.merchant
    form = FORMS[kind](request.POST, merchant=merchant, stores=scopes.stores(merchant_id=merchant.pk))
    return render(request, "benefits/benefits/_phones.html", {"phones": phones(form)})
