"""E-mails to people, each in the language its receiver reads."""

from __future__ import annotations

import datetime as dt
import smtplib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import translation

from members.lib import tenant as tenancy
from members.models import Merchant, OutboxRow, User
from members.services import outbox

PERMANENT = 500  # an SMTP code from here on: trying again changes nothing
LANGUAGES = frozenset(code for code, _name in settings.LANGUAGES)


def language_for(*, email: str, merchant: Merchant | None = None) -> str:
    """The language chosen by the person of an address, else the merchant's, else the installation's."""
    chosen = User.objects.filter(email=email.lower()).values_list("language", flat=True).first()
    for language in (chosen, merchant.language if merchant else "", settings.LANGUAGE_CODE):
        if language in LANGUAGES:
            return language
    return settings.LANGUAGE_CODE


def compose(*, to: str, template: str, context: Mapping[str, Any], language: str) -> EmailMessage:
    """A plain message of `<template>_subject.txt` and `<template>_body.txt`, rendered in a language."""
    values = {"site_url": settings.SITE_URL, "product": settings.PRODUCT, **context}
    with translation.override(language):
        subject = " ".join(render_to_string(f"{template}_subject.txt", values).split())
        body = render_to_string(f"{template}_body.txt", values).strip() + "\n"
    return EmailMessage(subject=subject, body=body, from_email=settings.DEFAULT_FROM_EMAIL, to=[to])


class NotSent(Exception):
    """A message was not taken. Names the error's class and code alone: its text often quotes the receiver."""


class RefusedForGood(NotSent):
    """The mail server wants no such message, or knows no such mailbox: asking again changes nothing."""


def deliver(message: EmailMessage) -> None:
    """Send a message. Raises NotSent, which carries nothing of the address: it goes to the log and the outbox."""
    try:
        message.send()
        return
    except Exception as error:  # whatever a backend raises
        code = _code(error)
        is_final = (
            isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) and code >= PERMANENT
        )
        words = f"{type(error).__name__} {code}" if code else type(error).__name__
    # outside the block, so that the first error is not carried along as the context
    raise (RefusedForGood if is_final else NotSent)(words)


def _code(error: Exception) -> int:
    """The mail server's code, the lowest of several receivers; else the system's, 0 for none."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return min((code for code, _text in error.recipients.values()), default=0)
    code = getattr(error, "smtp_code", None) or getattr(error, "errno", None)
    return code if isinstance(code, int) else 0


def leave_email(
    *,
    merchant_id: int,
    key: str,
    to: str,
    template: str,
    context: Mapping[str, Any],
    at: dt.datetime,
    until: dt.datetime | None = None,
) -> OutboxRow | None:
    """Have an e-mail sent after the commit; the same key is left once per merchant. Needs the tenant in scope.

    `context` is JSON; `until` is when the message is stale and no longer sent. Returns None when left before.
    """
    payload = {
        "to": to,
        "template": template,
        "context": dict(context),
        "until": until.isoformat() if until else None,
    }
    return outbox.leave(merchant_id=merchant_id, topic="email", key=key, payload=payload, at=at)


@outbox.handles("email")
def prepare_email(merchant_id: int, payload: dict[str, Any], at: dt.datetime) -> Callable[[], Any] | None:
    """The message of an outbox row; None when it is stale."""
    if payload.get("until") and dt.datetime.fromisoformat(payload["until"]) <= at:
        return None
    merchant = Merchant.objects.get(pk=tenancy.current_merchant_id())
    language = language_for(email=payload["to"], merchant=merchant)
    context = {"merchant_name": merchant.name, **payload["context"]}
    message = compose(to=payload["to"], template=payload["template"], context=context, language=language)
    return partial(deliver, message)
