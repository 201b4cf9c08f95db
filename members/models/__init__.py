"""The tables of the members app, one file a topic."""

from members.models.audit import AuditRow, PlatformAuditRow
from members.models.base import TenantModel, TenantQuerySet
from members.models.benefit_uses import BenefitUse
from members.models.bulk_acts import BulkAct, BulkActMember, BulkKind
from members.models.consumers import Consumer, ConsumerLink
from members.models.earning import EarningUse, OrderBonus, Referral
from members.models.exports import Export, ExportFormat, ExportKind
from members.models.imports import ColumnName, ImportedMember, ImportJob, ImportKind, ImportState
from members.models.jobs import IdempotencyRow, JobTick, LedgerProof, OutboxRow, TierAudit
from members.models.joining import JoinRule, JoinStanding, JoinTally
from members.models.members import Identity, JoinSource, Member, MemberStatus
from members.models.merchants import Channel, Installation, Merchant, Store
from members.models.orders import DailyTotal, Order, OrderLine, OrderRevision, OrderStatus, Refund
from members.models.points import (
    EntryKind,
    ExpiryEmail,
    ExpiryEmailState,
    ExpiryNotice,
    PendingPoints,
    PointsAccount,
    PointsAllocation,
    PointsEntry,
    PointsLot,
    PointsRequest,
    PointsRequestStatus,
    PointsVerb,
)
from members.models.programs import Closure, GapPosting, Program, ProgramStatus
from members.models.rules import RulesVersion, Tier
from members.models.saved_views import SavedView
from members.models.segments import FactsDue, MemberFacts, MemberTag, Segment, SegmentKind, SegmentMember
from members.models.staff import ApiKey, Invitation, Role, Staff
from members.models.statements import PointsStatement
from members.models.support import SupportVisit
from members.models.tiers import TierLift, TierLiftMember, TierMove, TierOutlook, TierStanding, TierValidity
from members.models.users import User
from members.models.webhooks import WebhookDelivery, WebhookEndpoint
from members.models.worked import WorkState

__all__ = [
    "ApiKey",
    "AuditRow",
    "BenefitUse",
    "BulkAct",
    "BulkActMember",
    "BulkKind",
    "Channel",
    "Closure",
    "ColumnName",
    "Consumer",
    "ConsumerLink",
    "DailyTotal",
    "EarningUse",
    "EntryKind",
    "ExpiryEmail",
    "ExpiryEmailState",
    "ExpiryNotice",
    "Export",
    "ExportFormat",
    "ExportKind",
    "FactsDue",
    "GapPosting",
    "IdempotencyRow",
    "Identity",
    "ImportJob",
    "ImportKind",
    "ImportState",
    "ImportedMember",
    "Installation",
    "Invitation",
    "JobTick",
    "JoinRule",
    "JoinSource",
    "JoinStanding",
    "JoinTally",
    "LedgerProof",
    "Member",
    "MemberFacts",
    "MemberStatus",
    "MemberTag",
    "Merchant",
    "Order",
    "OrderBonus",
    "OrderLine",
    "OrderRevision",
    "OrderStatus",
    "OutboxRow",
    "PendingPoints",
    "PlatformAuditRow",
    "PointsAccount",
    "PointsAllocation",
    "PointsEntry",
    "PointsLot",
    "PointsRequest",
    "PointsRequestStatus",
    "PointsStatement",
    "PointsVerb",
    "Program",
    "ProgramStatus",
    "Referral",
    "Refund",
    "Role",
    "RulesVersion",
    "SavedView",
    "Segment",
    "SegmentKind",
    "SegmentMember",
    "Staff",
    "Store",
    "SupportVisit",
    "TenantModel",
    "TenantQuerySet",
    "Tier",
    "TierAudit",
    "TierLift",
    "TierLiftMember",
    "TierMove",
    "TierOutlook",
    "TierStanding",
    "TierValidity",
    "User",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WorkState",
]
