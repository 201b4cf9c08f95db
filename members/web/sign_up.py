"""Sign-up: one form makes the person and their shop."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import SignupForm
from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from members.models import User
from members.services import merchants, point_rules
from members.services.audit import Actor
from members.web.forms import LanguageField


class SignUpForm(SignupForm):
    """The shop's name, the owner's address and password, the language of both."""

    field_order = ["shop_name", "email", "password1", "language"]

    shop_name = forms.CharField(
        label=_("Shop name"),
        max_length=80,
        help_text=_("As your customers know it. You can change it later."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    language = LanguageField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].initial = get_language()
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)  # labels are visible

    def clean_shop_name(self) -> str:
        """A name of more than spaces."""
        name = self.cleaned_data["shop_name"].strip()
        if not name:
            raise forms.ValidationError(_("Give the shop a name."))
        return name

    def signup(self, request: HttpRequest, user: User) -> None:
        """The account is made: make its shop, in the same transaction."""
        user.language = self.cleaned_data["language"]
        user.save(update_fields=["language"])
        merchants.create_merchant(
            name=self.cleaned_data["shop_name"],
            owner=user,
            language=user.language,
            at=timezone.now(),
            actor=Actor.person(user),
            pending_days=point_rules.USUAL_PENDING_DAYS,
        )
