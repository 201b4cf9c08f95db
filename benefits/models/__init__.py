"""The tables of the benefits app, one file a topic."""

from benefits.models.benefits import Benefit, BenefitRevision, BenefitStatus, RevisionAction
from benefits.models.coverage import Coverage, CoverageDue
from benefits.models.entitlements import (
    BenefitBudget,
    Entitlement,
    EntitlementSource,
    EntitlementState,
    EntitlementUse,
    PaidWith,
    UseAction,
)
from benefits.models.prices import CatalogueSku, MemberPrice, PriceUpload
from benefits.models.pricing import PriceChange, PriceChangeKind, PriceChangeState, PriceVersion, SkuPrice
from benefits.models.rewards import RewardOrder, RewardState

__all__ = [
    "Benefit",
    "BenefitBudget",
    "BenefitRevision",
    "BenefitStatus",
    "CatalogueSku",
    "Coverage",
    "CoverageDue",
    "Entitlement",
    "EntitlementSource",
    "EntitlementState",
    "EntitlementUse",
    "MemberPrice",
    "PaidWith",
    "PriceChange",
    "PriceChangeKind",
    "PriceChangeState",
    "PriceUpload",
    "PriceVersion",
    "RevisionAction",
    "RewardOrder",
    "RewardState",
    "SkuPrice",
    "UseAction",
]
