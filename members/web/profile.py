"""The person looking: their name and language."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from members.web import gates
from members.web.accounts import remember_language
from members.web.forms import LanguageField, answer
from members.web.request import StaffRequest


class ProfileForm(forms.Form):
    """How the person is called, and what they read."""

    name = forms.CharField(
        label=gettext_lazy("Your name"),
        max_length=80,
        required=False,
        help_text=gettext_lazy("Your colleagues and the audit log see it."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    language = LanguageField(
        label=gettext_lazy("Language"),
        help_text=gettext_lazy("Of these pages and of e-mails to you."),
        widget=forms.RadioSelect,
    )


@gates.staff(read=gates.EVERYONE, write=gates.EVERYONE)
def profile_edit(request: StaffRequest) -> HttpResponse:
    """Change one's own name and language."""
    user = request.user
    form = ProfileForm(request.POST or None, initial={"name": user.name, "language": get_language()})
    if request.method == "POST" and form.is_valid():
        user.name, user.language = form.cleaned_data["name"].strip(), form.cleaned_data["language"]
        user.save(update_fields=["name", "language"])
        with translation.override(user.language):
            messages.success(request, _("The settings are saved."))
        response = redirect("members:profile_edit")
        remember_language(response, user.language)
        return response
    return answer(request, "members/profile/edit.html", {"form": form}, form)
