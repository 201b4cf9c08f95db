"""Benefits and their history (domain.md 8 and 3)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from benefits.lib.coverage import EVERYONE
from benefits.lib.holdouts import MOST_PERCENT
from benefits.lib.kinds import label_of
from members.lib.fields import PublicIdField, TenantForeignKey
from members.models import TenantModel


class BenefitStatus(models.TextChoices):
    """What was done with a benefit. Scheduled, in force and over depend on the instant and are not stored."""

    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")


class RevisionAction(models.TextChoices):
    """What a revision records (`benefits.lib.coverage.Action`)."""

    PUBLISH = "publish", _("Published")
    CHANGE = "change", _("Changed")
    PAUSE = "pause", _("Paused")
    RESUME = "resume", _("Resumed")
    END = "end", _("Ended")
    STOCK = "stock", _("Stock changed")
    AUDIENCE = "audience", _("Audience changed")


def everyone() -> str:
    """The audience that a benefit has unless another is named."""
    return EVERYONE


class Benefit(TenantModel):
    """A benefit as it stands now. What it was at an earlier instant is read from its revisions.

    audience: "everyone" or {"tiers": [tier codes]}. audience_empty: one is named and nobody is in it.
    stock: units left, None without limit. revision, revision_at: the newest revision (0, None for a draft).
    scope: {"channels": [...], "stores": ["pos:001"], "scenes": [...]}, {} for everywhere (`benefits.lib.scope`).
    holdout_percent: the share of members who are held out of it (`benefits.lib.holdouts`), fixed when it is published;
    enrolled_at: since when all whom it was for then are known, where members claim it.
    doubts, measured: what speaks against it and the facts of that (`benefits.lib.usefulness`), as of the newest
    publication or change; {} where nothing was measured (a draft, a scripted history).
    """

    public_id = PublicIdField()
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("kind"), max_length=24)
    status = models.CharField(
        _("status"), max_length=9, choices=BenefitStatus.choices, default=BenefitStatus.DRAFT
    )
    audience_empty = models.BooleanField(default=False)
    worthless = models.BooleanField(default=False)
    doubts = models.IntegerField(default=0, db_default=0)
    measured = models.JSONField(default=dict, db_default={})
    stock = models.IntegerField(_("stock"), null=True, blank=True)
    holdout_percent = models.SmallIntegerField(_("control group (%)"), default=0, db_default=0)
    enrolled_at = models.DateTimeField(null=True, blank=True)
    revision = models.IntegerField(default=0)
    from_at = models.DateTimeField(_("from"), null=True, blank=True)
    to_at = models.DateTimeField(_("to"), null=True, blank=True)
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    revision_at = models.DateTimeField(null=True, blank=True)
    settings = models.JSONField(_("settings"), default=dict)
    audience = models.JSONField(_("audience"), default=everyone)
    scope = models.JSONField(_("where it holds"), default=dict, db_default={})

    class Meta:
        verbose_name = _("benefit")
        verbose_name_plural = _("benefits")
        indexes = [
            # The few whose coverage depends on who is in which tier.
            models.Index(
                fields=["merchant"],
                condition=models.Q(status__in=[BenefitStatus.PUBLISHED, BenefitStatus.PAUSED])
                & ~models.Q(audience=EVERYONE),
                name="benefit_with_audience",
            ),
            # Those whose members are to be written down, across merchants.
            models.Index(
                fields=["from_at"],
                condition=models.Q(holdout_percent__gt=0, enrolled_at=None, status=BenefitStatus.PUBLISHED),
                name="benefit_to_enrol",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="benefit_public_id_unique"),
            models.CheckConstraint(
                condition=models.Q(to_at=None)
                | models.Q(from_at=None)
                | models.Q(to_at__gt=models.F("from_at")),
                name="benefit_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=models.Q(stock=None) | models.Q(stock__gte=0), name="benefit_stock_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(holdout_percent__gte=0, holdout_percent__lte=MOST_PERCENT),
                name="benefit_holdout_within",
            ),
            models.CheckConstraint(
                condition=models.Q(status=BenefitStatus.DRAFT, published_at=None, revision=0)
                | models.Q(
                    status__in=[BenefitStatus.PUBLISHED, BenefitStatus.PAUSED, BenefitStatus.ENDED],
                    published_at__isnull=False,
                    revision_at__isnull=False,
                    revision__gte=1,
                ),
                name="benefit_published_unless_draft",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name or label_of(self.kind))


class BenefitRevision(TenantModel):
    """One change of a benefit, with all its arguments as they are after it. Append-only.

    The instants when it was in force and when it was configured are computed from these rows and nothing else.
    configures: whether it counts as configuring the benefit (domain.md 3), judged when it was written.
    """

    benefit = TenantForeignKey(Benefit, related_name="revisions")
    number = models.IntegerField()
    at = models.DateTimeField(_("time"))
    action = models.CharField(_("action"), max_length=8, choices=RevisionAction.choices)
    configures = models.BooleanField(default=False)
    audience_empty = models.BooleanField(default=False)
    worthless = models.BooleanField(default=False)
    doubts = models.IntegerField(default=0, db_default=0)
    measured = models.JSONField(default=dict, db_default={})
    stock = models.IntegerField(_("stock"), null=True)
    holdout_percent = models.SmallIntegerField(_("control group (%)"), default=0, db_default=0)
    from_at = models.DateTimeField(_("from"), null=True)
    to_at = models.DateTimeField(_("to"), null=True)
    kind = models.CharField(_("kind"), max_length=24)
    name = models.CharField(_("name"), max_length=80)
    settings = models.JSONField(_("settings"), default=dict)
    audience = models.JSONField(_("audience"), default=everyone)
    scope = models.JSONField(_("where it holds"), default=dict, db_default={})
    actor_label = models.CharField(_("who"), max_length=120, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("benefit revision")
        verbose_name_plural = _("benefit revisions")
        ordering = ["benefit_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["merchant", "benefit", "number"], name="benefit_revision_number"),
            models.CheckConstraint(condition=models.Q(number__gte=1), name="benefit_revision_from_one"),
            models.CheckConstraint(
                condition=models.Q(to_at=None)
                | models.Q(from_at=None)
                | models.Q(to_at__gt=models.F("from_at")),
                name="benefit_revision_ends_after",
            ),
            models.CheckConstraint(
                condition=models.Q(stock=None) | models.Q(stock__gte=0), name="benefit_revision_stock"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.number}"
