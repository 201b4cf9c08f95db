from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0034_terms_of_joining"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("event__in", ["program.at_risk", "program.final_notice"])),
                fields=["due_at"],
                name="webhook_delivery_warning",
            ),
        ),
    ]
