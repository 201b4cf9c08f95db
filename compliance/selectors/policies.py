"""The clearance policy's versions, as the pure rules read them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext_lazy as _

from benefits.lib.usefulness import CHANNEL
from compliance.lib.policy import Policy as Settings
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


def counts(table: str = "", *, suffix: str = "") -> str:
    """In SQL, with the parameters of `counting`: whether a row of coverage, or a benefit, counts under a policy.

    table: its name there with the point; suffix: of the parameters' names.
    """
    return (
        f"{table}kind <> all(%(uncounted{suffix})s::text[]) and {table}doubts & %(refused{suffix})s = 0 "
        f"and ({table}doubts & {CHANNEL} = 0 or {table}doubts & %(counted{suffix})s <> 0)"
    )


def counting(policy: Settings) -> dict[str, Any]:
    """The parameters of `counts`: kinds and doubts that do not count, and the channels that do."""
    return {
        "uncounted": sorted(policy.uncounted_kinds),
        "refused": policy.refused_doubts & ~CHANNEL,
        "counted": ~policy.refused_doubts & CHANNEL,
    }


def refused_doubts(at: dt.datetime) -> int:
    """What keeps a benefit from counting at an instant (`benefits.lib.usefulness.refused_part`); nothing before the
    platform is installed. One query."""
    found = rows()
    return PolicyHistory(row.version for row in found).at(at).policy.refused_doubts if found else 0
