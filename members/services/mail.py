"""E-mails to people, each in the language its receiver reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import translation

from members.lib import tenant as tenancy
from members.models import Merchant, OutboxRow, User
from members.services import outbox

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
    return compose(to=payload["to"], template=payload["template"], context=context, language=language).send
