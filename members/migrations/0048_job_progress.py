"""How far a scheduled job is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("members", "0047_references_counted_once")]

    operations = [
        migrations.AddField(model_name="jobtick", name="progress", field=models.JSONField(null=True)),
    ]
