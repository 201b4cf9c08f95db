"""One index by the time of entries instead of two: each is asked at every write."""

from __future__ import annotations

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("members", "0041_benefit_uses")]

    operations = [
        migrations.RemoveIndex(model_name="pointsentry", name="points_entry_by_time"),
        migrations.RemoveIndex(model_name="pointsentry", name="points_entry_by_arrival"),
        migrations.AddIndex(
            model_name="pointsentry",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["at", "id"], name="points_entry_by_arrival", pages_per_range=32
            ),
        ),
    ]
