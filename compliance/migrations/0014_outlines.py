"""Each program's coverage in one line, told of those that there are as the first version of the rules counted."""

from django.db import migrations, models

# The line names what counted when it was told, so any choice is true of it; this one fits a policy that leaves draws and
# doubted benefits out. Where two configurations share the last instant and differ, no line is told.
TOLD = """
with told as (
    select merchant_id, kind, doubts, in_force, configured_at, force_from,
        kind not in ('lucky_draw', 'draw_purchase') and doubts = 0 as counts
    from benefits_coverage
), keys as (
    select merchant_id,
        coalesce(string_agg(kind || ':' || doubts, ' ' order by kind collate "C", doubts)
            filter (where counts), '') as counted,
        coalesce(string_agg(kind || ':' || doubts, ' ' order by kind collate "C", doubts)
            filter (where not counts), '') as others,
        range_agg(in_force) filter (where counts) as stretches
    from told group by merchant_id
), latest as (
    select distinct on (merchant_id) merchant_id, e.at, e.force_from,
        count(*) over (partition by merchant_id, e.at) as alike
    from told cross join lateral unnest(configured_at, force_from) e(at, force_from)
    where counts
    group by merchant_id, e.at, e.force_from
    order by merchant_id, e.at desc
), line as (
    select s.merchant_id, s.refreshed_at, coalesce(k.counted, '') as counted, coalesce(k.others, '') as others,
        lower(x.last) as cover_from, upper(x.last) as cover_to, l.at as configured_at, l.force_from,
        coalesce(l.alike, 1) = 1 and length(coalesce(k.counted, '') || coalesce(k.others, '')) < 490
            and (x.last is null or not lower_inf(x.last)) as is_told
    from compliance_standing s
    left join keys k using (merchant_id)
    left join latest l using (merchant_id)
    left join lateral (
        select r as last from unnest(k.stretches) r order by lower(r) desc nulls last limit 1
    ) x on true
    where s.refreshed_at is not null
)
update compliance_standing s set
    cover_shape = case
        when line.cover_from <= line.refreshed_at and line.cover_to is null then '=' else '-'
    end || line.counted || '|' || line.others,
    cover_from = line.cover_from, cover_to = line.cover_to,
    configured_at = line.configured_at, configured_force = line.force_from
from line where line.merchant_id = s.merchant_id and line.is_told
"""


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0018_till_queue"),
        ("compliance", "0013_findings_in_grades"),
    ]

    operations = [
        migrations.AddField("standing", "cover_shape", models.TextField(default="", db_default="")),
        migrations.AddField("standing", "cover_from", models.DateTimeField(null=True)),
        migrations.AddField("standing", "cover_to", models.DateTimeField(null=True)),
        migrations.AddField("standing", "configured_at", models.DateTimeField(null=True)),
        migrations.AddField("standing", "configured_force", models.DateTimeField(null=True)),
        migrations.RunSQL(TOLD, migrations.RunSQL.noop),
        migrations.AddIndex("standing", models.Index(fields=["cover_shape"], name="standing_by_shape")),
    ]
