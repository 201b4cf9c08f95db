from django.db import migrations, models

# A refund stands before its own entry; one that wrote none stands after what its order had posted by then, and before
# the entries of the refunds after it.
REFUNDS = """
alter table members_refund disable trigger append_only;
update members_refund r set sequence = coalesce(
    (
        select e.sequence - 1 from members_pointsentry e
        where e.merchant_id = r.merchant_id and e.order_id = r.order_id and e.refund = r.refund
    ),
    least(
        coalesce(
            (
                select max(e.sequence) from members_pointsentry e
                where e.merchant_id = r.merchant_id and e.order_id = r.order_id and e.at <= r.at
            ),
            0
        ),
        (
            select min(e.sequence) - 1 from members_refund s join members_pointsentry e
                on e.merchant_id = s.merchant_id and e.order_id = s.order_id and e.refund = s.refund
            where s.merchant_id = r.merchant_id and s.order_id = r.order_id and s.id > r.id
        )
    )
);
alter table members_refund enable trigger append_only;
"""
# Of the times an order was sent at one instant, the last wrote the last entry that no refund wrote, and so on back.
REVISIONS = """
alter table members_orderrevision disable trigger append_only;
with sent as (
    select id, merchant_id, order_id, replaced_at as at,
        row_number() over (partition by merchant_id, order_id, replaced_at order by revision desc) as back
    from members_orderrevision
),
written as (
    select e.merchant_id, e.order_id, e.at, e.sequence,
        row_number() over (partition by e.merchant_id, e.order_id, e.at order by e.posting desc) as back
    from members_pointsentry e
    where e.posting > 0 and e.refund is null and exists (
        select from members_orderrevision r where r.merchant_id = e.merchant_id and r.order_id = e.order_id
    )
)
update members_orderrevision r set sequence = coalesce(
    written.sequence - 1,
    (
        select max(e.sequence) from members_pointsentry e
        where e.merchant_id = r.merchant_id and e.order_id = r.order_id and e.at < r.replaced_at
    ),
    0
)
from sent left join written using (merchant_id, order_id, at, back)
where r.merchant_id = sent.merchant_id and r.id = sent.id;
alter table members_orderrevision enable trigger append_only;
"""


class Migration(migrations.Migration):
    """Refunds and replaced orders know their place among the member's entries. What is stored gets its place by what
    was posted, and by its instant where nothing was."""

    dependencies = [("members", "0014_keys_of_lines_and_days")]

    operations = [
        migrations.AddField(
            "orderrevision", "sequence", models.BigIntegerField(default=0), preserve_default=False
        ),
        migrations.AddField("refund", "sequence", models.BigIntegerField(default=0), preserve_default=False),
        migrations.RunSQL(REFUNDS, migrations.RunSQL.noop),
        migrations.RunSQL(REVISIONS, migrations.RunSQL.noop),
    ]
