"""Long lists on their way to the database."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import example, given
from hypothesis import strategies as st

from members.lib.bulk import array_literal

pytestmark = pytest.mark.django_db

# What a text column can hold: everything but NUL and halves of characters.
TEXTS = st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), max_size=8)


@given(TEXTS)
@example([])
@example([""])
@example(['"', "\\", '\\"', "{a,b}", "NULL", "null", " ", "a\x1fb", "\n", "单号，7"])
def test_texts_arrive_as_they_were_whatever_they_hold(texts):
    with connection.cursor() as cursor:
        cursor.execute("select %s::text[]", [array_literal(texts)])
        assert cursor.fetchone()[0] == texts
