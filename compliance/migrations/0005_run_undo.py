import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from members.lib.schema import PlatformOnly, TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0004_appeals"),
        ("members", "0025_segments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="state",
            field=models.CharField(
                choices=[
                    ("planned", "Planned"),
                    ("braked", "Waits for approval"),
                    ("running", "Running"),
                    ("paused", "Paused"),
                    ("done", "Done"),
                    ("undone", "Undone"),
                ],
                default="planned",
                max_length=8,
                verbose_name="state",
            ),
        ),
        migrations.CreateModel(
            name="Undo",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("asked_at", models.DateTimeField(verbose_name="asked")),
                ("by_label", models.CharField(blank=True, max_length=120, verbose_name="who")),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("done_at", models.DateTimeField(null=True, verbose_name="done")),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("restored", "Open again"),
                            ("closed", "Closed by its merchant, as it was"),
                            ("nothing", "Had been restored or reopened already"),
                        ],
                        max_length=8,
                        verbose_name="outcome",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.merchant",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="compliance.run",
                    ),
                ),
            ],
            options={
                "verbose_name": "undone clearing",
                "verbose_name_plural": "undone clearings",
                "indexes": [
                    models.Index(fields=["run", "merchant"], name="undo_by_run"),
                    models.Index(condition=models.Q(("done_at", None)), fields=["run"], name="undo_open"),
                ],
                "constraints": [models.UniqueConstraint(fields=("merchant", "run"), name="undo_once")],
            },
        ),
        TenantTables(["Undo"]),
        PlatformOnly(["Undo"]),
    ]
