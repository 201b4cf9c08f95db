"""The decision of one program at one run, with the evidence it rests on (domain.md 3)."""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.utils.translation import gettext_lazy as _

from compliance.lib.danger import old_enough_on
from compliance.models.codes import CodeField
from compliance.models.runs import Run
from members.models import TenantQuerySet

_MERCHANT_BITS = 40
OUTCOME_CODES = {"cleared": 1, "kept": 2, "deferred": 3, "held": 4}
REASON_CODES = {
    "too_young": 1,
    "covered": 2,
    "exempt": 3,
    "appeal_pending": 4,
    "protected": 5,
    "notice_too_short": 6,
    "uncovered": 7,
    "held_out": 8,
}


class DecisionQuerySet(TenantQuerySet):
    """Decisions are keyed (run, merchant): name the run, or the runs, to find one quickly."""

    def by_id(self, decision_id: int) -> DecisionQuerySet:
        """The decision of an id, found by its key."""
        run_id, merchant_id = divmod(decision_id, 1 << _MERCHANT_BITS)
        return self.filter(run_id=run_id, merchant_id=merchant_id)

    def of_merchant(self, merchant_id: int) -> DecisionQuerySet:
        """A merchant's decisions, the latest run first: one probe of the key a run."""
        runs = list(Run.objects.values_list("id", flat=True))
        return self.filter(run_id__in=runs, merchant_id=merchant_id).order_by("-run_id")


class Decision(models.Model):
    """Exactly one per run and merchant. Append-only, written by the platform, replayable from its columns.

    Kept lean, because a run writes one row per program of the platform: no index but its key, no foreign key
    checked row by row (rows are written from the programs and the run themselves). `id` is run * 2^40 + merchant.

    The evidence is that of `compliance.lib.decide.Evidence`, with the facts it was read from. rules: the revision of
    the rules' code that read them (`compliance.lib.rules`); the rows from before there was such a number are of the
    first.
    """

    id = models.BigIntegerField(primary_key=True)
    merchant = models.ForeignKey(
        "members.Merchant", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    opened_at = models.DateTimeField(_("opened"))
    episode_began_at = models.DateTimeField()
    danger_at = models.DateTimeField(_("danger date"), null=True)
    safe_again_at = models.DateTimeField(_("covered again from"), null=True)
    uncovered_since = models.DateTimeField(_("nothing qualified since"), null=True)
    exempt_until = models.DateTimeField(_("exempt until"), null=True)
    appeal_filed_at = models.DateTimeField(_("appeal filed"), null=True)
    protected_until = models.DateTimeField(_("protected until"), null=True)
    notice_at = models.DateTimeField(_("notice given"), null=True)
    last_warned_at = models.DateTimeField(_("last warned"), null=True)
    run = models.ForeignKey(Run, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    policy = models.ForeignKey(
        "compliance.Policy", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    first_opened_on = models.DateField(_("first opened"))
    was_closed = models.BooleanField(_("closed by the merchant"))
    outcome = CodeField(
        _("outcome"),
        codes=OUTCOME_CODES,
        choices=[
            ("cleared", _("Cleared")),
            ("kept", _("Kept")),
            ("deferred", _("Deferred")),
            ("held", _("Held")),
        ],
    )
    reason = CodeField(
        _("reason"),
        codes=REASON_CODES,
        choices=[
            ("too_young", _("Younger than half a year")),
            ("covered", _("Covered by a qualifying benefit")),
            ("exempt", _("Exempt")),
            ("appeal_pending", _("Appeal pending")),
            ("protected", _("Protected")),
            ("notice_too_short", _("Not warned in time")),
            ("uncovered", _("No qualifying benefit")),
            ("held_out", _("Held out of this run")),
        ],
    )
    rules = models.SmallIntegerField(_("reading of the rules"), default=1)
    held_out_at = models.DateTimeField(_("held out of the run"), null=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        constraints = [models.UniqueConstraint(fields=["run", "merchant"], name="decision_once")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.merchant_id} {self.outcome}"

    @property
    def old_enough_on(self) -> dt.date:
        """The first platform day on which the program was old enough, under the policy that judged it."""
        return old_enough_on(self.first_opened_on, self.policy.rule)
