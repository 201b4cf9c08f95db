"""Orders of a file bring the scene they were bought in. Null where the file has no such column."""

from django.db import migrations

ADD = "alter table members_stagedorder add column scene text"
DROP = "alter table members_stagedorder drop column scene"


class Migration(migrations.Migration):
    dependencies = [("members", "0019_references_in_one_walk")]

    operations = [migrations.RunSQL(ADD, DROP)]
