from django.db import migrations

from members.lib.schema import KeyedBy


class Migration(migrations.Migration):
    """One index less for tables that are written most and whose rows nobody looks for by their number."""

    dependencies = [
        ("members", "0013_points_entries_by_time"),
    ]

    operations = [
        KeyedBy("OrderLine", "order_line_number"),
        KeyedBy("DailyTotal", "daily_total_once"),
    ]
