from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0009_appeal_threads"),
        ("members", "0033_attempts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="receipt",
            name="event",
            field=models.CharField(
                choices=[
                    ("delivered", "Delivered"),
                    ("seen", "Seen"),
                    ("acknowledged", "Acknowledged"),
                    ("failed", "Could not be handed over"),
                ],
                max_length=12,
                verbose_name="event",
            ),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(
                condition=models.Q(("event", "failed")), fields=["merchant", "notice"], name="receipt_failed"
            ),
        ),
    ]
