"""What a policy would do before it is published: the next run under it, beside the next run as things stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db import transaction

from compliance.lib import runs as rule
from compliance.lib.policy import PolicyHistory
from compliance.models import Preview, Purpose
from compliance.models import Run as RunRow
from compliance.selectors import policies as selector
from compliance.services import policies, previews
from members.services.audit import Actor

TRIED = "nothing is published by trying"


class Trial(NamedTuple):
    """The next run without and with the version tried, as previews to look at; None where no run is to come."""

    without: Preview | None
    with_it: Preview | None


@transaction.atomic
def try_policy(
    *, at: dt.datetime, effective_at: dt.datetime, actor: Actor, values: Mapping[str, Any], anew: bool = True
) -> Trial:
    """Have the next run foreseen with and without a version that nobody has published. Works as platform.

    Nothing is published, nor any standing changed; two presses give the same previews while they are open.
    anew: False to look at the person's last trial of the same version, whatever has changed since.
    Raises Invalid as `set_policy` does.
    """
    history = selector.history()
    _before, after = policies.changed(
        history, at=at, effective_at=effective_at, values=values, early_reason=TRIED
    )
    tried = {
        "policy": after.as_json(),
        "effective_at": None if effective_at == at else effective_at.isoformat(),
    }
    if not anew and (last := _last(actor, tried)) is not None:
        return last
    with_it = previews.with_tried(history, tried, at)
    return Trial(_foresee(history, at, actor, None), _foresee(with_it, at, actor, tried))


def _last(actor: Actor, tried: Mapping[str, Any]) -> Trial | None:
    rows = Preview.objects.filter(purpose=Purpose.TRIAL, by_id=actor.user_id).order_by("-id")
    with_it, without = rows.filter(tried=tried).first(), rows.filter(tried__isnull=True).first()
    return None if with_it is None else Trial(without, with_it)


def _foresee(
    history: PolicyHistory, at: dt.datetime, actor: Actor, tried: Mapping[str, Any] | None
) -> Preview | None:
    done = frozenset(RunRow.objects.values_list("period", flat=True))
    run = next(rule.coming_runs(history, at, done), None)
    if run is None:
        return None
    return previews.ask(run=run, at=at, actor=actor, purpose=Purpose.TRIAL, tried=tried)
