"""`--merchant M`, as several commands take it: one merchant by its short name, or all."""

from __future__ import annotations

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from members.models import Merchant


def add_option(parser: CommandParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--merchant", default="", metavar="M", help="the merchant's short name; all without it"
    )


def named(merchant: str) -> dict[int, str]:
    """Time zones by merchant: the one named, or all ("" names none). Raises CommandError."""
    with transaction.atomic():
        shops = Merchant.objects.filter(slug=merchant) if merchant else Merchant.objects.all()
        found = dict(shops.order_by("id").values_list("id", "timezone"))
    if merchant and not found:
        raise CommandError(f"there is no merchant “{merchant}”")
    return found
