"""What is known of a program for its clearance, stored so that status, warnings and runs are range scans."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models import TenantQuerySet


class Standing(models.Model):
    """One row per program that was ever opened: the facts a run decides from. Derived, never shown unchecked.

    Written by `compliance.services.standing` from coverage, policy versions, notices and protections; true from
    `refreshed_at` until `due_at` unless the program's coverage changes (a due row says so). Whether the program is
    open is not stored here: it is read from the program itself, `run_on` is the run that threatens it while open.

    danger_at, safe_again_at, in_force, uncovered_since: see `compliance.lib.danger.Assessment`.
    warned_at, last_warned_at: the first and the latest warning of the present at-risk episode.
    restored_until: end of the protection that a restoration after a clearance gave. exempt_until: of an exemption.
    appeal_filed_at: when the appeal was filed that holds the program out of runs.
    cover_shape, cover_from, cover_to, configured_at, configured_force: its coverage in one line
        (`compliance.lib.outline`); no shape where one line does not tell it.
    """

    merchant = models.OneToOneField(
        "members.Merchant", models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    opened_at = models.DateTimeField(_("opened"), null=True)
    episode_began_at = models.DateTimeField(null=True)
    danger_at = models.DateTimeField(_("danger date"), null=True)
    safe_again_at = models.DateTimeField(null=True)
    uncovered_since = models.DateTimeField(null=True)
    warned_at = models.DateTimeField(null=True)
    last_warned_at = models.DateTimeField(null=True)
    protected_until = models.DateTimeField(_("protected until"), null=True)
    restored_until = models.DateTimeField(null=True)
    exempt_until = models.DateTimeField(_("exempt until"), null=True)
    appeal_filed_at = models.DateTimeField(null=True)
    refreshed_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    first_opened_on = models.DateField(null=True)
    run_on = models.DateField(_("run that threatens"), null=True)
    policy_number = models.PositiveIntegerField(default=0)
    in_force = models.BooleanField(default=False)
    cover_shape = models.TextField(default="", db_default="")
    cover_from = models.DateTimeField(null=True)
    cover_to = models.DateTimeField(null=True)
    configured_at = models.DateTimeField(null=True)
    configured_force = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("standing")
        verbose_name_plural = _("standings")
        indexes = [
            models.Index(fields=["run_on"], condition=models.Q(run_on__isnull=False), name="standing_by_run"),
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="standing_due"),
            models.Index(fields=["policy_number"], name="standing_by_policy"),
            models.Index(fields=["refreshed_at"], name="standing_by_refresh"),
            models.Index(fields=["cover_shape"], name="standing_by_shape"),
        ]

    def __str__(self) -> str:
        return str(self.merchant_id)
