"""Sign-up and sign-in through allauth."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django import forms


class SignUpForm(forms.Form):
    """What allauth's sign-up form asks besides e-mail and password."""

    def signup(self, request, user):
        """Nothing yet."""


class AccountAdapter(DefaultAccountAdapter):
    """Our choices."""
