"""Publishing, changing, pausing, resuming and ending benefits (domain.md 2, 3 and 8).

Every service takes the gate, locks, checks, and writes in one transaction: the row, its revision, the audit row,
the coverage of the program and the due row from which compliance learns of it. What changes nothing writes nothing.
Instants are aware datetimes; `at` never lies before the benefit's newest
revision (an earlier one, from a clock a little behind, is taken as that instant).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib import coverage as rule
from benefits.lib.coverage import EVERYONE
from benefits.lib.pools import is_pooled
from benefits.lib.prices import PriceRow
from benefits.lib.usefulness import CHANNEL, channel_marks
from benefits.models import Benefit, BenefitStatus
from benefits.services import (
    coverage,
    draw_terms,
    entitlement_events,
    exposures,
    issuing,
    order_gifts,
    point_promises,
    pool_stock,
)
from benefits.services.arguments import Arguments, Checked, arguments_of, check, check_stock, facts
from benefits.services.locks import find_or_new, gate, locked, published, require_live
from benefits.services.point_promises import KINDS_OF_POINTS, moves_points
from benefits.services.prices import store_list
from benefits.services.revisions import audit_row, revise, write_revision
from benefits.services.usefulness import measure
from members.lib.refusals import Conflict, Invalid
from members.models import Program
from members.services.audit import Actor


class _Unset:
    """What a change leaves as it is."""


UNSET: Final = _Unset()


@transaction.atomic
def publish_benefit(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    kind: str,
    name: str = "",
    from_at: dt.datetime | None = None,
    to_at: dt.datetime | None = None,
    settings: Mapping[str, Any] | None = None,
    audience: Any = EVERYONE,
    stock: int | None = None,
    scope: Any = None,
    holdout_percent: int = 0,
    prices: Iterable[PriceRow] | None = None,
    public_id: str = "",
    reason: str = "",
    as_scripted: bool = False,
) -> Benefit:
    """Publish a new benefit, or the draft of that `public_id`. domain.md 8, 3.

    In force from publication (a `from_at` in the past does not reach back), until `to_at`, exclusive. `stock` in
    units, None without limit. `scope`: where it is to be had, None for everywhere. `holdout_percent` of the members
    never get it, so that its effect is measured; it cannot be changed later. `prices` is the list of a member price
    benefit. A `public_id` that was published
    before is answered with that benefit, so a form sent twice publishes once. `as_scripted` lets names of settings
    and tiers pass that nobody knows (see `check`), and settings that give nothing: a play's words have none.
    Raises ProgramNotOpen, ProgramCleared, Invalid (with errors by field).
    """
    gate(merchant_id=merchant_id, writes_rules=kind in KINDS_OF_POINTS)
    coverage.lock(merchant_id=merchant_id)
    arguments = Arguments(
        kind=kind, name=name, from_at=from_at, to_at=to_at, settings=settings, audience=audience, scope=scope,
        stock=stock,
        holdout_percent=holdout_percent,
    )  # fmt: skip
    benefit = find_or_new(merchant_id, public_id)
    if benefit.status == BenefitStatus.DRAFT:
        _publish(benefit, at, actor, arguments, prices, reason, as_scripted)
        coverage.add(merchant_id=merchant_id, at=at, published=[benefit])
    return benefit


@transaction.atomic
def publish_many(
    *, merchant_id: int, at: dt.datetime, actor: Actor, benefits: Iterable[Arguments]
) -> list[Benefit]:
    """Publish several benefits of a merchant at one instant; all or none. Raises as `publish_benefit`."""
    benefits = list(benefits)
    gate(merchant_id=merchant_id, writes_rules=any(each.kind in KINDS_OF_POINTS for each in benefits))
    coverage.lock(merchant_id=merchant_id)
    published = [_publish(Benefit(merchant_id=merchant_id), at, actor, each, None, "") for each in benefits]
    if published:
        coverage.add(merchant_id=merchant_id, at=at, published=published)
    return published


@transaction.atomic
def save_draft(
    *, merchant_id: int, at: dt.datetime, actor: Actor, arguments: Arguments, public_id: str = ""
) -> Benefit:
    """Keep a benefit without publishing it: a new draft, or the present one of that `public_id`.

    Raises ProgramNotOpen, ProgramCleared, Invalid, Conflict when that benefit is published already.
    """
    gate(merchant_id=merchant_id)
    coverage.lock(merchant_id=merchant_id)
    benefit = find_or_new(merchant_id, public_id)
    if benefit.status != BenefitStatus.DRAFT:
        raise Conflict(_("This benefit is published already."))
    before = None if benefit._state.adding else facts(benefit)
    _set(benefit, check(merchant_id, arguments, at))
    if before == facts(benefit):
        return benefit
    benefit.save()
    audit_row(benefit, at, actor, "benefit.draft_saved", before, facts(benefit), "")
    return benefit


@transaction.atomic
def discard_draft(*, merchant_id: int, at: dt.datetime, actor: Actor, benefit_id: int) -> None:
    """Delete a draft. Raises NotFound, Invalid when it is published, ProgramNotOpen, ProgramCleared."""
    gate(merchant_id=merchant_id)
    benefit = locked(merchant_id, benefit_id)
    if benefit.status != BenefitStatus.DRAFT:
        raise Invalid(_("A published benefit is not deleted. End it instead."))
    audit_row(benefit, at, actor, "benefit.draft_discarded", facts(benefit), None, "")
    pool_stock.discard(benefit)
    benefit.delete()


@transaction.atomic
def change_benefit(
    *,
    merchant_id: int,
    benefit_id: int,
    at: dt.datetime,
    actor: Actor,
    kind: str | _Unset = UNSET,
    name: str | _Unset = UNSET,
    from_at: dt.datetime | _Unset | None = UNSET,
    to_at: dt.datetime | _Unset | None = UNSET,
    settings: Mapping[str, Any] | _Unset | None = UNSET,
    audience: Any = UNSET,
    stock: int | _Unset | None = UNSET,
    scope: Any = UNSET,
    prices: Iterable[PriceRow] | None = None,
    expected_revision: int | None = None,
    reason: str = "",
    as_scripted: bool = False,
) -> Benefit:
    """Change any argument of a published or paused benefit; what is not given stays. domain.md 3, 8.

    Whether it counts as configuring is decided by the rule and kept with the revision. A change that alters nothing
    writes nothing. `expected_revision` refuses a change of what somebody else changed meanwhile; `as_scripted` is
    as in `publish_benefit`.
    Raises NotFound, Invalid (ended or a draft too), Conflict, ProgramNotOpen, ProgramCleared.
    """
    writes = kind in KINDS_OF_POINTS or moves_points(merchant_id=merchant_id, benefit_id=benefit_id)
    gate(merchant_id=merchant_id, writes_rules=writes)
    coverage.lock(merchant_id=merchant_id)
    benefit = published(merchant_id, benefit_id)
    if expected_revision is not None and expected_revision != benefit.revision:
        raise Conflict(_("Somebody else changed this benefit meanwhile. Look at it again, then change it."))
    given = {
        "kind": kind, "name": name, "from_at": from_at, "to_at": to_at,
        "settings": settings, "audience": audience, "stock": stock, "scope": scope,
    }  # fmt: skip
    named = {key: value for key, value in given.items() if value is not UNSET}
    if "settings" not in named and named.get("kind", benefit.kind) != benefit.kind:
        named["settings"] = {}
    stored = arguments_of(benefit)
    wanted = replace(stored, **named)
    if wanted.from_at is None:
        wanted = replace(wanted, from_at=benefit.from_at)
    rows = None if prices is None else list(prices)
    checked = check(
        merchant_id, wanted, at, rows, stored=stored, as_scripted=as_scripted, complete=not as_scripted
    )
    before = facts(benefit)
    _set(benefit, checked)
    if rows is not None:
        store_list(benefit=benefit, rows=rows, at=max(at, benefit.revision_at or at), actor=actor)
    after = facts(benefit)
    if after == before:
        return benefit
    draw_terms.require_changeable(benefit, at)
    budgets = [each.get("budget_minor") for each in (stored.settings or {}, benefit.settings)]
    if (budgets[0] is None) != (budgets[1] is None):
        issuing.recount_budget(benefit)
    if not as_scripted and after | {"name": ""} != before | {
        "name": ""
    }:  # another name measures nothing anew
        measure(benefit, at, rows)
    revise(benefit, at, actor, rule.Action.CHANGE, "benefit.changed", before, facts(benefit), reason)
    order_gifts.hear(benefit)
    if not as_scripted:
        draw_terms.keep(benefit, at, actor)
        is_said = any(before[name] != after[name] for name in ("kind", "settings", "scope", "from", "to"))
        point_promises.keep(benefit, at, actor, was=stored.kind, is_said=is_said)
    return benefit


@transaction.atomic
def pause_benefit(
    *,
    merchant_id: int,
    benefit_id: int,
    at: dt.datetime,
    actor: Actor,
    reason: str = "",
    as_scripted: bool = False,
) -> Benefit:
    """Stop a published benefit for a while; pausing a paused one changes nothing. `as_scripted` is as in
    `publish_benefit`.

    Raises NotFound, Invalid (ended, a draft), ProgramNotOpen, ProgramCleared.
    """
    return _move(
        merchant_id, benefit_id, at, actor, rule.Action.PAUSE, BenefitStatus.PAUSED, reason, as_scripted
    )


@transaction.atomic
def resume_benefit(
    *,
    merchant_id: int,
    benefit_id: int,
    at: dt.datetime,
    actor: Actor,
    reason: str = "",
    as_scripted: bool = False,
) -> Benefit:
    """Let a paused benefit go on; resuming one that runs changes nothing. Raises as `pause_benefit`."""
    return _move(
        merchant_id, benefit_id, at, actor, rule.Action.RESUME, BenefitStatus.PUBLISHED, reason, as_scripted
    )


@transaction.atomic
def end_benefit(
    *,
    merchant_id: int,
    benefit_id: int,
    at: dt.datetime,
    actor: Actor,
    reason: str = "",
    as_scripted: bool = False,
) -> Benefit:
    """End a benefit for good; ending an ended one changes nothing. Raises as `pause_benefit`."""
    return _move(
        merchant_id, benefit_id, at, actor, rule.Action.END, BenefitStatus.ENDED, reason, as_scripted
    )


@transaction.atomic
def set_stock(
    *, merchant_id: int, benefit_id: int, stock: int | None, at: dt.datetime, actor: Actor, reason: str = ""
) -> Benefit:
    """Record what stock is left (units; None without limit): taking the last one ends coverage, adding begins it
    again, neither configures (a merchant who sets the argument anew uses `change_benefit`).

    Raises NotFound, Invalid, ProgramNotOpen, ProgramCleared.
    """
    gate(merchant_id=merchant_id)
    coverage.lock(merchant_id=merchant_id)
    benefit = published(merchant_id, benefit_id)
    if is_pooled(benefit.settings):
        raise Invalid.on("stock", _("Its stock is the codes of its pool: upload more of them."))
    before = facts(benefit)
    benefit.stock = check_stock(stock)
    if facts(benefit) == before:
        return benefit
    draw_terms.require_changeable(benefit, at)
    revise(benefit, at, actor, rule.Action.STOCK, "benefit.stock_set", before, facts(benefit), reason)
    if draw_terms.of_benefit(benefit):
        draw_terms.keep(benefit, at, actor)
    return benefit


# The parts of the services


def _set(benefit: Benefit, checked: Checked) -> None:
    for name in Checked.__slots__:
        setattr(benefit, name, getattr(checked, name))
    benefit.doubts = benefit.doubts & ~CHANNEL | channel_marks(checked.scope)
    pool_stock.settle(benefit)


def _publish(
    benefit: Benefit,
    at: dt.datetime,
    actor: Actor,
    arguments: Arguments,
    prices: Iterable[PriceRow] | None,
    reason: str,
    as_scripted: bool = False,
) -> Benefit:
    """Write the publication of a draft or new benefit; the caller adds its coverage."""
    rows = None if prices is None else list(prices)
    begins = at if arguments.from_at is None else arguments.from_at
    wanted = replace(arguments, from_at=begins)
    checked = check(benefit.merchant_id, wanted, at, rows, as_scripted=as_scripted, complete=not as_scripted)
    _set(benefit, checked)
    if not as_scripted:
        measure(benefit, at, rows)
    benefit.status = BenefitStatus.PUBLISHED
    pool_stock.settle(benefit)
    benefit.published_at = at
    benefit.revision, benefit.revision_at = 1, at
    benefit.enrolled_at = None if exposures.is_enrolled(benefit) else at
    benefit.save()
    exposures.begin(benefit, at)
    if rows is not None:
        store_list(benefit=benefit, rows=rows, at=at, actor=actor)
    write_revision(benefit, at, actor, rule.Action.PUBLISH, reason)
    audit_row(benefit, at, actor, "benefit.published", None, facts(benefit), reason)
    program = Program.objects.get(merchant_id=benefit.merchant_id)
    entitlement_events.published(program=program, benefit=benefit, at=at)
    order_gifts.hear(benefit)
    if not as_scripted:
        draw_terms.keep(benefit, at, actor)
        point_promises.keep(benefit, at, actor)
    return benefit


def _move(
    merchant_id: int,
    benefit_id: int,
    at: dt.datetime,
    actor: Actor,
    action: rule.Action,
    status: BenefitStatus,
    reason: str,
    as_scripted: bool,
) -> Benefit:
    """Pause, resume or end."""
    writes = moves_points(merchant_id=merchant_id, benefit_id=benefit_id)
    gate(merchant_id=merchant_id, writes_rules=writes)
    coverage.lock(merchant_id=merchant_id)
    benefit = locked(merchant_id, benefit_id)
    if benefit.status == status:
        return benefit
    require_live(benefit)
    draw_terms.require_movable(benefit, at, action)
    before = facts(benefit)
    benefit.status = status
    names = {"pause": "benefit.paused", "resume": "benefit.resumed", "end": "benefit.ended"}
    revise(benefit, at, actor, action, names[action], before, facts(benefit), reason)
    if not as_scripted:
        point_promises.keep(benefit, at, actor, is_said=False)
    return benefit
