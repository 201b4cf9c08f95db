"""The tables of the benefits app, one file a topic."""

from benefits.models.benefits import Benefit, BenefitRevision, BenefitStatus, RevisionAction
from benefits.models.coverage import Coverage, CoverageDue
from benefits.models.prices import CatalogueSku, MemberPrice, PriceUpload
from benefits.models.pricing import PriceChange, PriceChangeKind, PriceChangeState, PriceVersion, SkuPrice

__all__ = [
    "Benefit",
    "BenefitRevision",
    "BenefitStatus",
    "CatalogueSku",
    "Coverage",
    "CoverageDue",
    "MemberPrice",
    "PriceChange",
    "PriceChangeKind",
    "PriceChangeState",
    "PriceUpload",
    "PriceVersion",
    "RevisionAction",
    "SkuPrice",
]
