"""A benefit leaves findings of the price guard with each of its lists, not with its first alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0010_rewards"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="pricefinding", name="price_finding_once"),
        migrations.AddConstraint(
            model_name="pricefinding",
            constraint=models.UniqueConstraint(
                condition=models.Q(("source", "change"), ("is_blocked", True), _connector="OR"),
                fields=("merchant", "source_id", "sku", "kind", "is_blocked"),
                name="price_finding_once",
            ),
        ),
    ]
