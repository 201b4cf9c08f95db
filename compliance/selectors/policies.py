"""The clearance policy's versions, as the pure rules read them."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext_lazy as _

from compliance.lib.policy import PolicyHistory, PolicyVersion
from compliance.models import Policy
from members.lib.refusals import Conflict


def rows() -> list[Policy]:
    """Every version, oldest first."""
    return list(Policy.objects.order_by("number"))


def history() -> PolicyHistory:
    """Every version, coming ones included. One query. Raises Conflict before the platform is installed."""
    found = rows()
    if not found:
        raise Conflict(_("The platform is not installed yet: it has no clearance policy."))
    return PolicyHistory(row.version for row in found)


def current(*, at: dt.datetime) -> PolicyVersion:
    """The version in force at an instant."""
    return history().at(at)


def refused_doubts(at: dt.datetime) -> int:
    """The doubts for which a benefit does not count at an instant; none before the platform is installed. One query."""
    found = rows()
    return PolicyHistory(row.version for row in found).at(at).policy.refused_doubts if found else 0
