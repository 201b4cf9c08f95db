"""Coverage as stored: spans travel through the database unchanged."""

from __future__ import annotations

import datetime as dt

from benefits.lib.spans import Span
from benefits.models import Coverage
from members.lib import tenant as tenancy


def test_spans_come_back_as_they_were_stored(cast, noon):
    later = noon + dt.timedelta(days=3)
    spans = (Span(noon, later), Span(later + dt.timedelta(days=1), None))

    with tenancy.tenant(cast.shop.pk):
        Coverage.objects.create(
            merchant=cast.shop,
            kind="coupon",
            in_force=spans,
            configured_at=[noon, later],
            force_from=[noon, None],
        )
        row = Coverage.objects.of(cast.shop).get()

    assert row.in_force == spans
    assert row.force_from == [noon, None]


def test_no_coverage_is_an_empty_multirange(cast):
    with tenancy.tenant(cast.shop.pk):
        Coverage.objects.create(merchant=cast.shop, kind="coupon", in_force=())

        assert Coverage.objects.of(cast.shop).get().in_force == ()
