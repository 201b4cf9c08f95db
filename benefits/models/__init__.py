"""The tables of the benefits app, one file a topic."""

from benefits.models.benefits import Benefit, BenefitRevision, BenefitStatus, RevisionAction
from benefits.models.campaigns import GiftCampaign
from benefits.models.catalogue import PriceEntry, Product
from benefits.models.coverage import Coverage, CoverageDue
from benefits.models.draws import Draw, DrawEntry, DrawSeed, DrawState, DrawWin
from benefits.models.effects import BenefitEffect, Exposure
from benefits.models.entitlements import (
    BenefitBudget,
    Entitlement,
    EntitlementSource,
    EntitlementState,
    EntitlementUse,
    PaidWith,
    UseAction,
)
from benefits.models.plans import Plan, PlanVersion, SoldBy, Subscription
from benefits.models.pools import CodeState, CodeUpload, PoolCode
from benefits.models.price_guard import FindingKind, GuardLevel, GuardPolicy, PriceFinding
from benefits.models.prices import CatalogueSku, MemberPrice, PriceUpload
from benefits.models.pricing import PriceChange, PriceChangeKind, PriceChangeState, PriceVersion, SkuPrice
from benefits.models.rewards import RewardOrder, RewardState
from benefits.models.till_queue import QueuedCode

__all__ = [
    "Benefit",
    "BenefitBudget",
    "BenefitEffect",
    "BenefitRevision",
    "BenefitStatus",
    "CatalogueSku",
    "CodeState",
    "CodeUpload",
    "Coverage",
    "CoverageDue",
    "Draw",
    "DrawEntry",
    "DrawSeed",
    "DrawState",
    "DrawWin",
    "Entitlement",
    "EntitlementSource",
    "EntitlementState",
    "EntitlementUse",
    "Exposure",
    "FindingKind",
    "GiftCampaign",
    "GuardLevel",
    "GuardPolicy",
    "MemberPrice",
    "PaidWith",
    "Plan",
    "PlanVersion",
    "PoolCode",
    "PriceChange",
    "PriceChangeKind",
    "PriceChangeState",
    "PriceEntry",
    "PriceFinding",
    "PriceUpload",
    "PriceVersion",
    "Product",
    "QueuedCode",
    "RevisionAction",
    "RewardOrder",
    "RewardState",
    "SkuPrice",
    "SoldBy",
    "Subscription",
    "UseAction",
]
