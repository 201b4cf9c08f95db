"""Seals the external ids of identities and the stored answers that lie in clear, batch by batch.

Each batch commits by itself and what is sealed is passed over, so that a broken-off migration goes on where it stood.
"""

from django.db import migrations

from members.migrations._sealing import seal_rows


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("members", "0003_sealed_columns")]

    operations = [migrations.RunPython(seal_rows, migrations.RunPython.noop, elidable=True)]
