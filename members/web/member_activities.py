"""What staff note of a member at the counter: an activity that brings points, and the birthday (domain.md 6)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_http_methods

from members.lib.earning import Earning
from members.lib.refusals import NotFound, Refusal
from members.models import Member
from members.selectors import rules as rules_of
from members.selectors.award_words import EVENTS
from members.selectors.members import birthday_text
from members.services import earning
from members.services import members as members_service
from members.services.audit import Actor
from members.templatetags.fmt import points as points_text
from members.web import gates
from members.web.forms import add_refusal, answer
from members.web.members import member_of
from members.web.request import StaffRequest

COUNTER = ("check_in", "review", "survey")


class ActivityForm(forms.Form):
    """What the member did; only what the program rewards."""

    kind = forms.ChoiceField(label=gettext_lazy("What the member did"), widget=forms.RadioSelect)
    reference = forms.CharField(
        label=gettext_lazy("Which review or survey"),
        max_length=earning.LONGEST_REFERENCE,
        required=False,
        help_text=gettext_lazy("Its own id or name: each brings points once. A check-in needs none."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, kinds: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["kind"]
        choice.choices = [(kind, EVENTS[kind]) for kind in kinds]
        choice.initial = kinds[0] if kinds else ""


class BirthdayForm(forms.Form):
    """Month and day."""

    birthday = forms.CharField(
        label=pgettext_lazy("points", "Birthday"),
        max_length=10,
        required=False,
        help_text=gettext_lazy("Month and day, such as 05-17; no year is kept. Left empty: not known."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


@gates.staff(read=gates.WRITERS, write=gates.WRITERS, function="members")
@require_http_methods(["GET", "HEAD", "POST"])
def members_activity(request: StaffRequest, member_id: str) -> HttpResponse:
    """Two small forms: an activity, and the birthday."""
    at, member = timezone.now(), member_of(request, member_id)
    version = rules_of.version_at(merchant_id=request.merchant.pk, at=at)
    earning_now = Earning.read(version.earning if version else {})
    events = earning_now.events
    kinds = [kind for kind in COUNTER if events.active(kind)]
    if "check_in" not in kinds and any(not rule.is_over(at) for rule in earning_now.check_ins):
        kinds = ["check_in", *kinds]
    is_birthday = "set_birthday" in request.POST
    activity = ActivityForm(None if is_birthday else request.POST or None, kinds=kinds)
    birthday = BirthdayForm(
        request.POST if is_birthday else None, initial={"birthday": birthday_text(member) or ""}
    )
    form: Any = birthday if is_birthday else activity
    if request.method == "POST" and form.is_valid() and _done(request, member, form):
        return redirect("members:members_page", member.public_id)
    context = {
        "member": member,
        "activity": activity,
        "birthday": birthday,
        "kinds": kinds,
        "birthday_points": events.birthday.gives if events.birthday else 0,
    }
    return answer(request, "members/members/activity.html", context, *([form] if request.POST else []))


def _done(request: StaffRequest, member: Member, form: Any) -> bool:
    """Do what a form says and tell of it; False with the reason in the form."""
    who: dict[str, Any] = {
        "merchant_id": request.merchant.pk,
        "at": timezone.now(),
        "actor": Actor.person(request.user),
    }
    data = form.cleaned_data
    try:
        if isinstance(form, BirthdayForm):
            members_service.change(public_id=member.public_id, birthday=data["birthday"].strip(), **who)
            messages.success(request, _("The birthday is saved."))
            return True
        earned = earning.earn(member_id=member.pk, event=data["kind"], reference=data["reference"], **who)
    except NotFound as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        add_refusal(form, refusal)
        return False
    if not earned.is_new:
        messages.warning(request, _("This was noted before, so it brings nothing more."))
    elif earned.trimmed_by:
        told = _("%(points)s of %(wanted)s points are given: the cap per day is reached.")
        values = {"points": points_text(earned.points), "wanted": points_text(earned.wanted)}
        messages.warning(request, told % values)
    else:
        messages.success(request, _("%(points)s points are given.") % {"points": points_text(earned.points)})
    return True
