"""How often work in chunks was taken up since it last got on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("members", "0032_facts_of_buyers")]

    operations = [
        migrations.AddField(model_name=name, name="attempts", field=models.SmallIntegerField(default=0))
        for name in ("bulkact", "export")
    ]
