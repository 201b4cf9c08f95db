from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0027_emails_of_members"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="importjob",
            name="import_state_known",
        ),
        migrations.AlterField(
            model_name="importjob",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Waiting to be checked"),
                    ("checking", "Being checked"),
                    ("checked", "Checked"),
                    ("running", "Running"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                    ("undoing", "Being undone"),
                    ("undone", "Undone"),
                    ("undo_fail", "Undoing failed"),
                ],
                default="queued",
                max_length=9,
                verbose_name="state",
            ),
        ),
        migrations.AddConstraint(
            model_name="importjob",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "queued",
                            "checking",
                            "checked",
                            "running",
                            "done",
                            "failed",
                            "cancelled",
                            "undoing",
                            "undone",
                            "undo_fail",
                        ],
                    )
                ),
                name="import_state_known",
            ),
        ),
    ]
