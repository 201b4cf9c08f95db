"""What the workers rely on: ticks made up once, rows left for tasks, answers kept for repeated requests."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.crypto import EncryptedTextField
from members.models.base import TenantModel


class JobTick(models.Model):
    """One due instant of one scheduled job in one scope; unique, so that a tick is worked once.

    progress: how far it is while it works, {"step", "done", "total"} (`members.services.job_progress`).
    """

    id = models.BigAutoField(primary_key=True)
    job = models.CharField(max_length=40)
    scope = models.CharField(max_length=48)  # "platform" or a time zone's name
    due_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    report = models.JSONField(null=True)
    progress = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "scope", "due_at"], name="job_tick_once")]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(done_at=None), name="job_tick_open"),
        ]


class OutboxRow(TenantModel):
    """Work left by a transaction for after its commit (an e-mail): claimed by a task."""

    topic = models.CharField(max_length=40)  # "email"
    key = models.CharField(max_length=120)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "topic", "key"], name="outbox_once")]
        indexes = [models.Index(fields=["due_at"], condition=models.Q(done_at=None), name="outbox_open")]


class IdempotencyRow(TenantModel):
    """The first answer to a keyed request, written in the transaction of its effect (domain.md 6).

    Requests and answers name people: the answer is sealed, and the hash is keyed, so that no body can be guessed by it.
    """

    key = models.CharField(max_length=120)
    body_hash = models.CharField(max_length=64)
    status = models.SmallIntegerField()
    answer = EncryptedTextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "key"], name="idempotency_key_once")]


class TierAudit(models.Model):
    """A night's audit of the tiers of a sample of every merchant's members (domain.md 5). Platform's alone.

    `through` is the last shop that was audited: an audit that was cut off goes on behind it. `lift_shops` are those at
    which lifts that did not happen are looked for, of which `lifts_through` are done, `lift_members` the members looked
    at. `listed` names the first members that differ: [{"merchant_id", "member_id", "what"}].
    """

    night = models.DateField(_("night"), unique=True)
    started_at = models.DateTimeField(_("started"))
    done_at = models.DateTimeField(_("done"), null=True)
    through = models.BigIntegerField(default=0)
    members = models.BigIntegerField(_("members"), default=0)
    mismatches = models.BigIntegerField(_("differences"), default=0)
    listed = models.JSONField(default=list)
    lift_shops = models.JSONField(null=True)
    lifts_through = models.IntegerField(default=0, db_default=0)
    lift_members = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name = _("audit of the tiers")
        verbose_name_plural = _("audits of the tiers")

    def __str__(self) -> str:
        return self.night.isoformat()


class LedgerProof(models.Model):
    """A night's proof of the points ledger of every merchant, worked shop by shop (domain.md 6). Platform's alone.

    `through` is the last merchant proved: a proof that was cut off goes on behind it. `listed` names the first members
    that do not add up, [{"merchant_id", "member_id", "what"}], and the closed months whose statement no longer agrees
    with it, [{"merchant_id", "month"}]; `statements` counts those.
    """

    night = models.DateField(_("night"), unique=True)
    started_at = models.DateTimeField(_("started"))
    done_at = models.DateTimeField(_("done"), null=True)
    through = models.BigIntegerField(default=0)
    merchants = models.IntegerField(_("merchants"), default=0)
    members = models.BigIntegerField(_("members"), default=0)
    entries = models.BigIntegerField(_("entries"), default=0)
    mismatches = models.BigIntegerField(_("differences"), default=0)
    statements = models.BigIntegerField(_("statements that do not agree"), default=0)
    listed = models.JSONField(default=list)

    class Meta:
        verbose_name = _("proof of the points ledger")
        verbose_name_plural = _("proofs of the points ledger")

    def __str__(self) -> str:
        return self.night.isoformat()
