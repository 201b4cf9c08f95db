"""What becomes of a member's tier if nothing more happens: renewed or lost, and when (domain.md 5). Pure."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from members.lib import tiers
from members.lib.posting.state import MemberState
from members.lib.posting.windows import metrics_on
from members.lib.tiers import Metrics, TierRules

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The next thing that recalculation does. `metrics` are the member's on that day, by the orders so far.

    `kept`: the lowest tier, which has no end. `renewed`: reached again on `on`, then valid until `until`. `falls`: to
    `tier_id` on `on`, valid until `until` (None for the lowest).
    """

    kind: Literal["kept", "renewed", "falls"]
    tier_id: int
    on: date | None = None
    until: date | None = None
    metrics: Metrics = Metrics()  # noqa: RUF009 - immutable


def forecast(state: MemberState, rules: TierRules, *, at: datetime, first: date) -> Forecast:
    """What recalculation does with a member at the end of validity, if no order and no refund comes.

    `first` is the day of the next recalculation; `state` has the days of the window from then on, and is not changed.
    """
    standing = state.standing
    until = standing.valid_until
    if until is None or not rules.rank[standing.tier_id]:
        return Forecast("kept", standing.tier_id)
    trial = replace(state, standing=replace(standing, validity=copy(standing.validity)), window=None)
    metrics = Metrics()
    for on in (until + _ONE_DAY, until + timedelta(days=rules.grace_days) + _ONE_DAY):
        day = max(on, first)
        metrics = metrics_on(trial, rules, day)
        renewed = tiers.after_recalculation(trial.standing, metrics, rules, at=at, today=day)
        if trial.standing.tier_id != standing.tier_id:
            return Forecast("falls", trial.standing.tier_id, day, trial.standing.valid_until, metrics)
        if renewed:
            return Forecast("renewed", standing.tier_id, day, trial.standing.valid_until, metrics)
    return Forecast("renewed", standing.tier_id, first, trial.standing.valid_until, metrics)
