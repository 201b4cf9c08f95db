"""The program, its tiers and its point rule."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from members.api.operations import Answer, Call, Operation
from members.lib.earning import Earning
from members.lib.refusals import NotFound
from members.lib.scopes import Scope
from members.models import ProgramStatus, RulesVersion
from members.selectors import rules as rules_selector


class ShopOut(serializers.Serializer):
    """The shop: its days are days in its time zone, its money is in its currency."""

    slug = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField(help_text="ISO 4217")
    timezone = serializers.CharField()


class RungOut(serializers.Serializer):
    """A tier of the ladder."""

    code = serializers.CharField()
    needs = serializers.ChoiceField(choices=["all", "any"], help_text="All requirements, or any of them.")
    requirements = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="At least so much of a metric; `spend_minor` in minor units.",
    )
    multiplier = serializers.CharField(help_text="What points are multiplied by for members of this tier.")


class TiersOut(serializers.Serializer):
    """The rules of tiers."""

    window = serializers.DictField(help_text="What the metrics look at, such as rolling days.")
    validity_months = serializers.IntegerField()
    grace_days = serializers.IntegerField()
    downgrade = serializers.CharField()
    growth = serializers.DictField(child=serializers.CharField())
    ladder = RungOut(many=True, help_text="Lowest first.")


class EarningRulesOut(serializers.Serializer):
    """Campaigns and caps of orders, and what events bring."""

    combine = serializers.ChoiceField(
        choices=["every", "best"],
        help_text="Several campaigns on one line: every multiplier multiplies it, or only the largest.",
    )
    order_most = serializers.IntegerField(allow_null=True, help_text="The most points that an order earns.")
    day_most = serializers.IntegerField(
        allow_null=True, help_text="The most points that a member earns by orders a day."
    )
    categories = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="SKUs by category; * ends a beginning.",
    )
    campaigns = serializers.ListField(
        child=serializers.DictField(), help_text="Multiplier, extra points, limits, and when each holds."
    )
    events = serializers.DictField(
        child=serializers.DictField(),
        help_text="By kind: joining, birthday, check_in, referral, review, survey.",
    )
    check_ins = serializers.ListField(
        child=serializers.DictField(),
        help_text="Rules of checking in that benefits keep: points a day, steps as days in a row and points.",
    )


class PointRulesOut(serializers.Serializer):
    """The rule of points."""

    per_major = serializers.CharField(help_text="Points for one unit of the currency, an exact number.")
    pending_days = serializers.IntegerField()
    expiry = serializers.DictField()
    clawback = serializers.CharField()
    earning = EarningRulesOut(help_text="What is earned beside the rate.")


class ProgramOut(serializers.Serializer):
    """The member program."""

    name = serializers.CharField()
    state = serializers.ChoiceField(choices=ProgramStatus.values)
    first_opened_at = serializers.DateTimeField(allow_null=True)
    opened_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    merchant = ShopOut()
    rules_version = serializers.IntegerField()
    rules_at = serializers.DateTimeField(help_text="Since when this version of the rules is in force.")
    tiers = TiersOut()
    points = PointRulesOut()


class ReadProgram(Operation):
    """Read the program.

    Its state, its tiers and its point rule as they are now. Also answered while the program is closed or cleared.
    """

    scope = Scope.PROGRAM_READ
    tag = "Program"
    needs_program = True
    out = ProgramOut
    statuses: ClassVar = {200: "The program"}

    def answer(self, call: Call) -> Answer:
        """Two queries."""
        merchant, program = call.merchant, call.program
        version = rules_selector.version_at(merchant_id=merchant.pk, at=call.at)
        if program is None or version is None:
            raise NotFound
        codes = rules_selector.tier_codes(merchant_id=merchant.pk)
        return Answer(
            {
                "name": program.name,
                "state": program.status,
                "first_opened_at": program.first_opened_at,
                "opened_at": program.opened_at,
                "closed_at": program.closed_at,
                "merchant": {
                    "slug": merchant.slug,
                    "name": merchant.name,
                    "currency": merchant.currency,
                    "timezone": merchant.timezone,
                },
                "rules_version": version.number,
                "rules_at": version.at,
                "tiers": _tiers(version, codes),
                "points": {
                    "per_major": f"{version.per_major.normalize():f}",
                    "pending_days": version.pending_days,
                    "expiry": version.expiry,
                    "clawback": version.clawback,
                    "earning": _earning(version, codes),
                },
            }
        )


def _earning(version: RulesVersion, codes: dict[int, str]) -> dict[str, Any]:
    """As it is stored, with codes of tiers."""
    said: dict[str, Any] = Earning.read(version.earning).stored()
    named = [*said.get("check_ins", []), *(each.get("when", {}) for each in said.get("campaigns", []))]
    for each in named:
        if "tiers" in each:
            each["tiers"] = [codes[tier] for tier in each["tiers"] if tier in codes]
    empty: dict[str, Any] = {
        "order_most": None,
        "day_most": None,
        "categories": {},
        "campaigns": [],
        "events": {},
        "check_ins": [],
    }
    return {"combine": "every", **empty, **said}


def _tiers(version: RulesVersion, codes: dict[int, str]) -> dict[str, Any]:
    return {
        "window": version.window,
        "validity_months": version.validity_months,
        "grace_days": version.grace_days,
        "downgrade": version.downgrade,
        "growth": version.growth,
        "ladder": [
            {
                "code": codes[rung["tier"]],
                "needs": rung.get("needs", "all"),
                "requirements": rung.get("requirements", {}),
                "multiplier": version.tier_multipliers.get(str(rung["tier"]), "1"),
            }
            for rung in version.ladder
        ],
    }
