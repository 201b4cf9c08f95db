"""The checks of entitlements' references as members 0047 writes them."""

from django.db import migrations

from members.lib.references import SetReferenceChecks


class Migration(migrations.Migration):
    dependencies = [("benefits", "0012_campaigns"), ("members", "0047_references_counted_once")]

    operations = [SetReferenceChecks(["Entitlement"])]
