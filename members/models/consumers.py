"""Natural persons across merchants (domain.md 1). Only the platform's role may touch these tables."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import PublicIdField, TenantForeignKey
from members.models.base import TenantModel
from members.models.members import Member


class Consumer(models.Model):
    """A natural person as the platform knows them, by a verified phone; the number itself is kept with their members.

    `phone_index` is crypto.consumer_index, whose key no merchant's index shares.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = PublicIdField(unique=True)
    phone_index = models.BinaryField(max_length=16, unique=True)
    at = models.DateTimeField(_("recorded at"))


class ConsumerLink(TenantModel):
    """Which member is which consumer. A table of its own, since merchants read the members."""

    consumer = models.ForeignKey(Consumer, models.PROTECT, related_name="+")
    member = TenantForeignKey(Member, related_name="+")
    at = models.DateTimeField(_("recorded at"))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "member"], name="consumer_link_once_per_member"),
            # One person is one member of a merchant: where a number passed on to somebody else, the first keeps it.
            models.UniqueConstraint(fields=["merchant", "consumer"], name="consumer_link_once_per_merchant"),
        ]
