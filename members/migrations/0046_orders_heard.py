"""Whether orders bring something, beside the row that every posting reads anyway."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0045_outlooks_made"),
    ]

    operations = [
        migrations.AddField(
            model_name="program",
            name="hears_orders",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
