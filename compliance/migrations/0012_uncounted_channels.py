import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0011_paper_rules"),
    ]

    operations = [
        migrations.AddField(
            model_name="policy",
            name="uncounted_channels",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=16),
                blank=True,
                db_default=[],
                default=list,
                size=None,
                verbose_name="channels that do not count",
            ),
        ),
    ]
