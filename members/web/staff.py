"""Staff of a shop: the list, invitations, roles; and the page where an invited person comes in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from members.lib.refusals import NotFound, Refusal
from members.models import Invitation, Role, User
from members.selectors import staff as selectors
from members.services import people, staff
from members.web import gates
from members.web.forms import LanguageField, OnceField, add_refusal, answer, offer
from members.web.request import StaffRequest

# What each role may do, in words, where a role is chosen.
ROLE_NOTES = {
    Role.OWNER: gettext_lazy("Everything, other owners included"),
    Role.MANAGER: gettext_lazy("Everything except owners and managers"),
    Role.OPERATOR: gettext_lazy("Members, benefits, tiers, points and outreach; no staff, no keys"),
    Role.CASHIER: gettext_lazy("Redeems members' codes at the till, sees nothing else"),
    Role.ANALYST: gettext_lazy("Reads everything, changes nothing"),
}


def role_choices(by: str, *, notes: bool = True) -> list[tuple[str, str]]:
    """The roles that someone of the role `by` gives, highest first."""
    given = [role for role in selectors.IN_ORDER if role in staff.may_give(by)]
    if not notes:
        return [(role.value, str(role.label)) for role in given]
    return [
        (
            role.value,
            _("%(role)s: %(note)s") % {"role": role.label, "note": ROLE_NOTES[role]},
        )
        for role in given
    ]


class InviteForm(forms.Form):
    """Whom to invite, as what."""

    once = OnceField()
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, by: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "role", role_choices(by))


class JoinForm(forms.Form):
    """What an invited person without an account gives; the address is the invitation's."""

    name = forms.CharField(
        label=gettext_lazy("Your name"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label=gettext_lazy("Choose a password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    language = LanguageField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = password_validators_help_text_html()


@gates.staff(read=gates.MANAGERS)
def staff_list(request: StaffRequest) -> HttpResponse:
    """Who works here, and which invitations are out."""
    at = timezone.now()
    gives = staff.may_give(request.staff.role)
    team = [
        {
            "row": row,
            "is_me": row.pk == request.staff.pk,
            "can_change": row.role in gives,
            "can_remove": row.role in gives or row.pk == request.staff.pk,
        }
        for row in selectors.team(merchant_id=request.merchant.pk)
    ]
    invitations = [
        {"row": row, "state": staff.state(row, at), "can_change": row.role in gives}
        for row in selectors.invitations(merchant_id=request.merchant.pk, at=at)
    ]
    context = {
        "team": team,
        "invitations": invitations,
        "roles": role_choices(request.staff.role, notes=False),
    }
    return render(request, "members/staff/list.html", context)


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
def staff_invite(request: StaffRequest) -> HttpResponse:
    """Invite somebody by e-mail."""
    form = InviteForm(request.POST or None, by=request.staff.role, initial={"role": Role.OPERATOR})
    if request.method == "POST" and form.is_valid():
        try:
            invitation = staff.invite(
                merchant=request.merchant,
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                by=request.user,
                at=timezone.now(),
                public_id=form.cleaned_data["once"],
            )
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(
                request, _("The invitation is on its way to %(email)s.") % {"email": invitation.email}
            )
            return redirect("members:staff_list")
    return answer(request, "members/staff/invite.html", {"form": form}, form)


def _do(request: StaffRequest, service: Any, done: Any, **arguments: Any) -> HttpResponse:
    """Call a service for one row and go back to the list with what became of it."""
    try:
        result = service(merchant_id=request.merchant.pk, by=request.user, at=timezone.now(), **arguments)
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, done(result))
    return redirect("members:staff_list")


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
def staff_change(request: StaffRequest, staff_id: str) -> HttpResponse:
    """Give a person another role."""
    row = selectors.member_of_team(merchant_id=request.merchant.pk, staff_id=staff_id)
    if row is None:
        raise Http404
    if request.method == "POST":
        return _do(
            request,
            staff.change_role,
            lambda row: (
                _("%(person)s is now %(role)s.") % {"person": row.user, "role": row.get_role_display()}
            ),
            staff_id=staff_id,
            role=request.POST.get("role", ""),
        )
    return render(
        request,
        "members/staff/change.html",
        {
            "row": row,
            "roles": role_choices(request.staff.role)
            if row.role in staff.may_give(request.staff.role)
            else [],
        },
    )


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
@require_POST
def staff_remove(request: StaffRequest, staff_id: str) -> HttpResponse:
    """End a person's work for the shop."""
    response = _do(
        request,
        staff.remove,
        lambda row: _("%(person)s no longer works for this shop.") % {"person": row.user},
        staff_id=staff_id,
    )
    return HttpResponseRedirect("/") if staff_id == request.staff.public_id else response


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
@require_POST
def staff_invitation_resend(request: StaffRequest, invitation_id: str) -> HttpResponse:
    """Send an invitation again, with a new link."""
    return _do(
        request,
        staff.resend,
        lambda row: _("The invitation is on its way to %(email)s.") % {"email": row.email},
        invitation_id=invitation_id,
    )


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
@require_POST
def staff_invitation_revoke(request: StaffRequest, invitation_id: str) -> HttpResponse:
    """Take an invitation back."""
    return _do(
        request,
        staff.revoke,
        lambda row: _("The invitation to %(email)s was taken back.") % {"email": row.email},
        invitation_id=invitation_id,
    )


@gates.public()
@never_cache
@sensitive_post_parameters("password")
def invitation_accept(request: HttpRequest, token: str) -> HttpResponse:
    """Where the link of an invitation leads: sign in or make an account, then come in."""
    invitation = selectors.invitation_of(token=token)
    if invitation is None:
        raise Http404
    state = staff.state(invitation, timezone.now())
    context: dict[str, Any] = {"invitation": invitation, "state": state, "form": None}
    if state != "open":
        return render(request, "members/staff/accept.html", context, status=410)
    context["mine"] = request.user.is_authenticated and request.user.email.lower() == invitation.email
    context["has_account"] = User.objects.filter(email=invitation.email).exists()
    if request.user.is_authenticated:
        if request.method == "POST":
            return _come_in(request, request.user, token, context)
    elif not context["has_account"]:
        form = JoinForm(
            request.POST or None, initial={"language": invitation.merchant.language or get_language()}
        )
        context["form"] = form
        if (
            request.method == "POST"
            and form.is_valid()
            and (user := _make_account(request, invitation, form))
        ):
            return _come_in(request, user, token, context)
    return answer(request, "members/staff/accept.html", context, *filter(None, [context["form"]]))


def _make_account(request: HttpRequest, invitation: Invitation, form: JoinForm) -> User | None:
    """Make the invited person's account (the link proves the address) and sign in; None with the form in error."""
    try:
        user = people.create_person(
            email=invitation.email,
            password=form.cleaned_data["password"],
            name=form.cleaned_data["name"],
            language=form.cleaned_data["language"],
        )
    except Refusal as refusal:
        add_refusal(form, refusal)
        return None
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return user


def _come_in(request: HttpRequest, user: User, token: str, context: dict[str, Any]) -> HttpResponse:
    try:
        row = staff.accept(token=token, user=user, at=timezone.now())
    except Refusal as refusal:
        context["refusal"] = refusal.detail
        return render(request, "members/staff/accept.html", context, status=422)
    request.session["merchant_id"] = row.merchant_id
    messages.success(request, _("Welcome to %(shop)s.") % {"shop": context["invitation"].merchant.name})
    return HttpResponseRedirect("/")
