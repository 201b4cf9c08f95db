"""Make a merchant with its owner and a first API key."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.scopes import Scope
from members.management import base
from members.models import User
from members.services import api_keys, merchants, people
from members.services.audit import Actor


class Command(base.Command):
    """`create_merchant NAME --owner EMAIL`."""

    help = (
        "Make a merchant, its owner (unless the address has an account) and a first API key with every scope."
    )

    def arguments(self, parser: CommandParser) -> None:
        """Name and owner; zone, currency and language have defaults."""
        parser.add_argument("name", help="the shop's name")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="who owns it")
        parser.add_argument("--timezone", default="Asia/Shanghai")
        parser.add_argument("--currency", default="CNY")
        parser.add_argument("--language", default="zh-hans")

    def work(
        self,
        *,
        at: dt.datetime,
        name: str = "",
        owner: str = "",
        timezone: str = "",
        currency: str = "",
        language: str = "",
        **_: Any,
    ) -> Mapping[str, Any]:
        """JSON: merchant (slug), owner, password (only when an account was made), api_key."""
        actor = Actor.job("create_merchant")
        with transaction.atomic():
            email = people.clean_email(owner)
            person = User.objects.filter(email=email).first()
            password = None
            if person is None:
                password = secrets.token_urlsafe(12)
                person = people.create_person(email=email, password=password, language=language)
            merchant = merchants.create_merchant(
                name=name,
                owner=person,
                at=at,
                actor=actor,
                timezone=timezone,
                currency=currency,
                language=language,
            )
            with tenancy.tenant(merchant.pk):
                _key, secret = api_keys.create_key(
                    merchant_id=merchant.pk, name="First key", scopes=Scope.values, actor=actor, at=at
                )
        made = {"password": password} if password else {}
        return {"merchant": merchant.slug, "owner": person.email, **made, "api_key": secret}

    def summary(self, result: Mapping[str, Any]) -> str:
        """What was made, the secrets marked as shown once."""
        lines = [f"Merchant {result['merchant']} was made; its owner is {result['owner']}."]
        if "password" in result:
            lines.append(f"Password (shown only now): {result['password']}")
        lines.append(f"API key (shown only now): {result['api_key']}")
        return "\n".join(lines)
