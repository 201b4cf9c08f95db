"""Quotes know the layers of benefits by version of the price rules, and since when a code is taken back."""

from django.db import migrations, models

import benefits.models.pricing

# When they were taken back nobody wrote down; no basket is priced with them.
TAKEN_BACK = "update benefits_entitlement set revoked_at = at where state = 'revoked'"


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0016_code_pools"),
    ]

    operations = [
        migrations.AddField(
            model_name="priceversion",
            name="layers",
            field=models.JSONField(db_default=[], default=benefits.models.pricing.all_layers),
        ),
        migrations.AddField(
            model_name="entitlement",
            name="revoked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(TAKEN_BACK, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="entitlement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("revoked_at__isnull", False), ("state", "revoked")),
                    models.Q(models.Q(("state", "revoked"), _negated=True), ("revoked_at__isnull", True)),
                    _connector="OR",
                ),
                name="entitlement_revoked_then",
            ),
        ),
    ]
