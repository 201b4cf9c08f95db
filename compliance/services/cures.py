"""The ready choices for a program without a qualifying benefit, with the date that each makes safe (ux.md, Cure)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from benefits.lib.coverage import EVERYONE, Configured, Coverage, unite
from benefits.lib.spans import Span, utc
from benefits.models import Benefit
from benefits.services import cures as choices
from benefits.services.cures import ReadyChoice
from compliance.lib.runs import Run
from compliance.selectors import policies
from compliance.selectors.facts import Facts
from members.selectors import members
from members.services.audit import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A choice and what publishing it at that instant would do.

    next_run: the run that would threaten the program then; None when none would. helps: whether it moves the run.
    reach: members in its audience, None where it is not everybody.
    """

    choice: ReadyChoice
    next_run: Run | None
    helps: bool
    reach: int | None


def offers(*, facts: Facts, at: dt.datetime) -> list[Offer]:
    """The choices of a program that is open, those that help first. domain.md 3."""
    found = choices.ready_choices(
        merchant_id=facts.merchant_id,
        at=at,
        uncounted_kinds=facts.policy.uncounted_kinds,
        refused_doubts=facts.policy.refused_doubts,
    )
    everybody = members.count(merchant_id=facts.merchant_id)
    made = []
    for choice in found:
        then = with_choice(facts, choice, at)
        made.append(
            Offer(
                choice=choice,
                next_run=then.threat,
                helps=then.threat is None or (facts.threat is not None and then.threat.on > facts.threat.on),
                reach=everybody if choice.arguments.get("audience", EVERYONE) == EVERYONE else None,
            )
        )
    return sorted(made, key=lambda offer: not offer.helps)


def with_choice(facts: Facts, choice: ReadyChoice, at: dt.datetime) -> Facts:
    """The facts as they would be if the choice were published at an instant: nothing is written."""
    at = utc(at)
    starts = max(at, utc(choice.arguments.get("from_at") or at))
    ends = choice.arguments.get("to_at")
    candidate = Coverage(
        choice.kind,
        (Span(starts, None if ends is None else utc(ends)),),
        (Configured(at, starts),),
    )
    return replace(facts, coverages=unite([*facts.coverages, candidate]))


def publish(*, merchant_id: int, key: str, at: dt.datetime, actor: Actor, public_id: str = "") -> Benefit:
    """Publish the choice of that key under the policy in force; a `public_id` makes a second press harmless.

    Raises Invalid when the choice is gone, ProgramNotOpen, ProgramCleared.
    """
    policy = policies.current(at=at).policy
    return choices.publish_choice(
        merchant_id=merchant_id,
        key=key,
        at=at,
        actor=actor,
        public_id=public_id,
        uncounted_kinds=policy.uncounted_kinds,
        refused_doubts=policy.refused_doubts,
    )
