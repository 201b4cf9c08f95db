"""Every SKU of the price table is in the catalogue; what is there already stays."""

from django.db import migrations

FILL = """
insert into benefits_cataloguesku (merchant_id, sku, name, list_minor, changed_at)
select distinct on (merchant_id, sku) merchant_id, sku, '', list_minor, from_at
from benefits_skuprice order by merchant_id, sku, from_at desc
on conflict (merchant_id, sku) do nothing
"""


class Migration(migrations.Migration):
    dependencies = [
        ("benefits", "0008_catalogue"),
    ]

    operations = [
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
