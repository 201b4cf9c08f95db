"""The clear columns go away; the sealed ones take their names, and the blind index the uniqueness."""

from django.db import migrations, models

from members.migrations._sealing import seal_rows


class Migration(migrations.Migration):
    dependencies = [("members", "0004_seal_what_names_people")]

    operations = [
        migrations.RunSQL(
            "lock table members_identity, members_idempotencyrow in access exclusive mode",
            migrations.RunSQL.noop,
        ),
        migrations.RunPython(seal_rows),  # what an older process wrote since
        migrations.RunSQL("set constraints all immediate", migrations.RunSQL.noop),
        migrations.RemoveConstraint("identity", "identity_unique"),
        migrations.RemoveConstraint("identity", "identity_external_id_given"),
        migrations.RemoveField("identity", "external_id"),
        migrations.RenameField("identity", "external_sealed", "external_id"),
        migrations.AlterField("identity", "external_index", models.BinaryField(max_length=16)),
        migrations.AddConstraint(
            "identity",
            models.UniqueConstraint(fields=["merchant", "external_index"], name="identity_unique"),
        ),
        migrations.AddConstraint(
            "identity",
            models.CheckConstraint(
                condition=models.Q(("external_id__isnull", False)), name="identity_external_id_given"
            ),
        ),
        migrations.RemoveField("idempotencyrow", "is_sealed"),
        migrations.RemoveField("idempotencyrow", "answer"),
        migrations.RenameField("idempotencyrow", "answer_sealed", "answer"),
    ]
