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


class EmailForm(forms.Form):
    """The address and the consent. What is stored is not shown, so an empty field leaves it."""

    email = forms.CharField(
        label=gettext_lazy("New e-mail address"),
        required=False,
        max_length=member_emails.LONGEST,
        help_text=gettext_lazy("Leave it empty to keep the address that is stored."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    remove = forms.BooleanField(label=gettext_lazy("Take the address away"), required=False)
    email_consent = forms.BooleanField(
        label=gettext_lazy("The member agreed to e-mails"),
        required=False,
        help_text=gettext_lazy("Apart from joining, and for this address. Without it nothing is sent."),
    )
    email_consent_source = forms.CharField(
        label=gettext_lazy("Where does this consent come from?"),
        required=False,
        max_length=member_emails.LONGEST_SOURCE,
        help_text=gettext_lazy("For example a form the member signed, with its date."),
    )

    def changes(self, member: Member) -> dict[str, Any]:
        """What the service is told."""
        data = self.cleaned_data
        told: dict[str, Any] = {"email_consent_source": data["email_consent_source"]}
        if data["remove"] or data["email"].strip():
            told["email"] = "" if data["remove"] else data["email"]
        if data["remove"]:
            return told
        if data["email_consent"] or member.email_consent_at is not None:
            told["email_consent"] = data["email_consent"]
        return told


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS, function="members")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def members_email(request: StaffRequest, member_id: str) -> HttpResponse:
    """Change a member's address or consent; the address stored stands masked beside the form."""
    member = member_of(request, member_id)
    initial = {
        "email_consent": member.email_consent_at is not None,
        "email_consent_source": member.email_consent_source if member.email_consent_at else "",
    }
    form = EmailForm(request.POST or None, initial=initial)
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
            **form.changes(member),
        )
    except NotFound as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
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
        slug, public_id = member_emails.read_token(token)
    except NotFound as refusal:
        raise Http404 from refusal
    merchant = Merchant.objects.filter(slug=slug).first()
    if merchant is None:
        raise Http404
    with tenancy.tenant(merchant.pk):
        if request.method == "POST":
            try:
                member_emails.stop(merchant_id=merchant.pk, public_id=public_id, at=timezone.now())
            except NotFound as refusal:
                raise Http404 from refusal
        member = selectors.by_public_id(merchant_id=merchant.pk, public_id=public_id)
        if member is None:
            raise Http404
        context = {
            "shop": merchant.name,
            "address": member.email if member.email_index is not None else "",
            "is_stopped": not member_emails.may_write_to(member),
        }
        return render(request, "members/members/email_stop.html", context)
