"""Merchants come to be: with a program in draft, an owner, their first store."""

from __future__ import annotations

import datetime as dt
import re

from babel.core import get_global
from django.utils.translation import gettext_lazy as _

from members.lib import tenant as tenancy
from members.lib.fields import opaque_id
from members.lib.periods import is_zone
from members.lib.refusals import Invalid
from members.models import Merchant, Program, Role, Staff, Store, User
from members.services import audit, rules
from members.services.audit import Actor

LONGEST_NAME = 80


def slug_for(name: str) -> str:
    """A short name from a name; a random one where nothing of it is Latin. Unique."""
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32] or f"shop-{opaque_id(6)}"
    slug = base
    while Merchant.objects.filter(slug=slug).exists():
        slug = f"{base}-{opaque_id(4)}"
    return slug


def create_merchant(
    *,
    name: str,
    owner: User | None,
    at: dt.datetime,
    actor: Actor,
    slug: str = "",
    timezone: str = "Asia/Shanghai",
    currency: str = "CNY",
    language: str = "zh-hans",
    pending_days: int = 0,
) -> Merchant:
    """Make a merchant with a draft program and one web store; `owner` becomes its owner.

    `pending_days` is how long points of its orders wait until the merchant says otherwise. Raises Invalid for a name
    that is empty or too long, an unknown zone or an unknown currency.
    """
    name = name.strip()
    if not name:
        raise Invalid(_("Give the shop a name."), errors={"name": _("Give the shop a name.")})
    if len(name) > LONGEST_NAME:
        problem = _("A shop's name has at most %(most)s characters.") % {"most": LONGEST_NAME}
        raise Invalid(problem, errors={"name": problem})
    if not is_zone(timezone):
        raise Invalid(_("There is no time zone “%(zone)s”.") % {"zone": timezone})
    if currency not in get_global("all_currencies"):
        raise Invalid(_("There is no currency “%(currency)s”.") % {"currency": currency})
    merchant = Merchant.objects.create(
        slug=slug or slug_for(name),
        name=name,
        timezone=timezone,
        currency=currency,
        language=language,
        created_at=at,
    )
    with tenancy.tenant(merchant.pk):
        if owner is not None:
            Staff.objects.create(merchant=merchant, user=owner, role=Role.OWNER, joined_at=at)
        Program.objects.create(merchant=merchant, name=name, created_at=at)
        rules.new_version(merchant_id=merchant.pk, at=at, actor=actor, values={"pending_days": pending_days})
        Store.objects.create(merchant=merchant, code="web", name=name, channel="web")
        audit.record(
            merchant_id=merchant.pk,
            at=at,
            actor=actor,
            action="merchant.created",
            subject=("merchant", merchant.slug),
            label=name,
        )
    return merchant
