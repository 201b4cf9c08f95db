"""The catalogue: products and stock, the history of prices, the price guard with its policy and findings."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import members.lib.fields
from members.lib.schema import AppendOnly, FirstRelation, PlatformOnly, TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0007_draws"),
        ("members", "0041_benefit_uses"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="GuardPolicy",
            fields=[
                (
                    "number",
                    models.PositiveIntegerField(primary_key=True, serialize=False, verbose_name="version"),
                ),
                ("published_at", models.DateTimeField(verbose_name="published")),
                ("effective_at", models.DateTimeField(verbose_name="in force from")),
                (
                    "bait",
                    models.CharField(
                        choices=[("off", "Nothing"), ("warn", "Warn"), ("block", "Block")],
                        default="warn",
                        max_length=5,
                        verbose_name="Bait price",
                    ),
                ),
                (
                    "conditions",
                    models.CharField(
                        choices=[("off", "Nothing"), ("warn", "Warn"), ("block", "Block")],
                        default="warn",
                        max_length=5,
                        verbose_name="Hard conditions",
                    ),
                ),
                (
                    "comparison",
                    models.CharField(
                        choices=[("off", "Nothing"), ("warn", "Warn"), ("block", "Block")],
                        default="warn",
                        max_length=5,
                        verbose_name="Dishonest comparison",
                    ),
                ),
                (
                    "floor",
                    models.CharField(
                        choices=[("off", "Nothing"), ("warn", "Warn"), ("block", "Block")],
                        default="warn",
                        max_length=5,
                        verbose_name="Under the floor",
                    ),
                ),
                (
                    "far_percent",
                    models.PositiveSmallIntegerField(
                        default=50, verbose_name="far below: under so many per cent"
                    ),
                ),
                (
                    "few_percent",
                    models.PositiveSmallIntegerField(
                        default=5, verbose_name="few members: at most so many per cent"
                    ),
                ),
                ("days", models.PositiveSmallIntegerField(default=7, verbose_name="days before a reduction")),
                (
                    "eu_days",
                    models.PositiveSmallIntegerField(
                        default=30, verbose_name="days before a reduction in the EU"
                    ),
                ),
                ("by_label", models.CharField(blank=True, max_length=120, verbose_name="who")),
                ("reason", models.CharField(blank=True, max_length=500, verbose_name="reason")),
            ],
            options={
                "verbose_name": "price guard policy",
                "verbose_name_plural": "price guard policies",
            },
        ),
        migrations.CreateModel(
            name="PriceEntry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("sku", models.CharField(max_length=64, verbose_name="SKU")),
                ("at", models.DateTimeField(verbose_name="time")),
                ("source", models.CharField(max_length=8, verbose_name="source")),
                ("change", models.CharField(blank=True, max_length=24)),
                ("version", models.IntegerField(null=True, verbose_name="version")),
                ("by_label", models.CharField(blank=True, max_length=120, verbose_name="who")),
                ("cells", models.JSONField(default=list)),
            ],
            options={
                "verbose_name": "entry of the price history",
                "verbose_name_plural": "price history",
            },
        ),
        migrations.CreateModel(
            name="PriceFinding",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(verbose_name="time")),
                ("source", models.CharField(max_length=6)),
                ("source_id", models.CharField(max_length=24)),
                ("sku", models.CharField(max_length=64, verbose_name="SKU")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("bait", "Bait price"),
                            ("conditions", "Hard conditions"),
                            ("comparison", "Dishonest comparison"),
                            ("floor", "Under the floor"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("is_blocked", models.BooleanField(verbose_name="blocked")),
                ("numbers", models.JSONField(default=dict)),
                ("policy", models.PositiveIntegerField(verbose_name="version")),
                ("by_label", models.CharField(blank=True, max_length=120, verbose_name="who")),
            ],
            options={
                "verbose_name": "finding of the price guard",
                "verbose_name_plural": "findings of the price guard",
            },
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=160, verbose_name="product")),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "product",
                "verbose_name_plural": "products",
            },
        ),
        migrations.RemoveConstraint(
            model_name="pricechange",
            name="price_change_kind_known",
        ),
        migrations.AddField(
            model_name="cataloguesku",
            name="stock",
            field=models.IntegerField(null=True, verbose_name="stock"),
        ),
        migrations.AddField(
            model_name="pricechange",
            name="findings",
            field=models.JSONField(db_default=[], default=list),
        ),
        migrations.AlterField(
            model_name="pricechange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("table", "Price table"),
                    ("bulk", "Bulk change"),
                    ("file", "File"),
                    ("api", "Shop system"),
                ],
                max_length=8,
                verbose_name="kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="pricechange",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["table", "bulk", "file", "api"])),
                name="price_change_kind_known",
            ),
        ),
        migrations.AddField(
            model_name="guardpolicy",
            name="by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="priceentry",
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
            model_name="pricefinding",
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
            model_name="product",
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
            model_name="cataloguesku",
            name="product",
            field=members.lib.fields.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="skus",
                to="benefits.product",
            ),
        ),
        migrations.AddIndex(
            model_name="cataloguesku",
            index=models.Index(
                condition=models.Q(("product__isnull", False)),
                fields=["merchant", "product"],
                name="catalogue_by_product",
            ),
        ),
        migrations.AddConstraint(
            model_name="cataloguesku",
            constraint=models.CheckConstraint(
                condition=models.Q(("stock", None), ("stock__gte", 0), _connector="OR"),
                name="catalogue_stock_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="guardpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("effective_at__gte", models.F("published_at"))),
                name="guard_policy_not_retroactive",
            ),
        ),
        migrations.AddConstraint(
            model_name="guardpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("far_percent__gte", 1),
                    ("far_percent__lte", 100),
                    ("few_percent__lte", 100),
                    ("days__gte", 1),
                    ("days__lte", 365),
                    ("eu_days__gte", 1),
                    ("eu_days__lte", 365),
                ),
                name="guard_policy_in_range",
            ),
        ),
        migrations.AddIndex(
            model_name="priceentry",
            index=models.Index(fields=["merchant", "sku", "-id"], name="price_entry_by_sku"),
        ),
        migrations.AddIndex(
            model_name="pricefinding",
            index=models.Index(fields=["merchant", "-at", "-id"], name="price_finding_by_time"),
        ),
        migrations.AddConstraint(
            model_name="pricefinding",
            constraint=models.UniqueConstraint(
                fields=("merchant", "source_id", "sku", "kind", "is_blocked"), name="price_finding_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="pricefinding",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["bait", "conditions", "comparison", "floor"])),
                name="price_finding_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.UniqueConstraint(fields=("merchant", "name"), name="product_name_unique"),
        ),
        TenantTables(["Product", "PriceEntry", "PriceFinding"]),
        FirstRelation("CatalogueSku", "product"),
        AppendOnly(["PriceEntry", "PriceFinding", "GuardPolicy"]),
        PlatformOnly(["GuardPolicy"]),
    ]
