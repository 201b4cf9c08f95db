"""Previews are worked out in parts by a worker; those made before were done in one go."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compliance", "0002_tenancy")]

    operations = [
        migrations.AddField(
            model_name="preview",
            name="confirms",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="confirmation",
                to="compliance.preview",
            ),
        ),
        migrations.AddField(
            model_name="preview",
            name="done_at",
            field=models.DateTimeField(null=True, verbose_name="done"),
        ),
        migrations.AddField(
            model_name="preview",
            name="failure",
            field=models.CharField(
                blank=True,
                choices=[
                    (
                        "broke_off",
                        "It broke off several times at the same place. The worker's log says why.",
                    ),
                    ("has_run", "This period has had its run."),
                ],
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="preview", name="failures", field=models.PositiveSmallIntegerField(default=0)
        ),
        migrations.AddField(model_name="preview", name="next_id", field=models.BigIntegerField(default=0)),
        migrations.AddField(
            model_name="preview", name="part_size", field=models.PositiveIntegerField(default=1)
        ),
        migrations.AddField(model_name="preview", name="parts", field=models.PositiveIntegerField(default=0)),
        migrations.AddField(
            model_name="preview", name="parts_done", field=models.PositiveIntegerField(default=0)
        ),
        migrations.AddField(
            model_name="preview",
            name="points",
            field=models.BigIntegerField(null=True, verbose_name="points"),
        ),
        migrations.AddField(
            model_name="preview",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("preview", "preview"),
                    ("start", "start"),
                    ("tonight", "tonight"),
                    ("trial", "trial"),
                ],
                default="preview",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="preview",
            name="run",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="compliance.run",
            ),
        ),
        migrations.AddField(
            model_name="preview",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Waits for a worker"),
                    ("working", "Being worked out"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                ],
                default="queued",
                max_length=8,
                verbose_name="state",
            ),
        ),
        migrations.AddField(model_name="preview", name="tried", field=models.JSONField(null=True)),
        migrations.AlterField(
            model_name="preview",
            name="digest",
            field=models.CharField(blank=True, max_length=64, verbose_name="hash"),
        ),
        migrations.AddIndex(
            model_name="preview",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "working"])), fields=["id"], name="preview_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="preview",
            constraint=models.CheckConstraint(
                condition=models.Q(("parts_done__lte", models.F("parts"))), name="preview_parts_done"
            ),
        ),
        migrations.RunSQL(
            "update compliance_preview set state = 'done', done_at = made_at", migrations.RunSQL.noop
        ),
    ]
