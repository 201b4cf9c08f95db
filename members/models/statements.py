"""What is closed of the books of points: a statement a month, never changed again (domain.md 6, Liability)."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from members.models.base import TenantModel


def _tie() -> Any:
    """Opening + movements = closing = what the pots hold (and a difference, which a sound ledger has not)."""
    moved: Any = F("opening")
    for name in (
        "issued", "imported", "redeemed", "cancelled", "expired", "given_back", "clawed_back", "adjusted",
        "transferred",
    ):  # fmt: skip
        moved = moved + F(name)
    pots = F("available") + F("pending") + F("held") - F("deficit") + F("difference")
    return models.Q(closing=moved) & models.Q(closing=pots)


class PointsStatement(TenantModel):
    """The books of a merchant's month, closed once. Append-only: what arrives later is booked in a later month.

    It covers the entries dated before `until` that had arrived when it was closed (ids up to `position`), less those
    that the statement before covers. `late` are those of them dated before the month. Movements have their sign;
    `members.lib.books` says what they are and how they tie.
    """

    month = models.DateField(_("month"))  # its first day
    until = models.DateTimeField()  # where it ends, exclusive
    closed_at = models.DateTimeField(_("closed at"))
    position = models.BigIntegerField()
    entries = models.BigIntegerField()
    late = models.BigIntegerField(default=0)
    opening = models.BigIntegerField()
    issued = models.BigIntegerField()
    imported = models.BigIntegerField()
    redeemed = models.BigIntegerField()
    cancelled = models.BigIntegerField()
    expired = models.BigIntegerField()
    given_back = models.BigIntegerField()
    clawed_back = models.BigIntegerField()
    adjusted = models.BigIntegerField()
    transferred = models.BigIntegerField()
    closing = models.BigIntegerField()
    available = models.BigIntegerField()
    pending = models.BigIntegerField()
    held = models.BigIntegerField()
    deficit = models.BigIntegerField()
    difference = models.BigIntegerField(default=0)  # between entries and lots; a sound ledger has none
    by_expiry = models.JSONField(default=list)  # [["2026-07-01" or null, points]] of `available`
    currency = models.CharField(max_length=3)
    rules_version = models.IntegerField(null=True)  # in force at the end of the month
    point_cost = models.DecimalField(max_digits=12, decimal_places=6, null=True)  # minor units
    liability_minor = models.BigIntegerField(null=True)  # of all that is owed
    expected_minor = models.BigIntegerField(null=True)  # of what will be used by the estimate
    breakage_ppm = models.IntegerField(null=True)
    breakage_basis = models.JSONField(default=dict)  # {"months": [[month, issued, expired]], "given_back": n}
    fingerprint = models.CharField(max_length=40)  # of the entries that it covers beyond the one before
    seal = models.CharField(max_length=64)  # of these figures and of the seal before

    class Meta:
        verbose_name = _("month-end statement")
        verbose_name_plural = _("month-end statements")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "month"], name="points_statement_month_once"),
            models.CheckConstraint(condition=_tie(), name="points_statement_ties"),
            models.CheckConstraint(
                condition=models.Q(pending__gte=0, held__gte=0, deficit__gte=0) | ~models.Q(difference=0),
                name="points_statement_pots_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"
