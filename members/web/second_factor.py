"""The second factor: required on the platform, kept sealed, spared for demo accounts."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from members.lib.crypto import keyring

SPARED = "second_factor_spared"  # session key, set by the demo's sign-in
NO_MERCHANT = 0  # secrets of people are bound to no shop


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of authenticator apps are sealed like other personal data."""

    def encrypt(self, text: str) -> str:
        """Seal a secret."""
        return base64.b64encode(keyring().seal(NO_MERCHANT, text)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Open a sealed secret."""
        return keyring().open(NO_MERCHANT, base64.b64decode(encrypted_text))


def is_spared(request: HttpRequest) -> bool:
    """Whether this session signed in through the demo's one-click door; never outside a demo."""
    return bool(settings.DEMO and request.session.get(SPARED))


def has_given_second_factor(request: HttpRequest) -> bool:
    """Whether this session has shown a code of an authenticator app, or a recovery code."""
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user))


def requires_second_factor(request: HttpRequest) -> HttpResponse | None:
    """What a platform page answers instead of itself; None lets the admin in.

    Nobody: sign in. Not an admin: 403. An admin without an authenticator app: set it up. One who has not shown a
    code in this session: show it.
    """
    here = urlencode({"next": request.get_full_path()})
    user = request.user
    if not user.is_authenticated:
        return HttpResponseRedirect(f"{reverse(settings.LOGIN_URL)}?{here}")
    if not (user.is_staff and user.is_active):
        return render(request, "403.html", status=403)
    if is_spared(request):
        return None
    if not is_mfa_enabled(user, [Authenticator.Type.TOTP]):
        messages.warning(
            request, _("The platform's administration needs two-step sign-in. Set it up to go on.")
        )
        return HttpResponseRedirect(f"{reverse('mfa_activate_totp')}?{here}")
    if not has_given_second_factor(request):
        return HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{here}")
    return None
