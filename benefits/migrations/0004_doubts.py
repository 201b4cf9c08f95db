from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0003_pricing"),
        ("members", "0035_webhook_warnings"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="coverage",
            name="coverage_one_per_kind",
        ),
        migrations.AddField(
            model_name="benefit",
            name="doubts",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="benefit",
            name="measured",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="benefitrevision",
            name="doubts",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="benefitrevision",
            name="measured",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="coverage",
            name="doubts",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddConstraint(
            model_name="coverage",
            constraint=models.UniqueConstraint(
                fields=("merchant", "kind", "doubts"), name="coverage_one_per_kind"
            ),
        ),
    ]
