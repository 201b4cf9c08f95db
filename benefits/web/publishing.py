"""Publishing and changing a benefit: choose a kind, fill in its form, see what does not count."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from benefits.lib.kinds import KINDS
from benefits.lib.prices import MOST_BYTES
from benefits.lib.standing import Standing, standing_of
from benefits.models import Benefit, BenefitStatus
from benefits.selectors import audiences, scopes, subscriptions
from benefits.selectors import benefits as selectors
from benefits.services import benefits as services
from benefits.services.price_files import read_price_file
from benefits.services.price_uploads import as_json
from benefits.services.prices import keep_upload
from benefits.web import words
from benefits.web.benefits import found_or_404, writes
from benefits.web.forms import FORMS, BenefitForm, uploaded
from benefits.web.previews import phones
from benefits.web.templates import TEMPLATES, template_of
from members.lib.refusals import Refusal
from members.services.audit import Actor
from members.web.forms import add_refusal, answer, asked
from members.web.request import StaffRequest


@writes
@require_safe
def benefits_new(request: StaffRequest) -> HttpResponse:
    """Choose what to publish: a ready template or a kind."""
    kinds = sorted((KINDS[code] for code in FORMS), key=lambda kind: kind.place)
    groups = [
        {"label": label, "kinds": [kind for kind in kinds if kind.group == group]}
        for group, label in words.GROUPS
    ]
    return render(request, "benefits/benefits/new.html", {"groups": groups, "templates": TEMPLATES})


def _form(request: StaffRequest, kind: str, **kwargs: Any) -> BenefitForm:
    tiers = audiences.tier_names(merchant_id=request.merchant.pk, at=timezone.now())
    segments = audiences.segment_names(merchant_id=request.merchant.pk)
    plans = subscriptions.plan_names(merchant_id=request.merchant.pk)
    data = (request.POST, request.FILES) if request.method == "POST" else ()
    stores = scopes.stores(merchant_id=request.merchant.pk)
    return FORMS[kind](
        *data,
        merchant=request.merchant,
        tiers=tiers,
        segments=segments,
        plans=plans,
        stores=stores,
        **kwargs,
    )


def _start(request: StaffRequest, kind: str) -> tuple[dict[str, Any], Benefit | None]:
    """What the form begins with, and the draft that it goes on with."""
    form = FORMS[kind]
    template = template_of(asked(request, "template"))
    if template is not None and template.kind == kind:
        settings = form.initial_settings(template.settings)
        return {"name": template.title, "stock": template.stock, **settings}, None
    source = asked(request, "draft") or asked(request, "copy")
    if not source:
        return {"name": KINDS[kind].label, **KINDS[kind].usual}, None
    benefit = selectors.by_public_id(merchant_id=request.merchant.pk, public_id=source)
    if benefit is None or benefit.kind != kind:
        raise Http404
    initial = form.initial_of(benefit)
    if asked(request, "draft"):
        return {**initial, "once": benefit.public_id}, benefit
    # Renewed from now on; what was left of the stock is no measure for a new one.
    return {**initial, "from_at": None, "to_at": None}, None


@writes
def benefits_publish(request: StaffRequest, kind: str) -> HttpResponse:
    """The publish form of a kind; the second button keeps a draft."""
    if kind not in FORMS:
        raise Http404
    at = timezone.now()
    initial, draft = _start(request, kind)
    if day := asked(request, "from", most=10):
        initial = {**initial, "from_at": day}
    form = _form(request, kind, initial=initial)
    if request.method == "POST" and form.is_valid():
        form.check_not_over(at)
        if form.is_valid():
            try:
                return _published(request, form, at, draft)
            except Refusal as refusal:
                add_refusal(form, refusal)
    context = {
        "form": form,
        "kind": KINDS[kind],
        "is_draw": KINDS[kind].is_draw,
        "draft": draft,
        "can_draft": kind != "member_price",
        "phones": phones(form),
    }
    return answer(request, "benefits/benefits/publish.html", context, form)


def _published(
    request: StaffRequest, form: BenefitForm, at: dt.datetime, draft: Benefit | None
) -> HttpResponse:
    """Keep the draft, show the list, or publish. Raises Refusal."""
    arguments = form.arguments()
    if draft is not None and "stock" not in form.fields:  # said by API, and not asked for here
        arguments = replace(arguments, stock=draft.stock)
    if draft is not None and "channels" not in form.fields:
        arguments = replace(arguments, scope=draft.scope)
    rest: dict[str, Any] = {
        "merchant_id": request.merchant.pk,
        "at": at,
        "actor": Actor.person(request.user),
    }
    public_id = form.cleaned_data["once"]
    if form.kind == "member_price":
        return _show_list(request, form, as_json(arguments, public_id=public_id), **rest)
    if "draft" in request.POST:
        benefit = services.save_draft(arguments=arguments, public_id=public_id, **rest)
        messages.success(request, _("“%(name)s” is kept as a draft.") % {"name": benefit})
        return redirect("benefits:benefits_detail", public_id=benefit.public_id)
    benefit = services.publish_benefit(
        kind=arguments.kind,
        name=arguments.name,
        from_at=arguments.from_at,
        to_at=arguments.to_at,
        settings=arguments.settings,
        audience=arguments.audience,
        stock=arguments.stock,
        scope=arguments.scope,
        holdout_percent=arguments.holdout_percent,
        public_id=public_id,
        **rest,
    )
    say_published(request, benefit, at)
    return redirect("benefits:benefits_detail", public_id=benefit.public_id)


def _show_list(
    request: StaffRequest, form: BenefitForm, arguments: dict[str, Any], **rest: Any
) -> HttpResponse:
    """Read the list and go on to its differences; nothing is published yet. Raises Refusal."""
    content = uploaded(form, MOST_BYTES)
    if content is None:
        return answer(
            request,
            "benefits/benefits/publish.html",
            {
                "form": form,
                "kind": KINDS[form.kind],
                "is_draw": False,
                "can_draft": False,
                "phones": phones(form),
            },
            form,
        )
    upload = keep_upload(
        price_list=read_price_file(
            content,
            currency=request.merchant.currency,
            tiers=tier_words(request, rest["at"]),
        ),
        file_name=form.cleaned_data["file"].name,
        arguments=arguments,
        **rest,
    )
    return redirect("benefits:prices_upload", public_id=upload.public_id)


def tier_words(request: StaffRequest, at: dt.datetime) -> dict[str, str]:
    """What a file may call a tier (its code or name, any case) -> its code."""
    names = audiences.tier_names(merchant_id=request.merchant.pk, at=at)
    return {word.casefold(): code for code, name in names for word in (name, code)}


def say_published(request: StaffRequest, benefit: Benefit, at: dt.datetime) -> None:
    """Say that a benefit is published, and at once why it does not count where that is so."""
    standing = standing_of(status=benefit.status, from_at=benefit.from_at, to_at=benefit.to_at, at=at)
    if standing is Standing.SCHEDULED and benefit.from_at:
        start = words.moment_text(benefit.from_at, request.merchant.zone)
        text = _("“%(name)s” is published and begins on %(start)s.") % {"name": benefit, "start": start}
    else:
        text = _("“%(name)s” is published and in force.") % {"name": benefit}
    messages.success(request, text)
    for reason in words.why_not_counted(benefit, request.merchant.currency, at):
        messages.warning(request, reason)


@writes
def benefits_change(request: StaffRequest, public_id: str) -> HttpResponse:
    """Change a published benefit; a draft goes on in its publish form."""
    benefit = found_or_404(request, public_id)
    if benefit.kind not in FORMS:
        messages.error(request, _("This kind of benefit cannot be changed here yet. End it, or use the API."))
        return redirect("benefits:benefits_detail", public_id=public_id)
    if benefit.status == BenefitStatus.DRAFT:
        response = redirect("benefits:benefits_publish", kind=benefit.kind)
        response["Location"] += f"?draft={benefit.public_id}"
        return response
    extra = {"with_file": False} if benefit.kind == "member_price" else {}
    form = _form(request, benefit.kind, initial=FORMS[benefit.kind].initial_of(benefit), **extra)
    form.fields.pop("holdout_percent", None)  # fixed when it was published
    if request.method == "POST" and form.is_valid():
        try:
            return _changed(request, benefit, form)
        except Refusal as refusal:
            add_refusal(form, refusal)
    context = {
        "form": form,
        "kind": KINDS[benefit.kind],
        "benefit": benefit,
        "is_draw": KINDS[benefit.kind].is_draw,
        "phones": phones(form),
        "stock_seen": request.POST.get("stock_seen", "" if benefit.stock is None else str(benefit.stock)),
    }
    return answer(request, "benefits/benefits/change.html", context, form)


def _is_stock_as_seen(request: StaffRequest, form: BenefitForm) -> bool:
    """Whether the stock was left as the page showed it: members take pieces meanwhile, which a change of something
    else must not put back."""
    seen = form.cleaned_data.get("stock")
    return "stock" not in form.fields or request.POST.get("stock_seen") == ("" if seen is None else str(seen))


def _changed(request: StaffRequest, benefit: Benefit, form: BenefitForm) -> HttpResponse:
    """Change what the form says. Raises Refusal."""
    at = timezone.now()
    arguments = form.arguments()
    revision = request.POST.get("revision", "")
    settings = services.UNSET if form.kind == "member_price" else arguments.settings
    changed = services.change_benefit(
        merchant_id=request.merchant.pk,
        benefit_id=benefit.pk,
        at=at,
        actor=Actor.person(request.user),
        name=arguments.name,
        from_at=arguments.from_at,
        to_at=arguments.to_at,
        settings=settings,
        audience=arguments.audience if "audience" in form.fields else services.UNSET,
        scope=arguments.scope if "channels" in form.fields else services.UNSET,
        stock=services.UNSET if _is_stock_as_seen(request, form) else arguments.stock,
        expected_revision=int(revision)
        if revision.isascii() and revision.isdigit() and len(revision) < 9
        else None,
    )
    if changed.revision == benefit.revision:
        messages.info(request, _("Nothing was changed."))
    else:
        messages.success(request, _("The change of “%(name)s” is in force.") % {"name": changed})
        for reason in words.why_not_counted(changed, request.merchant.currency, timezone.now()):
            messages.warning(request, reason)
    return redirect("benefits:benefits_detail", public_id=benefit.public_id)
