"""Clearance runs: one a period, worked in chunks, previewed without a trace (domain.md 3, architecture.md 5)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class RunState(models.TextChoices):
    """planned -> (braked, until a person approves) -> running -> done -> (undone); running may be paused; a person may
    stop one that is not done: what it has decided stands, the rest is left to the next run."""

    PLANNED = "planned", _("Planned")
    BRAKED = "braked", _("Waits for approval")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    DONE = "done", _("Done")
    UNDONE = "undone", _("Undone")
    STOPPED = "stopped", _("Stopped")


ENDED = (RunState.DONE, RunState.UNDONE, RunState.STOPPED)
UNDOABLE = (RunState.DONE, RunState.STOPPED)


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

    The counts are what was foreseen until it is done, then what was decided. digest: the hash of every decision with
    its evidence, written down once when the run is done (`compliance.services.reports`).
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
    stop_reason = models.CharField(_("why it was stopped"), max_length=500, blank=True)
    digest = models.CharField(_("hash"), max_length=64, blank=True)
    sealed_at = models.DateTimeField(_("hash written down"), null=True)

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


class ReportCheck(models.Model):
    """The hash of a run's report computed anew from the decisions that are stored, beside the one written down."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="checks")
    asked_at = models.DateTimeField(_("asked"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    by_label = models.CharField(_("who"), max_length=120, blank=True)
    done_at = models.DateTimeField(_("done"), null=True)
    digest = models.CharField(_("hash"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("check of a report")
        verbose_name_plural = _("checks of reports")
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run"], condition=models.Q(done_at=None), name="report_check_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.digest}".rstrip()

    @property
    def is_equal(self) -> bool:
        """Whether the decisions are those that were written down."""
        return self.digest == self.run.digest


class PreviewState(models.TextChoices):
    """queued -> working -> done; failed when it broke off or what was confirmed could not be started; stopped by a
    person while it was open."""

    QUEUED = "queued", _("Waits for a worker")
    WORKING = "working", _("Being worked out")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    STOPPED = "stopped", _("Stopped")


OPEN_PREVIEWS = (PreviewState.QUEUED, PreviewState.WORKING)


class Purpose(models.TextChoices):
    """What somebody wants to foresee a run for; no page names it."""

    # start: of the run by hand that a person confirmed, the facts are looked at once more. tonight: counts from the
    # standings as the last jobs left them. trial: of a policy that nobody has published yet.
    PREVIEW = "preview", "preview"
    START = "start", "start"
    TONIGHT = "tonight", "tonight"
    TRIAL = "trial", "trial"


# Those that people look at: they keep which programs would be cleared. The others only count.
NAMING = (Purpose.PREVIEW, Purpose.START)


class Failure(models.TextChoices):
    """Why a preview failed."""

    BROKE_OFF = "broke_off", _("It broke off several times at the same place. The worker's log says why.")
    HAS_RUN = "has_run", _("This period has had its run.")


class Preview(Counts):
    """What a run would have decided, as foreseen at `made_at`; nothing else remembers it.

    Worked out in parts of `part_size` merchant ids; `next_id` is where the next one begins, and what is counted grows
    with `parts_done`, in the transaction that judges the part.
    would_clear: the merchants, ascending. digest: a hash of every decision with its evidence, so that two previews
    of the same facts are seen to be the same. members, points, paid_members: those of the programs that would be
    cleared, the last with a term to be refunded; None in rows from before they were counted.
    confirms: the preview on which a person confirmed to start this run. run: the run that was started by it.
    tried: the version tried by a trial of a policy, as JSON (`compliance.services.policy_trials`). outlook: what it
    would change at the coming runs, one object each (`compliance.selectors.outlook`).
    """

    period = models.CharField(_("period"), max_length=7)
    run_on = models.DateField(_("run on"))
    at = models.DateTimeField(_("judged at"))
    made_at = models.DateTimeField(_("previewed"))
    done_at = models.DateTimeField(_("done"), null=True)
    policy = models.ForeignKey(
        "compliance.Policy", models.PROTECT, related_name="+", verbose_name=_("policy")
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True)
    purpose = models.CharField(max_length=8, choices=Purpose.choices, default=Purpose.PREVIEW)
    state = models.CharField(
        _("state"), max_length=8, choices=PreviewState.choices, default=PreviewState.QUEUED
    )
    failure = models.CharField(max_length=12, choices=Failure.choices, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)  # since it last got on
    next_id = models.BigIntegerField(default=0)
    part_size = models.PositiveIntegerField(default=1)
    parts = models.PositiveIntegerField(default=0)
    parts_done = models.PositiveIntegerField(default=0)
    confirms = models.OneToOneField("self", models.PROTECT, related_name="confirmation", null=True)
    run = models.ForeignKey(Run, models.PROTECT, related_name="+", null=True)
    tried = models.JSONField(null=True)
    outlook = models.JSONField(null=True)
    digest = models.CharField(_("hash"), max_length=64, blank=True)
    members = models.BigIntegerField(_("members concerned"), default=0)
    points = models.BigIntegerField(_("points"), null=True)
    paid_members = models.BigIntegerField(_("paid members"), null=True)
    would_clear = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        verbose_name = _("preview")
        verbose_name_plural = _("previews")
        ordering = ["-made_at", "-id"]
        indexes = [
            models.Index(fields=["period", "-made_at"], name="preview_by_period"),
            models.Index(
                fields=["id"], condition=models.Q(state__in=["queued", "working"]), name="preview_open"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(parts_done__lte=models.F("parts")), name="preview_parts_done"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} {self.digest[:12]}".rstrip()

    @property
    def is_open(self) -> bool:
        """Whether a worker still has to work at it."""
        return self.state in OPEN_PREVIEWS

    @property
    def is_done(self) -> bool:
        """Whether its figures are there."""
        return self.state == PreviewState.DONE
