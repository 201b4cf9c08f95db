"""Sign-in through allauth: where people land, the language of e-mails, what happens after too many tries."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.core.exceptions import ImmediateHttpResponse
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from members.models import User
from members.selectors import access
from members.services import mail
from members.web import errors
from members.web.preferences import YEAR

FAILED_LOGINS_PAUSE = 300  # seconds; the window of the limit on failed sign-ins in settings


class AccountAdapter(DefaultAccountAdapter):
    """Our choices in allauth's flows."""

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Home; a platform admin without a shop goes to the platform's administration."""
        if request.user.is_staff and not access.memberships(user=request.user):
            return "/platform/"
        return str(settings.LOGIN_REDIRECT_URL)

    def login(self, request: HttpRequest, user: Any) -> None:
        """Sign in; nobody inherits a demo's spared second factor or another person's chosen shop."""
        super().login(request, user)
        request.session.pop("second_factor_spared", None)

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        """Go on in the language the person has chosen."""
        response = super().post_login(request, user, **kwargs)
        remember_language(response, user.language)
        return response

    def respond_email_verification_sent(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Ask for the code in the language chosen at sign-up."""
        response = super().respond_email_verification_sent(request, user)
        remember_language(response, user.language if user else "")
        return response

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Too many failed tries end in the page that says when to try again."""
        try:
            super().pre_authenticate(request, **credentials)
        except forms.ValidationError:
            refused = errors.too_many_requests(request, retry_after=FAILED_LOGINS_PAUSE)
            raise ImmediateHttpResponse(refused) from None

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write in the receiver's language and under the product's name."""
        user = context.get("user")
        if user is None:
            user = User.objects.filter(email=email.lower()).first()
        language = getattr(user, "language", "")
        request = allauth_context.request
        site = SimpleNamespace(
            name=settings.PRODUCT, domain=request.get_host() if request else settings.SITE_URL
        )
        chosen = (
            language if language in mail.LANGUAGES else translation.get_language() or settings.LANGUAGE_CODE
        )
        with translation.override(chosen):
            values = {"email": email, "request": request, **context, "current_site": site}
            self.render_mail(template_prefix, email, values).send()

    def format_email_subject(self, subject: str) -> str:
        """No prefix of a site's name: the sender says it."""
        return str(subject)

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Say what changed; signing in and out needs no message."""
        template = args[0] if args else kwargs.get("message_template") or ""
        if level == messages.SUCCESS and template in (
            "account/messages/logged_in.txt",
            "account/messages/logged_out.txt",
        ):
            return
        super().add_message(request, level, *args, **kwargs)


def remember_language(response: HttpResponse, language: str) -> None:
    """Keep a person's language in the cookie that decides it, also on a device they never used before."""
    if language in mail.LANGUAGES:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, language, max_age=YEAR, samesite="Lax", secure=settings.HTTPS
        )
