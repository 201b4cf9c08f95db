"""What an edit of the rules is to find of members whose days changed while the program was closed."""

from django.db import migrations, models

SUMS = ("spend_minor", "orders", "active_days", "points_earned")


class Migration(migrations.Migration):
    dependencies = [("members", "0049_tenant_as_it_stands")]

    operations = [
        *(
            migrations.AddField(
                model_name="tierliftmember", name=name, field=models.BigIntegerField(null=True)
            )
            for name in SUMS
        ),
        migrations.AddConstraint(
            model_name="tierliftmember",
            constraint=models.CheckConstraint(
                condition=models.Q(**dict.fromkeys(SUMS))
                | models.Q(**{f"{name}__isnull": False for name in SUMS}),
                name="tier_lift_member_sums_whole",
            ),
        ),
    ]
