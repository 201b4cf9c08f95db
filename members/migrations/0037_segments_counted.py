"""Segments keep how many are in them; an audit of tiers says at which shops it looks for missed lifts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("members", "0036_kinds_of_exports")]

    operations = [
        migrations.AddField("segment", "counted_at", models.DateTimeField(null=True, verbose_name="counted")),
        migrations.AddField("segment", "members", models.BigIntegerField(null=True, verbose_name="members")),
        migrations.AddField("tieraudit", "lift_members", models.BigIntegerField(db_default=0, default=0)),
        migrations.AddField("tieraudit", "lift_shops", models.JSONField(null=True)),
        migrations.AddField("tieraudit", "lifts_through", models.IntegerField(db_default=0, default=0)),
    ]
