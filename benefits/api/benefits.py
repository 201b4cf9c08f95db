"""Benefits: list, read, make, publish, pause, resume, end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from benefits.lib.holdouts import MOST_PERCENT
from benefits.lib.kinds import KINDS, LIMITS
from benefits.lib.prices import MOST_MINOR
from benefits.lib.scope import CHANNELS, MOST_NAMED
from benefits.lib.standing import Standing, standing_of
from benefits.lib.usefulness import CHANNEL, slugs
from benefits.models import Benefit, BenefitStatus
from benefits.selectors import benefits as benefits_selector
from benefits.selectors.benefits import BenefitFilter
from benefits.services import benefits as benefits_service
from benefits.services import told_prices
from benefits.services.arguments import Arguments, arguments_of
from benefits.services.told_prices import MOST_TOLD, ToldPrice
from members.api.fields import Audience, Choice, Free, Instant, Strict, Text, Whole, YesNo
from members.api.operations import Answer, Call, Operation
from members.api.pages import PageIn, PageOut, take
from members.lib.refusals import Conflict, Invalid, NotFound
from members.lib.scopes import Scope

MOST_STOCK = 2_000_000_000
NAMES = "; ".join(f"`{code}`: {', '.join(kind.names)}" for code, kind in KINDS.items())
REDEEMED = ", ".join(f"`{code}`" for code, kind in KINDS.items() if kind.is_redeemed)
LIMITED = f"Members hold entitlements of {REDEEMED}; these also know {', '.join(LIMITS)}"
ORDERED = ", ".join(f"`{code}`" for code, kind in KINDS.items() if kind.may_come_with_orders)
HELD_OUT = ", ".join(f"`{code}`" for code, kind in KINDS.items() if kind.may_hold_out)
HOLDOUT_HELP = (
    "So many per cent of the members, chosen by a hash, never get it, so that its effect can be measured; fixed once "
    f"it is published. Only for {HELD_OUT}."
)
BY_ORDER = f"A paid order brings {ORDERED} by itself with `on_order`: {{from_minor, skus, channel}}"


class BenefitOut(serializers.Serializer):
    """A benefit."""

    id = serializers.CharField()
    kind = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=BenefitStatus.values, help_text="What was done with it.")
    standing = serializers.ChoiceField(
        choices=[each.value for each in Standing], help_text="How it stands now."
    )
    from_at = serializers.DateTimeField(allow_null=True)
    to_at = serializers.DateTimeField(
        allow_null=True, help_text="The first instant without it; null is open."
    )
    settings = serializers.DictField(help_text="What its kind needs; money in names that end in `_minor`.")
    audience = serializers.JSONField(help_text='"everyone", {"tiers": ["gold"]} or {"plans": ["card"]}.')
    scope = serializers.DictField(
        help_text='{"channels": ["taobao"], "stores": ["pos:001"], "scenes": ["takeaway"]}; {} is everywhere.'
    )
    stock = serializers.IntegerField(allow_null=True, help_text="Units left; null is no limit.")
    holdout_percent = serializers.IntegerField(
        help_text="The share of members who never get it, so that its effect is measured."
    )
    unusable = serializers.ListField(
        child=serializers.ChoiceField(choices=["stock", "audience", "worth"]),
        help_text="Why nobody can use it now: it does not count for the compliance rule.",
    )
    doubts = serializers.ListField(
        child=serializers.ChoiceField(choices=["threshold", "saving", "scope", "small"]),
        help_text="What may keep it from counting although somebody can use it, as of its last change: a threshold "
        "above 95 of 100 orders, a saving under 1 %, a price list of nothing that the price table has, a named "
        "audience of few.",
    )
    currency = serializers.CharField()
    published_at = serializers.DateTimeField(allow_null=True)
    revision = serializers.IntegerField(help_text="Counts its changes; 0 is a draft.")


class BenefitsOut(PageOut):
    """A page of benefits."""

    items = BenefitOut(many=True)


class BenefitsIn(PageIn):
    """Which benefits."""

    kind = serializers.ChoiceField(required=False, choices=list(KINDS))
    standing = serializers.ChoiceField(required=False, choices=[each.value for each in Standing])


class PriceBody(Strict):
    """A member price of a SKU, in minor units."""

    sku = Text(max_length=64, trim_whitespace=True)
    price_minor = Whole(
        min_value=1, max_value=MOST_MINOR, help_text="What members pay; at most the list price."
    )
    list_minor = Whole(
        required=False,
        min_value=1,
        max_value=MOST_MINOR,
        help_text="The list price; needed for a SKU that the catalogue does not know yet.",
    )
    name = Text(required=False, allow_blank=True, max_length=160, help_text="What the SKU is called.")
    tier = Text(
        required=False,
        allow_blank=True,
        max_length=32,
        help_text="The code of the only tier whose members pay it; left out: members of every tier.",
    )


PRICES_HELP = (
    "The list of a `member_price` that is published: up to 5,000 prices. A SKU stands in it once for each tier. "
    "When a row is wrong nothing is published and every error is told by its row."
)


def prices_field() -> Any:
    """The list of member prices in a body."""
    return PriceBody(  # type: ignore[call-arg]
        many=True, required=False, allow_empty=False, max_length=MOST_TOLD, help_text=PRICES_HELP
    )


class ScopeBody(Strict):
    """Where a benefit is to be had: on any of these channels or in any of these stores, for these scenes."""

    channels = serializers.ListField(
        required=False, max_length=MOST_NAMED, child=Choice(choices=list(CHANNELS))
    )
    stores = serializers.ListField(
        required=False,
        max_length=MOST_NAMED,
        child=Text(max_length=81),
        help_text='Channel and code, such as "pos:001".',
    )
    scenes = serializers.ListField(
        required=False,
        max_length=MOST_NAMED,
        child=Text(max_length=32),
        help_text="As orders name them, such as takeaway.",
    )


class BenefitIn(Strict):
    """A benefit to be."""

    kind = Choice(choices=list(KINDS))
    name = Text(required=False, allow_blank=True, max_length=80)
    from_at = Instant(required=False, allow_null=True, help_text="When it is published, unless told.")
    to_at = Instant(required=False, allow_null=True, help_text="The first instant without it.")
    settings = Free(
        required=False,
        help_text=f"What its kind needs; a draft's may be empty. {NAMES}. {LIMITED}. {BY_ORDER}.",
    )
    audience = Audience(required=False, help_text="Everyone unless told; tiers by their codes in the ladder.")
    scope = ScopeBody(required=False, help_text="Everywhere unless told.")
    stock = Whole(required=False, allow_null=True, max_value=MOST_STOCK)
    holdout_percent = Whole(required=False, max_value=MOST_PERCENT, help_text=HOLDOUT_HELP)
    publish = YesNo(default=False, help_text="Publish it at once; else it is kept as a draft.")
    prices = prices_field()


class ReasonIn(Strict):
    """Why, for the log."""

    reason = Text(required=False, allow_blank=True, max_length=500)


class PublishIn(ReasonIn):
    """Why, for the log; and the list of member prices."""

    prices = prices_field()


def shown(call: Call, benefit: Benefit) -> dict[str, Any]:
    """A benefit as the API shows it. No query."""
    unusable = {
        "stock": benefit.stock == 0,
        "audience": benefit.audience_empty,
        "worth": benefit.worthless,
    }
    return {
        "id": benefit.public_id,
        "kind": benefit.kind,
        "name": benefit.name,
        "status": benefit.status,
        "standing": standing_of(
            status=benefit.status, from_at=benefit.from_at, to_at=benefit.to_at, at=call.at
        ).value,
        "from_at": benefit.from_at,
        "to_at": benefit.to_at,
        "settings": benefit.settings,
        "audience": benefit.audience,
        "scope": benefit.scope,
        "stock": benefit.stock,
        "holdout_percent": benefit.holdout_percent,
        "unusable": [name for name, is_so in unusable.items() if is_so],
        "doubts": list(slugs(benefit.doubts & ~CHANNEL)),
        "currency": call.merchant.currency,
        "published_at": benefit.published_at,
        "revision": benefit.revision,
    }


def told(prices: Iterable[Mapping[str, Any]] | None) -> list[ToldPrice]:
    """The rows of a list as the service takes them."""
    return [ToldPrice(**row) for row in prices or ()]


def found(call: Call) -> Benefit:
    """The benefit of the address. Raises NotFound, for another merchant's too. One query."""
    benefit = benefits_selector.by_public_id(merchant_id=call.merchant.pk, public_id=call.path["benefit_id"])
    if benefit is None:
        raise NotFound(_("There is no such benefit."))
    return benefit


class ListBenefits(Operation):
    """List benefits.

    The newest first, drafts among them; `standing` narrows to those in force, scheduled, paused, over or drafts.
    """

    scope = Scope.BENEFITS_READ
    tag = "Benefits"
    function = "benefits"
    query_in = BenefitsIn
    out = BenefitsOut
    statuses: ClassVar = {200: "A page of benefits"}

    def answer(self, call: Call) -> Answer:
        """One query."""
        kind = call.query.get("kind")
        wanted = BenefitFilter(standing=call.query.get("standing", ""), kinds=(kind,) if kind else ())
        rows = benefits_selector.listed(merchant_id=call.merchant.pk, wanted=wanted, at=call.at)
        benefits, cursor = take(call, rows, what="benefits", newest_first=True)
        return Answer({"items": [shown(call, benefit) for benefit in benefits], "next_cursor": cursor})


class ReadBenefit(Operation):
    """Read a benefit."""

    scope = Scope.BENEFITS_READ
    tag = "Benefits"
    function = "benefits"
    out = BenefitOut
    statuses: ClassVar = {200: "The benefit"}

    def answer(self, call: Call) -> Answer:
        """One query."""
        return Answer(shown(call, found(call)))


class MakeBenefit(Operation):
    """Make a benefit.

    A draft, or with `publish` a published one. Benefits can be published while the program is a draft, and not while
    it is closed. What is published says what members get: a coupon an amount or a share off, a member price its
    list (`prices`), a per cent or an amount; else it is refused.
    """

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Benefits"
    function = "benefits"
    takes_key = True
    body_in = BenefitIn
    example: ClassVar = {
        "kind": "coupon",
        "name": "满100减10",
        "settings": {"at_least_minor": 10000, "off_minor": 1000},
        "publish": True,
    }
    out = BenefitOut
    statuses: ClassVar = {201: "The new benefit"}
    refusals = ("program-not-open",)

    def answer(self, call: Call) -> Answer:
        """Saves or publishes."""
        given = dict(call.body)
        is_published, prices = given.pop("publish"), told(given.pop("prices", None))
        who: dict[str, Any] = {"merchant_id": call.merchant.pk, "at": call.at, "actor": call.actor}
        if is_published and prices:
            benefit = told_prices.publish_told(**who, **given, prices=prices)
        elif is_published:
            benefit = benefits_service.publish_benefit(**who, **given)
        elif prices:
            raise Invalid.on("prices", _("A draft has no list of prices. Send the list when you publish it."))
        else:
            benefit = benefits_service.save_draft(**who, arguments=Arguments(**given))
        return Answer(shown(call, benefit), 201)


class PublishBenefit(Operation):
    """Publish a draft.

    It is in force from its `from_at`, or from now. Publishing what is published already changes nothing. A draft
    that does not say what members get is refused; a `member_price` takes its list of prices here.
    """

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Benefits"
    function = "benefits"
    takes_key = True
    body_in = PublishIn
    out = BenefitOut
    statuses: ClassVar = {200: "The benefit as it is now"}
    refusals = ("program-not-open", "conflict")

    def answer(self, call: Call) -> Answer:
        """Publishes the draft with what it says."""
        draft = found(call)
        said = arguments_of(draft)
        given: dict[str, Any] = {
            "merchant_id": call.merchant.pk,
            "at": call.at,
            "actor": call.actor,
            "public_id": draft.public_id,
            "reason": call.body.get("reason", ""),
            **{name: getattr(said, name) for name in said.__slots__},
        }
        if prices := told(call.body.get("prices")):
            benefit = told_prices.publish_told(**given, prices=prices)
        else:
            benefit = benefits_service.publish_benefit(**given)
        if benefit.status == BenefitStatus.ENDED:
            raise Conflict(_("This benefit has ended. Publish it anew instead."))
        return Answer(shown(call, benefit))


class _Move(Operation):
    """What pausing, resuming and ending have in common."""

    method = "POST"
    scope = Scope.BENEFITS_WRITE
    tag = "Benefits"
    function = "benefits"
    takes_key = True
    body_in = ReasonIn
    out = BenefitOut
    statuses: ClassVar = {200: "The benefit as it is now"}
    refusals = ("program-not-open",)
    service: ClassVar[Callable[..., Benefit]]

    def answer(self, call: Call) -> Answer:
        """Calls its service."""
        benefit = type(self).service(
            merchant_id=call.merchant.pk,
            benefit_id=found(call).pk,
            at=call.at,
            actor=call.actor,
            reason=call.body.get("reason", ""),
        )
        return Answer(shown(call, benefit))


class PauseBenefit(_Move):
    """Pause a benefit.

    It stops at once and does not count while it is paused. Pausing a paused one changes nothing.
    """

    service = staticmethod(benefits_service.pause_benefit)


class ResumeBenefit(_Move):
    """Let a paused benefit go on."""

    service = staticmethod(benefits_service.resume_benefit)


class EndBenefit(_Move):
    """End a benefit for good.

    Ending an ended one changes nothing. What was in force when stays on record.
    """

    service = staticmethod(benefits_service.end_benefit)
