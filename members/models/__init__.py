"""The tables of the members app, one file a topic."""

from members.models.audit import AuditRow, PlatformAuditRow
from members.models.base import TenantModel, TenantQuerySet
from members.models.jobs import IdempotencyRow, JobTick, OutboxRow
from members.models.merchants import Channel, Installation, Merchant, Store
from members.models.programs import Closure, Program, ProgramStatus
from members.models.staff import ApiKey, Invitation, Role, Staff
from members.models.users import User

__all__ = [
    "ApiKey",
    "AuditRow",
    "Channel",
    "Closure",
    "IdempotencyRow",
    "Installation",
    "Invitation",
    "JobTick",
    "Merchant",
    "OutboxRow",
    "PlatformAuditRow",
    "Program",
    "ProgramStatus",
    "Role",
    "Staff",
    "Store",
    "TenantModel",
    "TenantQuerySet",
    "User",
]
