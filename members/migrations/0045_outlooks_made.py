"""All who bought or hold a tier wait for their outlook. By itself, so that the lock of the triggers' making is over."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("members", "0044_tier_outlook")]

    operations = [
        migrations.RunSQL(
            "insert into members_factsdue (merchant_id, member_id) "
            "select merchant_id, member_id from members_memberfacts union "
            "select merchant_id, member_id from members_tierstanding",
            migrations.RunSQL.noop,
        ),
    ]
