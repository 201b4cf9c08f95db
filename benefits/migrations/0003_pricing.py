import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from members.lib.schema import AppendOnly, TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0002_tenancy"),
        ("members", "0022_expiry_digest"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PriceVersion",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.IntegerField(verbose_name="version")),
                ("at", models.DateTimeField(verbose_name="in force from")),
                ("stack", models.CharField(max_length=16, verbose_name="how a member price meets a sale")),
                ("rewards", models.JSONField(default=list)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
            options={
                "verbose_name": "price rules",
                "verbose_name_plural": "price rules",
                "indexes": [
                    models.Index(fields=["merchant", "-at", "-number"], name="price_version_by_time")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("merchant", "number"), name="price_version_number_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("stack__in", ["on_sale_price", "best_of", "not_on_sale"])),
                        name="price_version_stack_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SkuPrice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("sku", models.CharField(max_length=64, verbose_name="SKU")),
                ("list_minor", models.BigIntegerField(verbose_name="list price")),
                ("sale_minor", models.BigIntegerField(null=True, verbose_name="sale price")),
                ("floor_minor", models.BigIntegerField(default=1, verbose_name="floor")),
                ("members", models.JSONField(default=dict, verbose_name="member prices")),
                ("fans", models.JSONField(null=True, verbose_name="fan price")),
                ("from_at", models.DateTimeField()),
                ("to_at", models.DateTimeField(null=True)),
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
            options={
                "verbose_name": "prices of a SKU",
                "verbose_name_plural": "prices of SKUs",
                "indexes": [models.Index(fields=["merchant", "sku", "from_at"], name="sku_price_by_time")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("to_at", None)),
                        fields=("merchant", "sku"),
                        name="sku_price_one_present",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("floor_minor__gte", 1),
                            ("list_minor__gte", 1),
                            models.Q(("sale_minor", None), ("sale_minor__gte", 1), _connector="OR"),
                        ),
                        name="sku_price_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("to_at", None), ("to_at__gte", models.F("from_at")), _connector="OR"
                        ),
                        name="sku_price_ends_after",
                    ),
                ],
            },
        ),
        TenantTables(["PriceVersion", "SkuPrice"]),
        AppendOnly(["PriceVersion"]),
    ]
