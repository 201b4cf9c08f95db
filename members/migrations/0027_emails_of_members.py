import django.db.models.deletion
from django.db import migrations, models

import members.lib.crypto
import members.lib.fields
from members.lib.references import SetReferences
from members.lib.schema import TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0026_references_of_a_table"),
    ]

    operations = [
        migrations.CreateModel(
            name="ExpiryEmail",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "On its way"),
                            ("sent", "Sent by e-mail"),
                            ("left_out", "Not sent"),
                            ("refused", "Refused by the mail server"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("settled_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="member",
            name="email",
            field=members.lib.crypto.EncryptedTextField(blank=True, null=True, verbose_name="e-mail"),
        ),
        migrations.AddField(
            model_name="member",
            name="email_consent_at",
            field=models.DateTimeField(null=True, verbose_name="consent to e-mail"),
        ),
        migrations.AddField(
            model_name="member",
            name="email_consent_source",
            field=models.CharField(
                blank=True, db_default="", max_length=200, verbose_name="source of the consent to e-mail"
            ),
        ),
        migrations.AddField(
            model_name="member",
            name="email_index",
            field=models.BinaryField(max_length=16, null=True),
        ),
        migrations.AddField(
            model_name="member",
            name="email_stopped_at",
            field=models.DateTimeField(null=True, verbose_name="e-mail stopped"),
        ),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(
                condition=models.Q(("email_index__isnull", False)),
                fields=["merchant", "email_index"],
                name="member_by_email",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("email_consent_at", None), ("email_index__isnull", False), _connector="OR"
                ),
                name="member_email_consent_has_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(("email_consent_at", None), ("email_stopped_at", None), _connector="OR"),
                name="member_email_consent_or_stopped",
            ),
        ),
        migrations.AddField(
            model_name="expiryemail",
            name="member",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.member",
            ),
        ),
        migrations.AddField(
            model_name="expiryemail",
            name="merchant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.merchant",
            ),
        ),
        migrations.AddField(
            model_name="expiryemail",
            name="notice",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="members.expirynotice",
            ),
        ),
        migrations.AddIndex(
            model_name="expiryemail",
            index=models.Index(fields=["merchant", "at"], name="expiry_email_by_time"),
        ),
        migrations.AddConstraint(
            model_name="expiryemail",
            constraint=models.UniqueConstraint(fields=("merchant", "notice"), name="expiry_email_once"),
        ),
        migrations.AddConstraint(
            model_name="expiryemail",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "sent", "left_out", "refused"])),
                name="expiry_email_state_known",
            ),
        ),
        TenantTables(["ExpiryEmail"]),
        # A morning's e-mails: written at once, checked a statement at a time.
        SetReferences(["ExpiryEmail"]),
    ]
