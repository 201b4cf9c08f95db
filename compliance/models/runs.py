"""Clearance runs: one a period, worked in chunks, previewed without a trace (domain.md 3, architecture.md 5)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class RunState(models.TextChoices):
    """planned -> (braked, until a person approves) -> running -> done; running may be paused."""

    PLANNED = "planned", _("Planned")
    BRAKED = "braked", _("Waits for approval")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    DONE = "done", _("Done")


class Counts(models.Model):
    """Decisions by outcome."""

    eligible = models.BigIntegerField(_("eligible"), default=0)
    cleared = models.BigIntegerField(_("cleared"), default=0)
    kept = models.BigIntegerField(_("kept"), default=0)
    deferred = models.BigIntegerField(_("deferred"), default=0)
    held = models.BigIntegerField(_("held"), default=0)

    class Meta:
        abstract = True

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name."""
        return {name: getattr(self, name) for name in ("eligible", "cleared", "kept", "deferred", "held")}


class Run(Counts):
    """The clearance of one period (calendar month, "2024-06"), judged at `at` under `policy`.

    The counts are what was foreseen until it is done, then what was decided.
    """

    id = models.AutoField(primary_key=True)
    period = models.CharField(_("period"), max_length=7, unique=True)
    run_on = models.DateField(_("run on"))
    at = models.DateTimeField(_("judged at"))
    state = models.CharField(_("state"), max_length=8, choices=RunState.choices, default=RunState.PLANNED)
    is_manual = models.BooleanField(_("started by hand"), default=False)
    brake = models.CharField(_("why it waits"), max_length=12, blank=True)  # share | jump
    policy = models.ForeignKey(
        "compliance.Policy", models.PROTECT, related_name="+", verbose_name=_("policy")
    )
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    approved_at = models.DateTimeField(_("approved"), null=True)
    done_at = models.DateTimeField(_("done"), null=True)

    class Meta:
        verbose_name = _("clearance run")
        verbose_name_plural = _("clearance runs")
        ordering = ["-run_on", "-id"]

    def __str__(self) -> str:
        return self.period


class RunChunk(Counts):
    """A range of merchant ids of a run, `[first_id, last_id]`, decided in one transaction."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    is_done = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="run_chunk_number")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"


class Preview(Counts):
    """What a run would have decided, as foreseen at `made_at`; nothing else remembers it.

    would_clear: the merchants, ascending. digest: a hash of every decision with its evidence, so that two previews
    of the same facts are seen to be the same. members: those of the programs that would be cleared.
    """

    period = models.CharField(_("period"), max_length=7)
    run_on = models.DateField(_("run on"))
    at = models.DateTimeField(_("judged at"))
    made_at = models.DateTimeField(_("previewed"))
    policy = models.ForeignKey(
        "compliance.Policy", models.PROTECT, related_name="+", verbose_name=_("policy")
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    digest = models.CharField(_("hash"), max_length=64)
    members = models.BigIntegerField(_("members concerned"), default=0)
    would_clear = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        verbose_name = _("preview")
        verbose_name_plural = _("previews")
        ordering = ["-made_at", "-id"]
        indexes = [models.Index(fields=["period", "-made_at"], name="preview_by_period")]

    def __str__(self) -> str:
        return f"{self.period} {self.digest[:12]}"
