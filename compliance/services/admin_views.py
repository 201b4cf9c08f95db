"""Filters of the platform's lists that an admin keeps under a name."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from compliance.models import AdminView
from members.lib.refusals import Conflict, Invalid

MOST = 50  # of one admin and list
LONGEST = 600


@transaction.atomic
def save(*, by_id: int, list_name: str, name: str, query: str, at: dt.datetime) -> AdminView:
    """Keep filters under a name; the same name again keeps the newer ones. Works as platform.

    Raises Invalid (no name, an address too long), Conflict when there are too many.
    """
    name = name.replace("\0", "").strip()[:60].strip()
    if not name:
        problem = _("Give the view a name.")
        raise Invalid(problem, errors={"name": problem})
    query = query.replace("\0", "").lstrip("?")
    if len(query) > LONGEST:
        raise Invalid(_("These filters are too long to be kept."))
    own = AdminView.objects.filter(by_id=by_id, list=list_name)
    if own.exclude(name=name).count() >= MOST:
        raise Conflict(_("There are %(most)s saved views already; remove one first.") % {"most": MOST})
    row, _made = AdminView.objects.update_or_create(
        by_id=by_id, list=list_name, name=name, defaults={"query": query, "created_at": at}
    )
    return row


@transaction.atomic
def remove(*, by_id: int, view_id: int) -> bool:
    """Forget one's own view; False when there is no such one."""
    deleted, _each = AdminView.objects.filter(by_id=by_id, pk=view_id).delete()
    return bool(deleted)


@transaction.atomic
def of(*, by_id: int, list_name: str) -> list[AdminView]:
    """A person's views of a list, by name."""
    return list(AdminView.objects.filter(by_id=by_id, list=list_name).order_by("name"))
