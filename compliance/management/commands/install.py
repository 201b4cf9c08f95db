"""`manage.py install`: the platform begins, with its first policy. Running it again changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from compliance.services import installation
from members.management import base


class Command(base.Command):
    """Records the platform's first instant; runs before it do not exist."""

    help = "Record that the platform begins, with its first clearance policy. Idempotent."

    def work(self, *, at: dt.datetime, **_: Any) -> Mapping[str, Any]:
        """JSON: installed_at."""
        with transaction.atomic():
            return {"installed_at": installation.install(at=at).installed_at.isoformat()}
