"""`manage.py run_clearance`: what it foresees is what it does, by the same hash."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.compliance.services.conftest import at, platform  # noqa: F401 - a fixture

RUN = "2024-06-27 23:00"


def run_clearance(*words: str, when: str = RUN) -> dict[str, Any]:
    out = StringIO()
    call_command(
        "run_clearance", *words, "--json", "--at", at(when).isoformat(), stdout=out, stderr=StringIO()
    )
    return json.loads(out.getvalue())


@pytest.fixture
def shops(platform):  # noqa: F811 - the fixture
    """One shop warned in time that nothing covers, one with a coupon, one too young."""
    platform.shop("2023-10-01")
    platform.coupon(platform.shop("2023-10-02"), "2024-06-01")
    platform.shop("2024-06-20")
    platform.assess("2024-06-10 04:00")


def test_a_run_has_the_hash_and_the_counts_of_its_preview(shops):
    foreseen = run_clearance("--preview")
    done = run_clearance()

    assert (done["period"], done["eligible"], done["cleared"], done["kept"]) == ("2024-06", 3, 1, 2)
    assert {name: done[name] for name in foreseen} == foreseen


def test_the_same_run_again_reports_the_same_and_does_nothing(shops):
    done = run_clearance()

    assert run_clearance() == done


def test_a_period_without_a_run_is_refused(shops):
    with pytest.raises(CommandError, match="no run in 2023-12"):
        run_clearance("--period", "2023-12")
