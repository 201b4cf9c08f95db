"""Provable draws (domain 8): what was published, the sealed seed, who entered, who won."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from benefits.models.benefits import Benefit
from benefits.models.entitlements import Entitlement
from members.lib.crypto import EncryptedTextField
from members.lib.fields import PublicIdField, TenantForeignKey
from members.models import Member, TenantModel


class DrawState(models.TextChoices):
    """A draw waits for its close and is drawn once; one that was ended before it began is withdrawn."""

    OPEN = "open", pgettext_lazy("draw", "Published")
    DRAWN = "drawn", pgettext_lazy("draw", "Drawn")
    WITHDRAWN = "withdrawn", pgettext_lazy("draw", "Withdrawn before it began")


class Draw(TenantModel):
    """A draw as it was published. Its rules change until it begins and never after; it is never deleted.

    rules: what the law wants published and the formula binds (`benefits.services.draw_terms`), with the salt of the
    entrants' pseudonyms; rules_hash: of their canonical form. commitment: the hash of the seed. changed_at: the
    instant of the last change of the rules. Empty until it is drawn: seed, root (of the closed list), digest (of the
    proof file). entrants: entries in the closed list.
    """

    public_id = PublicIdField()
    benefit = TenantForeignKey(Benefit, related_name="+")
    state = models.CharField(_("state"), max_length=9, choices=DrawState.choices, default=DrawState.OPEN)
    published_at = models.DateTimeField(_("published"))
    changed_at = models.DateTimeField()
    opens_at = models.DateTimeField(_("entries open"))
    closes_at = models.DateTimeField(_("entries close"))
    rules = models.JSONField()
    rules_hash = models.CharField(max_length=64)
    commitment = models.CharField(_("commitment"), max_length=64)
    entrants = models.IntegerField(null=True)
    seed = models.CharField(max_length=64, default="", blank=True)
    root = models.CharField(max_length=64, default="", blank=True)
    digest = models.CharField(max_length=64, default="", blank=True)
    drawn_at = models.DateTimeField(_("drawn"), null=True)

    class Meta:
        verbose_name = _("draw")
        verbose_name_plural = _("draws")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "public_id"], name="draw_public_id_unique"),
            models.UniqueConstraint(fields=["merchant", "benefit"], name="draw_of_a_benefit_once"),
            models.CheckConstraint(
                condition=models.Q(closes_at__gt=models.F("opens_at")), name="draw_closes_after_it_opens"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state=DrawState.DRAWN,
                    drawn_at__gte=models.F("closes_at"),
                    entrants__gte=0,
                    seed__regex="^[0-9a-f]{64}$",
                    root__regex="^[0-9a-f]{64}$",
                    digest__regex="^[0-9a-f]{64}$",
                )
                | models.Q(
                    state__in=[DrawState.OPEN, DrawState.WITHDRAWN],
                    drawn_at=None,
                    entrants=None,
                    seed="",
                    root="",
                    digest="",
                ),
                name="draw_drawn_whole",
            ),
        ]
        indexes = [
            models.Index(
                fields=["closes_at"], condition=models.Q(state=DrawState.OPEN), name="draw_to_be_drawn"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class DrawSeed(TenantModel):
    """The seed behind a commitment, sealed. Append-only, one a draw, made by the server when the draw is published.

    A merchant's process can write one and read none: it is read where the platform draws, after the close.
    """

    draw = TenantForeignKey(Draw, related_name="+")
    seed = EncryptedTextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "draw"], name="draw_seed_once")]


class DrawEntry(TenantModel):
    """A member's entry. Append-only.

    number: from 1 among those of the member. entrant: its pseudonym (`benefits.lib.draws.entrant_of`). key: of the
    request, which enters once. points: what was paid for it.
    """

    draw = TenantForeignKey(Draw, related_name="+")
    member = TenantForeignKey(Member, related_name="+")
    number = models.IntegerField()
    entrant = models.CharField(max_length=64)
    key = models.CharField(max_length=140)
    points = models.BigIntegerField(default=0)
    at = models.DateTimeField(_("time"))
    actor_kind = models.CharField(max_length=8)
    actor_label = models.CharField(_("who"), max_length=120)

    class Meta:
        verbose_name = _("entry of a draw")
        verbose_name_plural = _("entries of draws")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "draw", "entrant"], name="draw_entry_entrant"),
            models.UniqueConstraint(
                fields=["merchant", "member", "draw", "number"], name="draw_entry_number"
            ),
            models.UniqueConstraint(fields=["merchant", "member", "draw", "key"], name="draw_entry_key_once"),
            models.CheckConstraint(
                condition=models.Q(number__gte=1, points__gte=0), name="draw_entry_from_one"
            ),
        ]

    def __str__(self) -> str:
        return self.entrant


class DrawWin(TenantModel):
    """An entry that won: the prize's number from 1, its place among that prize's winners, and the right to it.
    Append-only, written with the drawing."""

    draw = TenantForeignKey(Draw, related_name="+")
    entry = TenantForeignKey(DrawEntry, related_name="+")
    prize = models.IntegerField()
    place = models.IntegerField()
    entitlement = TenantForeignKey(Entitlement, related_name="+")

    class Meta:
        verbose_name = _("prize won")
        verbose_name_plural = _("prizes won")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "draw", "prize", "place"], name="draw_win_place"),
            models.UniqueConstraint(fields=["merchant", "entry"], name="draw_win_entry_once"),
            models.UniqueConstraint(fields=["merchant", "entitlement"], name="draw_win_entitlement_once"),
            models.CheckConstraint(condition=models.Q(prize__gte=1, place__gte=1), name="draw_win_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.prize}.{self.place}"
