"""How many paid members a clearance would leave to be refunded, in its preview."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0014_outlines"),
        ("benefits", "0019_plans"),
    ]

    operations = [
        migrations.AddField(
            model_name="preview",
            name="paid_members",
            field=models.BigIntegerField(null=True, verbose_name="paid members"),
        ),
    ]
