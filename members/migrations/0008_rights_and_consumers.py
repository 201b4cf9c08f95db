"""Consumers, whom no merchant's process may see; and what merchants' processes may write beyond their own rows.

Tables that are read to find the tenant get row policies; rights that nothing needs are taken back.
"""

import django.db.models.deletion
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import FoundByAll, PlatformOnly, Revoke, TenantTables

# Which permissions and groups there are, and who has them, is the platform's; what was migrated, the owner's.
NOT_THE_MERCHANTS = [
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_admin_log",
    "django_content_type",
    "django_migrations",
    "members_user_groups",
    "members_user_user_permissions",
]


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0007_set_references"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="Consumer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "public_id",
                    members.lib.fields.PublicIdField(
                        default=members.lib.fields.opaque_id, editable=False, max_length=24, unique=True
                    ),
                ),
                ("phone_index", models.BinaryField(max_length=16, unique=True)),
                ("at", models.DateTimeField(verbose_name="recorded at")),
            ],
        ),
        migrations.CreateModel(
            name="ConsumerLink",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(verbose_name="recorded at")),
                (
                    "consumer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.consumer",
                    ),
                ),
                (
                    "member",
                    members.lib.fields.TenantForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.member",
                    ),
                ),
                (
                    "merchant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="members.merchant",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="consumerlink",
            constraint=models.UniqueConstraint(
                fields=("merchant", "member"), name="consumer_link_once_per_member"
            ),
        ),
        migrations.AddConstraint(
            model_name="consumerlink",
            constraint=models.UniqueConstraint(
                fields=("merchant", "consumer"), name="consumer_link_once_per_merchant"
            ),
        ),
        TenantTables(["ConsumerLink"]),
        PlatformOnly(["Consumer", "ConsumerLink"], hidden=True),
        Revoke("all", ["sequence members_consumer_id_seq", "sequence members_consumerlink_id_seq"]),
        FoundByAll(["Merchant", "Staff", "Invitation", "ApiKey"]),
        Revoke("all", NOT_THE_MERCHANTS),
        # Nobody is deleted: the audit logs name them.
        Revoke("delete", ["members_user"]),
        Revoke("delete", ["members_user"], kind="platform"),
    ]
