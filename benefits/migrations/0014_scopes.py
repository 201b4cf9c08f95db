from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0013_references_counted_once"),
    ]

    operations = [
        *(
            migrations.AddField(
                model_name=model,
                name="scope",
                field=models.JSONField(db_default={}, default=dict, verbose_name="where it holds"),
            )
            for model in ("benefit", "benefitrevision")
        ),
        *(
            migrations.AlterField(
                model_name=model,
                name="doubts",
                field=models.IntegerField(db_default=0, default=0),
            )
            for model in ("benefit", "benefitrevision", "coverage")
        ),
    ]
