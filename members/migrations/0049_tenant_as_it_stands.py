"""Row policies read the tenant as it stands, no longer by a subquery; those of the other apps with them."""

from django.db import migrations

from members.lib.schema import TenantAsItStands


class Migration(migrations.Migration):
    dependencies = [("members", "0048_job_progress")]

    operations = [TenantAsItStands()]
