"""A dropped column stays in the files of a table until its rows are written anew; so they are."""

from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("members", "0005_clear_columns_gone")]

    operations = [
        migrations.RunSQL(
            ["vacuum (full, analyze) members_identity", "vacuum (full, analyze) members_idempotencyrow"],
            migrations.RunSQL.noop,
        )
    ]
