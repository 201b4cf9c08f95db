"""Exports of the ledger, of segments and of moves between tiers."""

from django.db import migrations, models


def kinds(*known):
    return models.CheckConstraint(condition=models.Q(("kind__in", list(known))), name="export_kind_known")


class Migration(migrations.Migration):
    dependencies = [("members", "0035_webhook_warnings")]

    operations = [
        migrations.AddField(
            "export", "label", models.CharField(blank=True, db_default="", default="", max_length=80)
        ),
        migrations.AlterField(
            "export",
            "kind",
            models.CharField(
                choices=[
                    ("members", "Members"),
                    ("segment", "Members of a segment"),
                    ("ledger", "Points ledger"),
                    ("moves", "Moves between tiers"),
                ],
                max_length=12,
                verbose_name="kind",
            ),
        ),
        migrations.RemoveConstraint("export", "export_kind_known"),
        migrations.AddConstraint("export", kinds("members", "segment", "ledger", "moves")),
    ]
