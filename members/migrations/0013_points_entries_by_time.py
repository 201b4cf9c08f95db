import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0012_webhooks"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="pointsentry",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["at"], name="points_entry_by_time", pages_per_range=32
            ),
        ),
    ]
