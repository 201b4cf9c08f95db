"""The members list and the page of one member."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from members.lib.periods import merchant_day
from members.lib.phones import national, region_of
from members.lib.refusals import NotFound, Refusal
from members.models import Channel, Member, Tier
from members.selectors import (
    entry_words,
    member_entries,
    member_page,
    points_coming,
    saved_views,
    tier_explained,
    timeline,
)
from members.selectors import members as selectors
from members.selectors import rules as rules_of
from members.selectors import tags as tags_of
from members.selectors.members import PER_PAGE, SORTS, MemberFilter
from members.services import members as services
from members.services.audit import Actor
from members.web import adjust_forms, entry_acts, gates, member_sections, timeline_words
from members.web.forms import asked
from members.web.htmx import wants_piece
from members.web.request import StaffRequest

ENTRIES_PER_PAGE = 20
HAPPENED_SHOWN = 10  # the latest lines of the timeline
REVEALERS = gates.WRITERS
SORT_LABELS = {"newest": _("Newest first"), "oldest": _("Oldest first"), "points": _("Most points first")}

SEARCHED = {
    "tail": _("last four digits of the phone"),
    "name": _("name or part of it"),
    "phone": _("whole phone number"),
    "id": _("customer id or card number"),
}


class MemberFilters(forms.Form):
    """Filters that live in the address."""

    tier = forms.ChoiceField(label=_("Tier"), required=False)
    channel = forms.ChoiceField(
        label=_("Channel"), choices=[("", _("All channels")), *Channel.choices], required=False
    )
    sort = forms.ChoiceField(
        label=_("Sorting"), choices=[(name, SORT_LABELS[name]) for name in SORTS], required=False
    )

    def __init__(self, *args: Any, tiers: list[Tier], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["tier"]).choices = [
            ("", _("All tiers")),
            *((tier.code, str(tier)) for tier in tiers),
        ]


class RevealForm(forms.Form):
    """Why somebody looks at a phone number."""

    reason = forms.CharField(
        label=_("Why do you need it?"),
        max_length=200,
        help_text=_("Kept in the audit log with your name and the time."),
        error_messages={"required": _("Say why you need the number; the reason goes into the audit log.")},
    )


def _ladder(request: StaffRequest, at: Any) -> tuple[list[Tier], Tier | None]:
    """The program's tiers in ladder order, and the lowest. Two queries."""
    version = rules_of.version_at(merchant_id=request.merchant.pk, at=at)
    known = {tier.pk: tier for tier in Tier.objects.of(request.merchant.pk)}
    tiers = [known[rung["tier"]] for rung in version.ladder] if version else []
    return tiers, tiers[0] if tiers else None


def _address(text: str, chosen: dict[str, str]) -> str:
    """The list's address with what is chosen, without what is left at its default."""
    parameters = {"q": text, **chosen}
    if parameters.get("sort") == SORTS[0]:
        del parameters["sort"]
    query = urlencode({name: value for name, value in parameters.items() if value})
    return reverse("members:members_list") + (f"?{query}" if query else "")


def filters_of(request: StaffRequest) -> tuple[list[Tier], Tier | None, MemberFilters, MemberFilter]:
    """The ladder, its lowest tier, the filters of the address, and whom they mean. Two queries."""
    tiers, base = _ladder(request, timezone.now())
    filters = MemberFilters(request.GET or None, tiers=tiers)
    filters.is_valid()
    chosen = filters.cleaned_data if filters.is_bound else {}
    tier = {tier.code: tier for tier in tiers}.get(chosen.get("tier", ""))
    wanted = MemberFilter(
        search=asked(request),
        tier_id=tier.pk if tier else None,
        channel=chosen.get("channel", ""),
        sort=chosen.get("sort") or SORTS[0],
    )
    return tiers, base, filters, wanted


@gates.staff(read=gates.READERS, function="members")
@require_GET
def members_list(request: StaffRequest) -> HttpResponse:
    """Members, fifty a page. The number of queries does not depend on how many there are."""
    tiers, base, filters, wanted = filters_of(request)
    chosen = filters.cleaned_data if filters.is_bound else {}
    found = selectors.listed(merchant=request.merchant, wanted=wanted, base_tier_id=base.pk if base else None)
    shown: Any = found
    if wanted.sort == "points":
        shown = selectors.ByPoints(request.merchant, found, is_narrow=wanted.is_narrow)
    page = Paginator(shown, PER_PAGE).get_page(request.GET.get("page"))
    rows = selectors.rows_of(merchant=request.merchant, members=list(page.object_list))
    names = {tier.pk: str(tier) for tier in tiers}
    context = {
        "filters": filters,
        "q": wanted.search,
        "searched": [
            SEARCHED[one] for one in selectors.searched(merchant=request.merchant, text=wanted.search.strip())
        ],
        "page_obj": page,
        "rows": [(row, names.get(row.tier_id or 0) or (str(base) if base else "")) for row in rows],
        "is_narrow": wanted.is_narrow,
        "program": request.program,
        "query": _address(wanted.search, chosen).partition("?")[2],
        "pairs": [(name, value) for name, value in {"q": wanted.search, **chosen}.items() if value],
        "views": saved_views.of(merchant_id=request.merchant.pk, user_id=request.user.pk),
        "may_share": request.staff.role in gates.WRITERS,
    }
    if not wants_piece(request):
        return render(request, "members/members/list.html", context)
    response = render(request, "members/members/_list.html", context | {"is_piece": True})
    response["HX-Push-Url"] = _address(wanted.search, chosen)
    return response


def member_of(request: StaffRequest, member_id: str) -> Member:
    """The member of an address. Raises Http404 for nobody's and for another merchant's."""
    member = selectors.by_public_id(merchant_id=request.merchant.pk, public_id=member_id)
    if member is None:
        raise Http404
    return member


def _title(member: Member, phone: str, identities: list[Any]) -> dict[str, str]:
    """What the page is headed by: the number, else the name, else how a channel knows the member."""
    return {"phone": phone, "name": member.name, "identity": identities[0].external_id if identities else ""}


def _ledger(request: StaffRequest, member: Member, **forms: Any) -> dict[str, Any]:
    """The entries of a page of the ledger, one of them opened, with what can be done about it."""
    found = member_entries.entries(merchant=request.merchant, member_id=member.pk)
    page = Paginator(found, ENTRIES_PER_PAGE).get_page(request.GET.get("entries"))
    why, sentences = entry_words.opened(
        request.merchant, member.pk, entry_acts.asked_for(asked(request, "why"), **forms)
    )
    rows = [
        {
            "entry": entry,
            "words": entry_words.describe(entry),
            "level": entry_words.CHIPS.get(entry.kind, "neutral"),
            "is_open": why is not None and why.entry.sequence == entry.sequence,
        }
        for entry in page.object_list
    ]
    return {
        "entries": rows,
        "entries_page": page,
        "why": why,
        "sentences": sentences,
        "acts": entry_acts.acts(request, why, **forms),
        "csv_url": f"{reverse('members:ledger_csv')}?{urlencode({'q': member.public_id})}",
        "member": member,
    }


def show_member(
    request: StaffRequest,
    member: Member,
    *,
    reveal_form: RevealForm | None = None,
    revealed: str = "",
    adjust_form: adjust_forms.AdjustForm | None = None,
    status: int = 200,
    **entry_forms: Any,
) -> HttpResponse:
    """The page of a member, with the forms that somebody filled in."""
    at = timezone.now()
    merchant = request.merchant
    identities = selectors.identities_of(merchant_id=merchant.pk, member_id=member.pk)
    phone = national(member.phone, region_of(merchant.currency)) if member.phone_index is not None else ""
    card = member_page.points_card(merchant=merchant, member_id=member.pk)
    version = rules_of.version_at(merchant_id=merchant.pk, at=at)
    form = adjust_form or adjust_forms.AdjustForm()
    context = {
        **_ledger(request, member, **entry_forms),
        "title": _title(member, phone, identities),
        "identities": identities,
        "address": member.email if member.email_index is not None else "",
        "progress": member_page.progress(merchant=merchant, member=member, at=at),
        "points": card,
        "points_value": card.value_minor(version.point_cost if version else None),
        "coming": points_coming.coming(merchant=merchant, member=member, at=at),
        "orders": member_page.orders_of(merchant=merchant, member_id=member.pk, at=at),
        "explained": tier_explained.explained(merchant=merchant, member=member, at=at),
        "may_set_tier": request.staff.role in gates.MANAGERS,
        "tags": tags_of.of_member(merchant_id=merchant.pk, member_id=member.pk),
        "may_tag": request.staff.role in gates.WRITERS,
        "moves": member_page.moves_of(merchant=merchant, member_id=member.pk),
        "happened": timeline_words.rows(
            timeline.page(merchant=merchant, member=member, size=HAPPENED_SHOWN).lines,
            timeline_words.Reader(merchant, member),
        ),
        "may_reveal": request.staff.role in REVEALERS,
        "may_adjust": adjust_form is not None or entry_acts.may_move(request),
        "adjust_form": form,
        "adjust_limit": version.adjust_limit if version else None,
        "outcome": adjust_forms.outcome(form, card, version, merchant_day(at, merchant.zone)),
        "reveal_form": reveal_form or RevealForm(),
        "revealed": revealed,
        "sections": member_sections.sections_of(request, member),
    }
    return render(request, "members/members/page.html", context, status=status)


@gates.staff(read=gates.READERS, function="members")
@require_GET
def members_page(request: StaffRequest, member_id: str) -> HttpResponse:
    """One member; asked by htmx, the ledger alone."""
    member = member_of(request, member_id)
    if wants_piece(request):
        return render(request, "members/members/_ledger.html", _ledger(request, member))
    return show_member(request, member)


@gates.staff(read=gates.READERS, write=REVEALERS, function="members")
@never_cache
def members_phone(request: StaffRequest, member_id: str) -> HttpResponse:
    """Show a member's whole number, once, with a reason that is logged."""
    member = member_of(request, member_id)
    if request.method != "POST":
        return redirect("members:members_page", member_id=member.public_id)
    form = RevealForm(request.POST)
    if not form.is_valid():
        return show_member(request, member, reveal_form=form, status=422)
    try:
        number = services.reveal_phone(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            public_id=member.public_id,
            reason=form.cleaned_data["reason"],
        )
    except NotFound as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        form.add_error(None, refusal.detail)
        status = 429 if isinstance(refusal, services.TooManyReveals) else 422
        return show_member(request, member, reveal_form=form, status=status)
    shown = national(number, region_of(request.merchant.currency)) if number else ""
    return show_member(request, member, revealed=shown)
