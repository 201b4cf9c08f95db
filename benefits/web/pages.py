"""The pages of benefits in the console's menu, and their actions in the words of the audit log."""

from __future__ import annotations

import datetime as dt

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from benefits.lib.coverage import EVERYONE
from benefits.lib.kinds import KINDS, LIMITS
from benefits.models import BenefitStatus, FindingKind, GuardLevel, RewardState
from benefits.selectors import audiences
from benefits.services.till_words import QUEUED_WORDS
from benefits.web import entitlements, own, own_draws, own_rewards, subscriptions, timeline, words
from benefits.web.cashier import CASHIERS
from benefits.web.words import DELIVERIES
from members.web import (
    audit_words,
    gates,
    member_sections,
    own_sections,
    tier_simulation,
    timeline_words,
)
from members.web.menu import register as add


def _by_tier(merchant_id: int, at: dt.datetime) -> list[tuple[str, str, list[str]]]:
    """The benefits of certain tiers with their pages, for the simulator of tiers."""
    found = audiences.by_tier(merchant_id, at)
    return [(name, reverse("benefits:benefits_detail", args=[key]), codes) for name, key, codes in found]


def register() -> None:
    """Add the pages to their group, name what the audit log shows, and tell the simulator of tiers of benefits."""
    tier_simulation.register(_by_tier)
    timeline_words.register(timeline.TELLERS)
    for order, label, route in (
        (10, _("All benefits"), "benefits:benefits_list"),
        (20, _("Calendar"), "benefits:calendar_page"),
        (30, _("Member prices"), "benefits:prices_list"),
        (40, _("Coupons"), "benefits:coupons_list"),
        (50, _("Draws"), "benefits:draws_list"),
    ):
        add("benefits", label=label, route=route, order=order, roles=gates.READERS)
    add("program", label=_("Rewards"), route="benefits:rewards_list", order=40, roles=gates.READERS)
    add(
        "program",
        label=_("Orders of rewards"),
        route="benefits:rewardorders_list",
        order=45,
        roles=gates.READERS,
    )
    add("program", label=_("Paid membership"), route="benefits:plans_list", order=50, roles=gates.READERS)
    add(
        "program", label=_("Paid members"), route="benefits:subscriptions_list", order=55, roles=gates.READERS
    )
    add("benefits", label=_("Redeem codes"), route="benefits:cashier_page", order=60, roles=CASHIERS)
    member_sections.register(entitlements.of_member)
    member_sections.register(subscriptions.of_member)
    own_sections.register(subscriptions.own_section, order=20)
    own_sections.register(own.codes_section, order=30)
    own_sections.register(own.benefits_section, order=40)
    own_sections.register(own_draws.draws_section, order=45)
    own_sections.register(own_rewards.rewards_section, order=50)
    own_sections.register(own_rewards.orders_section, order=60)
    audit_words.register(
        actions={
            "prices.changed": _("Prices changed"),
            "prices.undone": _("Change of prices taken back"),
            "benefit.published": _("Benefit published"),
            "benefit.changed": _("Benefit changed"),
            "benefit.paused": _("Benefit paused"),
            "benefit.resumed": _("Benefit resumed"),
            "benefit.ended": _("Benefit ended"),
            "benefit.stock_set": _("Stock of a benefit changed"),
            "benefit.audience_turned": _("Audience of a benefit changed"),
            "benefit.draft_saved": _("Draft of a benefit saved"),
            "benefit.draft_discarded": _("Draft of a benefit deleted"),
            "campaign.started": _("Giving a benefit to many members begun"),
            "campaign.finished": _("Benefit given to many members"),
            "campaign.cancelled": _("Giving a benefit to many members stopped"),
            "campaign.failed": _("Giving a benefit to many members broke off"),
            "campaign.undo_started": _("Taking a benefit back from many members begun"),
            "campaign.undone": _("Benefit taken back from many members"),
            "draw.committed": _("Draw published with its commitment"),
            "draw.rules_changed": _("Rules of a draw changed before it began"),
            "draw.entered": _("Member entered in a draw"),
            "draw.drawn": _("Winners drawn"),
            "benefit.codes_uploaded": _("Codes put into a pool"),
            "benefit.codes_undone": _("Codes taken out of a pool"),
            "entitlement.code_shown": _("Partner's code looked at"),
            "entitlement.given": _("Benefit given to a member"),
            "entitlement.revoked": _("Entitlement taken back"),
            "entitlement.reserved": _("Entitlement reserved"),
            "entitlement.released": _("Reservation of an entitlement let go"),
            "entitlement.redeemed": _("Entitlement redeemed"),
            "entitlement.undone": _("Redemption undone"),
            "entitlement.queued": _("Code taken without a connection sent in"),
            "plan.created": _("Plan created"),
            "plan.changed": _("Plan changed"),
            "subscription.sold": _("Paid term recorded"),
            "subscription.cancelled": _("Paid term not to go on"),
            "subscription.refunded": _("Paid term refunded"),
            "subscription.paid_back": _("Refund of a paid term paid back"),
            "reward_order.paid": _("Order of a reward paid"),
            "reward_order.shipped": _("Reward sent"),
            "reward_order.received": _("Reward received"),
            "reward_order.cancelled": _("Order of a reward cancelled"),
            "reward_order.address_shown": _("Address of an order of a reward looked at"),
        },
        topics={
            "benefit": _("Benefits"),
            "draw": _("Draws"),
            "gift_campaign": _("Benefits given to many members"),
            "entitlement": _("Entitlements"),
            "price_change": _("Changes of prices"),
            "reward_order": _("Orders of rewards"),
            "plan": _("Plans"),
            "subscription": _("Paid terms"),
        },
        fields={
            "from": words.FIELDS["from_at"],
            "to": words.FIELDS["to_at"],
            "settings": words.FIELDS["settings"],
            "audience": words.FIELDS["audience"],
            "stock": words.FIELDS["stock"],
            "holdout_percent": words.FIELDS["holdout_percent"],
            "tiers": _("Tiers"),
            "off_minor": _("Amount off in minor units"),
            "off_percent": _("Share off in per cent"),
            "at_least_minor": _("Orders from, in minor units"),
            "max_off_minor": _("At most, in minor units"),
            "percent": _("Per cent of the price"),
            "fixed_minor": _("Price in minor units"),
            "price_minor": _("Price in minor units"),
            "value_minor": _("Market value in minor units"),
            "money_minor": _("Money besides, in minor units"),
            "delivery": _("How it comes"),
            "prizes": _("Prizes"),
            "count": _("Pieces"),
            "terms": _("Rules and how prizes are claimed"),
            "list": _("Price list"),
            "lower": _("Prices below the list price"),
            "bait": FindingKind.BAIT.label,
            "conditions": FindingKind.CONDITIONS.label,
            "comparison": FindingKind.COMPARISON.label,
            "floor": FindingKind.FLOOR.label,
            "far_percent": _("far below: under so many per cent"),
            "few_percent": _("few members: at most so many per cent"),
            "eu_days": _("days before a reduction in the EU"),
            "benefit": _("Benefit"),
            "use": _("Act"),
            "left": _("Uses left"),
            "queued": _("What came of it"),
            "taken_at": _("Taken at"),
            "commitment": _("Commitment"),
            "rules_hash": _("Hash of the rules"),
            "entrant": _("Entrant"),
            "entrants": _("Entrants"),
            "winners": _("Winners"),
            "issued": _("Given in all"),
            "undone": _("Taken back"),
            "digest": _("Hash of the proof file"),
            "one_in": _("Odds: one in"),
            "entries": _("Entries of one member"),
            "claim_days": _("Days to claim a prize"),
            "on_order": _("Orders that bring it"),
            "pool": _("Codes come from a list"),
            "added": _("Codes added"),
            "withdrawn": _("Codes taken out"),
            "fee_minor": _("Fee in minor units"),
            "paid_minor": _("Paid, in minor units"),
            "later_terms_moved_days": _("Days by which later terms moved on"),
            "refund_minor": _("To be paid back, in minor units"),
            "term_months": _("Months of a term"),
            "days_left": _("Days left"),
            "is_sold": _("On sale"),
            "plan": _("Plan"),
            "to_at": words.FIELDS["to_at"],
            "from_minor": _("Orders from, in minor units"),
            "skus": _("SKUs"),
            **{name: words.LIMITS[name] for name in LIMITS},
        },
        values={
            **{f"guard_policy.{kind.value}": dict(GuardLevel.choices) for kind in FindingKind},
            "benefit.status": dict(BenefitStatus.choices),
            "reward_order.state": dict(RewardState.choices),
            "delivery": dict(DELIVERIES),
            "benefit.kind": {code: kind.label for code, kind in KINDS.items()},
            "benefit.audience": {EVERYONE: _("All members")},
            "queued": QUEUED_WORDS,
        },
    )
