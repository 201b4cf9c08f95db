"""Which lifts are sent to a worker: none that rests for its program, each once that is open."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from compliance.services import life, ticks
from members.lib import queue
from members.lib import tenant as tenancy
from members.models import TierLift
from members.services import tier_lifts
from tests.members.services.test_tier_lifts import DAY, EDITED, EDITS, HOUR, edit, everybody_is_many, lived
from tests.members.services.till import JOB, Till

__all__ = ["everybody_is_many"]  # the fixture
Sent = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def sent(monkeypatch) -> Sent:
    """What is sent to workers."""
    told: Sent = []
    monkeypatch.setattr(queue, "enqueue", lambda name, **ids: told.append((name, ids)))
    return told


def swept(sent: Sent, lift: TierLift) -> bool:
    """Whether the minute's sweep sends a lift."""
    sent.clear()
    with tenancy.platform():
        ticks.sweep(at=EDITED)
    return sends(sent, lift)


def sends(sent: Sent, lift: TierLift) -> bool:
    return (tier_lifts.TASK, {"merchant_id": lift.merchant_id, "job_id": lift.pk}) in sent


def live(till: Till, verb: str, when) -> None:
    with tenancy.tenant(till.id), transaction.atomic():
        getattr(life, verb)(merchant_id=till.id, at=when, actor=JOB)


def test_a_lift_that_rests_is_not_sent_and_is_sent_when_its_program_opens(db, sent):
    till = lived("shop", 4)
    lift = edit(till, EDITED, in_background=True, **EDITS[0])
    assert swept(sent, lift)

    live(till, "close_program", EDITED + HOUR)
    assert not swept(sent, lift) and not swept(sent, lift)

    sent.clear()
    live(till, "open_program", EDITED + 6 * DAY)
    assert sends(sent, lift) and swept(sent, lift)


def test_opening_sends_the_first_of_the_lifts_alone_for_the_others_follow_it(db, sent):
    till = lived("shop", 4)
    first = edit(till, EDITED, in_background=True, **EDITS[0])
    second = edit(till, EDITED + HOUR, in_background=True, **EDITS[1])
    live(till, "close_program", EDITED + 2 * HOUR)

    sent.clear()
    live(till, "open_program", EDITED + 6 * DAY)

    assert sends(sent, first) and not sends(sent, second)
