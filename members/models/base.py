"""What every table of a merchant's data has in common."""

from __future__ import annotations

from typing import Any

from django.db import models


class TenantQuerySet(models.QuerySet):
    """Querysets that filter by merchant literally; row security is the net below, not the filter."""

    def of(self, merchant: Any) -> TenantQuerySet:
        """The rows of one merchant (a Merchant, anything with `merchant_id`, or its id)."""
        merchant_id = getattr(merchant, "merchant_id", None) or getattr(merchant, "pk", merchant)
        return self.filter(merchant_id=merchant_id)


class TenantModel(models.Model):
    """A row of one merchant: database key (merchant_id, id), row policy, composite relations."""

    id = models.BigAutoField(primary_key=True)
    merchant = models.ForeignKey(
        "members.Merchant", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True
