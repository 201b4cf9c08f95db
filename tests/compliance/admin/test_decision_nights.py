"""The nightly replay of decisions warns on the workbench while the last night differed."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from members.lib import tenant as tenancy
from members.models import JobTick
from tests.compliance.services.conftest import at


def night(day: str, **report: Any) -> None:
    with tenancy.platform(), transaction.atomic():
        JobTick.objects.create(
            job="decision_replay",
            scope="platform",
            due_at=at(f"{day} 05:30"),
            done_at=at(f"{day} 05:31"),
            report={"decisions": 9, "mismatches": 0, "listed": [], **report},
        )


def test_the_workbench_warns_until_a_night_comes_out_equal(admin_client, platform, shops):
    listed = [{"period": "2024-06", "merchant_id": shops.bare.pk, "facts": ["notice_at"]}]
    night("2024-07-01", mismatches=1, listed=listed)
    warned = admin_client.get("/platform/").content.decode()
    night("2024-07-02")
    calm = admin_client.get("/platform/").content.decode()

    assert "1 decision differs from its replay (night of 2024-07-01)." in warned
    assert "differs from its replay" not in calm
