import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0010_receipts_of_failures"),
    ]

    operations = [
        migrations.AddField(
            model_name="policy",
            name="min_audience",
            field=models.PositiveSmallIntegerField(
                default=0, verbose_name="smallest named audience (members)"
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="paper_rules",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=16),
                blank=True,
                default=list,
                size=None,
                verbose_name="also paper",
            ),
        ),
    ]
