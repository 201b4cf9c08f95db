"""Columns for what names people, sealed; the index that finds the past orders of those who join.

0004 fills them in batches, 0005 puts them in the place of the clear ones, 0006 rewrites the tables.
"""

from django.db import migrations, models

import members.lib.crypto


class Migration(migrations.Migration):
    dependencies = [("members", "0002_tenancy")]

    operations = [
        migrations.AddField(
            "identity", "external_index", models.BinaryField(max_length=16, null=True), preserve_default=False
        ),
        migrations.AddField(
            "identity", "external_sealed", members.lib.crypto.EncryptedTextField(verbose_name="external id")
        ),
        migrations.AddField("idempotencyrow", "answer_sealed", members.lib.crypto.EncryptedTextField()),
        migrations.AddField(
            "idempotencyrow", "is_sealed", models.BooleanField(default=False, db_default=False)
        ),
        migrations.AddIndex(
            "order",
            models.Index(
                fields=["merchant", "identity"],
                condition=models.Q(("identity__isnull", False), ("member__isnull", True)),
                name="order_of_customer",
            ),
        ),
    ]
