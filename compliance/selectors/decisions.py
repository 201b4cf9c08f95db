"""Decisions as a merchant sees them."""

from __future__ import annotations

from typing import Any

from compliance.models import Decision, Run


def of_merchant(*, merchant_id: int) -> list[tuple[Run, Decision]]:
    """A merchant's decisions with their runs, the earliest first."""
    runs = {run.pk: run for run in Run.objects.select_related("policy")}
    rows = Decision.objects.filter(run_id__in=list(runs), merchant_id=merchant_id)
    return sorted(((runs[row.run_id], row) for row in rows), key=lambda pair: pair[0].at)


def show(*, merchant_id: int) -> list[dict[str, Any]]:
    """Period, run date, outcome and reason of each decision, as play.md shows them."""
    return [
        {"period": run.period, "run_on": run.run_on, "outcome": row.outcome, "reason": row.reason}
        for run, row in of_merchant(merchant_id=merchant_id)
    ]
