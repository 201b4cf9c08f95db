"""What the price guard found in a month, beside its other metrics."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0012_uncounted_channels"),
    ]

    operations = [
        migrations.AddField(
            model_name="grade",
            name="findings",
            field=models.IntegerField(null=True, verbose_name="findings of the price guard"),
        ),
        migrations.AddField(
            model_name="grade",
            name="findings_weighed",
            field=models.BigIntegerField(null=True),
        ),
    ]
