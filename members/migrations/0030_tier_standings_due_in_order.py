from django.db import migrations, models


class Migration(migrations.Migration):
    """The members due in a night are read in parts, each behind the one before: the index holds them in that order."""

    dependencies = [("members", "0029_member_facts")]

    operations = [
        migrations.RemoveIndex(model_name="tierstanding", name="tier_standing_due"),
        migrations.AddIndex(
            model_name="tierstanding",
            index=models.Index(
                fields=["valid_until", "merchant", "member"],
                condition=models.Q(("valid_until__isnull", False)),
                name="tier_standing_due",
            ),
        ),
    ]
