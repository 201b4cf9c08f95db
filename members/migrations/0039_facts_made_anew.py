"""The facts that are there wait to be made anew, with the tier and the day of joining. By itself, so that the lock of
the trigger's making is over."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("members", "0038_facts_asked_alone")]

    operations = [
        migrations.RunSQL(
            "insert into members_factsdue (merchant_id, member_id) "
            "select merchant_id, member_id from members_memberfacts",
            migrations.RunSQL.noop,
        ),
    ]
