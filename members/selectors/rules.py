"""The program's rules in force at an instant, as the pure posting rule takes them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, cast

from babel.numbers import get_currency_precision

from members.lib import prepared
from members.lib.earning import Earning
from members.lib.expiry import Expiry
from members.lib.points import Clawback, PointRules
from members.lib.posting import Rules
from members.lib.refusals import NotFound
from members.lib.tiers import Downgrade, Tier, TierRules, Window
from members.models import Merchant, Program, RulesVersion
from members.models import Tier as TierRow


def latest(*, merchant_id: int) -> RulesVersion | None:
    """The last version, whatever its instant; None before there is any. One query."""
    return prepared.fetch_object(
        RulesVersion,
        "where merchant_id = %(merchant)s order by at desc, number desc limit 1",
        {"merchant": merchant_id},
    )


def version_at(*, merchant_id: int, at: dt.datetime) -> RulesVersion | None:
    """The version in force at an instant; None before the first. One query."""
    return prepared.fetch_object(
        RulesVersion,
        "where merchant_id = %(merchant)s and at <= %(at)s order by at desc, number desc limit 1",
        {"merchant": merchant_id, "at": at},
    )


def after_edits(*, merchant_id: int, at: dt.datetime) -> tuple[dt.datetime, RulesVersion | None]:
    """When something happens that waited for its turn while an edit of the rules came in, and the version by which: not
    before the edit, which has moved the members, to tiers that older rules may not know. For who holds the program; one
    query.
    """
    version = latest(merchant_id=merchant_id)
    return (at if version is None else max(at, version.at)), version


def ladder(version: RulesVersion, codes: dict[int, str]) -> tuple[Tier, ...]:
    """The version's ladder, lowest first."""
    return tuple(
        Tier(
            id=rung["tier"],
            code=codes[rung["tier"]],
            needs=rung.get("needs", "all"),
            requirements=tuple(sorted(rung.get("requirements", {}).items())),
            welcome=rung.get("welcome", 0),
        )
        for rung in version.ladder
    )


def window(spec: dict[str, Any]) -> Window:
    """A window from its stored form."""
    return Window(kind=spec.get("kind", "rolling"), days=spec.get("days", 365))


def tier_rules(version: RulesVersion, codes: dict[int, str]) -> TierRules:
    """The tier part of a version."""
    return TierRules(
        ladder=ladder(version, codes),
        window=window(version.window),
        validity_months=version.validity_months,
        grace_days=version.grace_days,
        downgrade=cast(Downgrade, version.downgrade),
        growth={metric: Decimal(weight) for metric, weight in version.growth.items()},
    )


def point_rules(version: RulesVersion) -> PointRules:
    """The point part of a version."""
    return PointRules(
        per_major=version.per_major,
        tier_multipliers={int(tier): Decimal(value) for tier, value in version.tier_multipliers.items()},
        clawback=cast(Clawback, version.clawback),
        pending_days=version.pending_days,
        expiry=Expiry.read(version.expiry),
        earning=Earning.read(version.earning),
    )


def tier_codes(*, merchant_id: int) -> dict[int, str]:
    """Every tier's code by id, also of tiers no longer in the ladder."""
    return dict(TierRow.objects.of(merchant_id).values_list("id", "code"))


def rules_of(
    version: RulesVersion,
    *,
    merchant: Merchant,
    is_open: bool,
    codes: dict[int, str],
    is_lifting: bool = False,
) -> Rules:
    """A version as the posting rule takes it."""
    return Rules(
        version=version.number,
        zone=merchant.zone,
        is_open=is_open,
        minor_digits=get_currency_precision(merchant.currency),
        points=point_rules(version),
        tiers=tier_rules(version, codes),
        is_lifting=is_lifting,
    )


def rules_at(
    *,
    merchant_id: int,
    at: dt.datetime,
    program: Program | None = None,
    version: RulesVersion | None = None,
) -> Rules:
    """The rules in force (`version`, where the caller knows it), and whether the program is open now. Raises NotFound
    when none were ever configured.
    """
    version = version or version_at(merchant_id=merchant_id, at=at)
    if version is None:
        raise NotFound("This program has no rules yet.")
    program = program or Program.objects.get(merchant_id=merchant_id)
    merchant = Merchant.objects.get(pk=merchant_id)
    return rules_of(
        version,
        merchant=merchant,
        is_open=program.status == "open",
        codes=tier_codes(merchant_id=merchant_id),
        is_lifting=program.is_lifting,
    )
