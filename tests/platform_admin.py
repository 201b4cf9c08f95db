"""Entering the platform's administration in tests: an admin who has set up and given a second factor."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.internal.userkit import user_id_to_str
from allauth.mfa.models import Authenticator
from django.db import transaction

from members.lib import tenant as tenancy
from members.models import User


def enter(client: Any, admin: User) -> Any:
    """Sign an admin in with a second factor given; returns the client."""
    with tenancy.platform(), transaction.atomic():
        Authenticator.objects.get_or_create(user=admin, type="totp", defaults={"data": {"secret": "sealed"}})
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session["account_authentication_methods_user"] = user_id_to_str(admin)
    session["account_authentication_methods"] = [{"method": "mfa", "type": "totp", "at": time.time()}]
    with tenancy.visitor(), transaction.atomic():
        session.save()
    client.cookies["django_language"] = "en"
    return client
