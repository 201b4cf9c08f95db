"""Grades: policies, months, a row per program and month, categories of shops."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import compliance.models.codes
from members.lib.schema import AppendOnly, PlatformOnly, TenantTables


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0005_run_undo"),
        ("members", "0034_terms_of_joining"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="GradePolicy",
            fields=[
                (
                    "number",
                    models.PositiveIntegerField(primary_key=True, serialize=False, verbose_name="version"),
                ),
                ("published_at", models.DateTimeField(verbose_name="published")),
                ("effective_at", models.DateTimeField(verbose_name="in force from")),
                ("values", models.JSONField()),
                ("by_label", models.CharField(blank=True, max_length=120, verbose_name="who")),
                ("reason", models.CharField(blank=True, max_length=500, verbose_name="reason")),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "grade policy",
                "verbose_name_plural": "grade policies",
            },
        ),
        migrations.CreateModel(
            name="GradeRun",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("month", models.DateField(unique=True, verbose_name="month")),
                ("at", models.DateTimeField(verbose_name="computed for")),
                ("started_at", models.DateTimeField(verbose_name="started")),
                ("done_at", models.DateTimeField(null=True, verbose_name="done")),
                ("through", models.BigIntegerField(default=0)),
                ("programs", models.BigIntegerField(default=0, verbose_name="programs")),
                ("protected", models.BigIntegerField(default=0, verbose_name="new programs")),
                ("counts", models.JSONField(default=dict)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="compliance.gradepolicy",
                        verbose_name="policy",
                    ),
                ),
            ],
            options={
                "verbose_name": "month of grades",
                "verbose_name_plural": "months of grades",
            },
        ),
        migrations.CreateModel(
            name="Grade",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "level",
                    compliance.models.codes.CodeField(
                        choices=[
                            ("improving", "Improving"),
                            ("potential", "Potential"),
                            ("quality", "Quality"),
                        ],
                        codes={"improving": 1, "potential": 2, "quality": 3},
                        verbose_name="grade",
                    ),
                ),
                (
                    "granted",
                    compliance.models.codes.CodeField(
                        choices=[
                            ("improving", "Improving"),
                            ("potential", "Potential"),
                            ("quality", "Quality"),
                        ],
                        codes={"improving": 1, "potential": 2, "quality": 3},
                        verbose_name="privileges of",
                    ),
                ),
                (
                    "band",
                    compliance.models.codes.CodeField(
                        choices=[("small", "Small shop"), ("medium", "Medium shop"), ("large", "Large shop")],
                        codes={"large": 3, "medium": 2, "small": 1},
                        verbose_name="size",
                    ),
                ),
                ("is_protected", models.BooleanField(verbose_name="new")),
                (
                    "category",
                    models.CharField(
                        choices=[
                            ("general", "General"),
                            ("apparel", "Clothes and shoes"),
                            ("beauty", "Beauty"),
                            ("food", "Food"),
                            ("home", "Home and living"),
                            ("electronics", "Electronics"),
                            ("mother_baby", "Mother and baby"),
                            ("sports", "Sports and outdoors"),
                            ("dining", "Dining"),
                            ("services", "Local services"),
                        ],
                        max_length=16,
                        verbose_name="category",
                    ),
                ),
                ("days", models.SmallIntegerField()),
                ("benefit_days", models.SmallIntegerField(verbose_name="benefit days")),
                ("benefit_use", models.IntegerField(null=True)),
                ("orders", models.BigIntegerField(verbose_name="orders")),
                ("effective_members", models.BigIntegerField(verbose_name="effective members")),
                ("joins", models.BigIntegerField(verbose_name="joined")),
                ("member_minor", models.BigIntegerField()),
                ("all_minor", models.BigIntegerField()),
                (
                    "passing",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                (
                    "high",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
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
                (
                    "policy",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="compliance.gradepolicy",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="compliance.graderun",
                    ),
                ),
            ],
            options={
                "verbose_name": "grade",
                "verbose_name_plural": "grades",
            },
        ),
        migrations.CreateModel(
            name="ShopCategory",
            fields=[
                (
                    "merchant",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="members.merchant",
                    ),
                ),
                (
                    "category",
                    models.CharField(
                        choices=[
                            ("general", "General"),
                            ("apparel", "Clothes and shoes"),
                            ("beauty", "Beauty"),
                            ("food", "Food"),
                            ("home", "Home and living"),
                            ("electronics", "Electronics"),
                            ("mother_baby", "Mother and baby"),
                            ("sports", "Sports and outdoors"),
                            ("dining", "Dining"),
                            ("services", "Local services"),
                        ],
                        default="general",
                        max_length=16,
                        verbose_name="category",
                    ),
                ),
                ("set_at", models.DateTimeField(verbose_name="set")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "category__in",
                                (
                                    "general",
                                    "apparel",
                                    "beauty",
                                    "food",
                                    "home",
                                    "electronics",
                                    "mother_baby",
                                    "sports",
                                    "dining",
                                    "services",
                                ),
                            )
                        ),
                        name="shop_category_known",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="gradepolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("effective_at__gte", models.F("published_at"))),
                name="grade_policy_not_retroactive",
            ),
        ),
        migrations.AddConstraint(
            model_name="graderun",
            constraint=models.CheckConstraint(
                condition=models.Q(("month__day", 1)), name="grade_run_begins_a_month"
            ),
        ),
        migrations.AddIndex(
            model_name="grade",
            index=models.Index(fields=["run", "level", "merchant"], name="grade_by_level"),
        ),
        migrations.AddIndex(
            model_name="grade",
            index=models.Index(fields=["id"], name="grade_by_id"),
        ),
        migrations.AddConstraint(
            model_name="grade",
            constraint=models.UniqueConstraint(fields=("merchant", "run"), name="grade_once"),
        ),
        TenantTables(["Grade", "ShopCategory"]),
        PlatformOnly(["GradePolicy", "GradeRun", "Grade", "ShopCategory"]),
        AppendOnly(["GradePolicy", "Grade"]),
    ]
