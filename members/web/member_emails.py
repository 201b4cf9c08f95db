"""A member's e-mail address and consent, for managers; and where the link in an e-mail stops them, for anyone."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from members.lib import tenant as tenancy
from members.lib.refusals import NotFound, Refusal
from members.models import Member, Merchant
from members.selectors import members as selectors
from members.services import member_emails, members
from members.services.audit import Actor
from members.web import gates
from members.web.forms import add_refusal, answer
from members.web.members import member_of
from members.web.request import StaffRequest

NEW = {"email_consent": "new_consent", "email_consent_source": "new_consent_source"}


def _source_field() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Where does this consent come from?"),
        required=False,
        max_length=member_emails.LONGEST_SOURCE,
        help_text=gettext_lazy("For example a form the member signed, with its date."),
    )


class EmailForm(forms.Form):
    """The address and the consent, which is to one address: a new one has a box of its own, never ticked beforehand.

    What is stored is not shown, so an empty field leaves it. `consent_seen` is what the page showed when it was opened.
    """

    email_consent = forms.BooleanField(
        label=gettext_lazy("The member agreed to e-mails"),
        required=False,
        help_text=gettext_lazy("Apart from joining, and for this address. Without it nothing is sent."),
    )
    email_consent_source = _source_field()
    email = forms.CharField(
        label=gettext_lazy("New e-mail address"),
        required=False,
        max_length=member_emails.LONGEST,
        help_text=gettext_lazy("Leave it empty to keep the address that is stored."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    new_consent = forms.BooleanField(
        label=gettext_lazy("The member agreed to e-mails to the new address"),
        required=False,
        help_text=gettext_lazy("A consent given for another address does not count for this one."),
    )
    new_consent_source = _source_field()
    remove = forms.BooleanField(label=gettext_lazy("Take the address away"), required=False)
    consent_seen = forms.CharField(max_length=80, widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any, *, member: Member) -> None:
        self.member = member
        agreed = member.email_consent_at is not None
        initial = {
            "email_consent": agreed,
            "email_consent_source": member.email_consent_source if agreed else "",
            "consent_seen": member_emails.consent_mark(member),
        }
        super().__init__(data, initial=initial)
        if member.email_index is None:
            for name in ("email_consent", "email_consent_source", "remove"):
                del self.fields[name]

    @property
    def is_new(self) -> bool:
        """Whether another address than the stored one was typed, or a consent to what was typed."""
        typed = self.cleaned_data["email"].strip()
        address = member_emails.address_or_none(typed)
        is_another = bool(typed) and (not address or address != self.member.email)
        return is_another or self.cleaned_data["new_consent"]

    def clean(self) -> dict[str, Any]:
        """A consent to a new address needs that address."""
        data = self.cleaned_data
        if data.get("new_consent") and not data.get("email", "").strip() and "email" not in self.errors:
            self.add_error("email", _("Write the address that the member agreed to."))
        return data

    def changes(self) -> dict[str, Any]:
        """What the service is told. A consent is told only where its box was not ticked when it was shown."""
        data = self.cleaned_data
        told: dict[str, Any] = {"email_consent_seen": data["consent_seen"]}
        if data.get("remove"):
            return told | {"email": ""}
        if self.is_new:
            told["email"] = data["email"]
            if data["new_consent"]:
                told |= {"email_consent": True, "email_consent_source": data["new_consent_source"]}
            return told
        if "email_consent" in data and data["email_consent"] != self.initial["email_consent"]:
            told["email_consent"] = data["email_consent"]
            told["email_consent_source"] = data["email_consent_source"]
        return told


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS, function="members")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def members_email(request: StaffRequest, member_id: str) -> HttpResponse:
    """Change a member's address or consent; the address stored stands masked beside the form."""
    member = member_of(request, member_id)
    form = EmailForm(request.POST or None, member=member)
    if request.method == "POST" and form.is_valid() and _done(request, member, form):
        return redirect("members:members_page", member.public_id)
    context = {
        "member": member,
        "form": form,
        "address": member.email if member.email_index is not None else "",
    }
    return answer(request, "members/members/email.html", context, form)


def _done(request: StaffRequest, member: Member, form: EmailForm) -> bool:
    try:
        members.change(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            public_id=member.public_id,
            **form.changes(),
        )
    except NotFound as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        if form.is_new:  # the service knows one consent, the page one of each address
            refusal.errors = {NEW.get(name, name): problem for name, problem in refusal.errors.items()}
        add_refusal(form, refusal)
        return False
    messages.success(request, _("The member's e-mail is saved."))
    return True


@gates.public()
@csrf_exempt  # a mailbox posts it for its user (RFC 8058); the signed link is the proof
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def email_stop(request: HttpRequest, token: str) -> HttpResponse:
    """Stop a member's e-mails. Looking changes nothing: mail scanners open every link."""
    try:
        link = member_emails.read_token(token)
    except NotFound as refusal:
        raise Http404 from refusal
    merchant = Merchant.objects.filter(slug=link.slug).first()
    if merchant is None:
        raise Http404
    with tenancy.tenant(merchant.pk):
        if request.method == "POST":
            try:
                member_emails.stop(merchant_id=merchant.pk, link=link, at=timezone.now())
            except NotFound as refusal:
                raise Http404 from refusal
        member = selectors.by_public_id(merchant_id=merchant.pk, public_id=link.public_id)
        if member is None:
            raise Http404
        is_stopped = not member_emails.stops(member, link)
        context = {
            "shop": merchant.name,
            "address": "" if is_stopped else member.email,
            "is_stopped": is_stopped,
        }
        return render(request, "members/members/email_stop.html", context)
